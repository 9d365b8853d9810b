import { settingsWith, synthesizePipeline } from '../support/synth';

test('a deploy fails if S3 gives a model or the runner no version: jobs could not name it', () => {
  const objects = synthesizePipeline(settingsWith()).resource.aws_s3_object!;
  for (const [name, object] of Object.entries(objects)) {
    const { postcondition } = object.lifecycle as { postcondition: { error_message: string }[] };
    expect(postcondition).toEqual([
      {
        condition: '${coalesce(self.version_id, "null") != "null"}',
        error_message: expect.stringContaining(`terraform apply -replace=aws_s3_object.${name}`) as unknown,
      },
    ]);
    expect(postcondition[0]!.error_message).toContain('cdktf.out/stacks/test,');
  }
});
