import { AnnotationMetadataEntryType, Testing } from 'cdktf';
import { Pipeline } from '../../modules/pipeline';
import { architectureOf, hasNvidiaGpu } from '../../modules/settings/machine';
import { problemsWith, settingsWith, standIns, synthesizePipeline } from '../support/synth';

const DEEP_LEARNING =
  '/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-amazon-linux-2023/latest/ami-id';
const gpu = { instanceType: 'g5.xlarge', diskGiB: 100 };

interface Conditions {
  postcondition: { condition: string; error_message: string }[];
}

describe('an image', () => {
  test('by a public parameter: the image of the first deploy, checked before any resource is created', () => {
    const { data, resource } = synthesizePipeline(settingsWith({ ...gpu, image: DEEP_LEARNING }));
    expect(data.aws_ssm_parameter!.instance).toMatchObject({ name: DEEP_LEARNING });
    expect(data.aws_ami!.instance).toMatchObject({
      filter: [{ name: 'image-id', values: ['${data.aws_ssm_parameter.instance.insecure_value}'] }],
    });
    expect(resource.aws_instance!.instance).toMatchObject({
      ami: '${data.aws_ami.instance.image_id}',
      instance_type: 'g5.xlarge',
      root_block_device: { volume_size: 100 },
    });
  });

  test('by its id', () => {
    const { data } = synthesizePipeline(settingsWith({ image: 'ami-0123456789abcdef0' }));
    expect(data.aws_ami!.instance).toMatchObject({
      filter: [{ name: 'image-id', values: ['ami-0123456789abcdef0'] }],
    });
    expect(data).not.toHaveProperty('aws_ssm_parameter');
  });

  test('by a name: the newest image of one owner, because any account may use any name', () => {
    const image = { name: 'our-models-*', owner: '123456789012' };
    const { data } = synthesizePipeline(settingsWith({ image }));
    expect(data.aws_ami!.instance).toMatchObject({
      most_recent: true,
      owners: ['123456789012'],
      filter: [{ name: 'name', values: ['our-models-*'] }],
    });
  });

  test('of another architecture, or larger than the disk, fails the plan', () => {
    const { data } = synthesizePipeline(settingsWith({ ...gpu, image: 'ami-0123456789abcdef0' }));
    const { postcondition } = data.aws_ami!.instance!.lifecycle as Conditions;
    expect(postcondition.map(({ condition }) => condition)).toEqual([
      '${self.architecture == "x86_64"}',
      expect.stringMatching(/volume_size.* <= 100\}$/) as unknown,
    ]);
    expect(postcondition[0]!.error_message).toContain(
      'but g5.xlarge is x86_64; change image or instanceType',
    );
    expect(postcondition[1]!.error_message).toContain('The setting diskGiB of test is 100');
  });
});

test('a GPU instance type without an image gets a warning, because there is no driver', () => {
  const warnings = (overrides: Record<string, unknown>) => {
    const stack = new Pipeline(Testing.app(), { settings: settingsWith(overrides), bundles: standIns });
    return stack.node
      .findAll()
      .flatMap(({ node }) => node.metadata)
      .filter(({ type }) => type === (AnnotationMetadataEntryType.WARN as string))
      .map(({ data }) => String(data));
  };
  expect(warnings({ instanceType: 'g5.xlarge' })).toEqual([
    expect.stringContaining('g5.xlarge has a GPU, but Amazon Linux 2023 has no driver') as unknown,
  ]);
  expect(warnings({ ...gpu, image: DEEP_LEARNING })).toEqual([]);
  expect(warnings({})).toEqual([]);
});

test.each([
  'g4dn.xlarge',
  'g5.xlarge',
  'g6e.xlarge',
  'gr6.4xlarge',
  'p3.2xlarge',
  'p5en.48xlarge',
  'g5g.xlarge',
])('%s has a GPU for CUDA', (type) => expect(hasNvidiaGpu(type)).toBe(true));

test.each(['g4ad.xlarge', 'c7g.large', 'm7i.large', 't4g.small', 'inf2.xlarge'])(
  '%s has no GPU for CUDA',
  (type) => expect(hasNvidiaGpu(type)).toBe(false),
);

test.each([
  ['p6-b200.48xlarge', 'x86_64'],
  ['p6e-gb200.36xlarge', 'arm64'],
  ['g5g.xlarge', 'arm64'],
  ['gr6.4xlarge', 'x86_64'],
])('%s is %s', (type, architecture) => expect(architectureOf(type)).toBe(architecture));

describe('a spot instance', () => {
  const { resource } = synthesizePipeline(settingsWith({ spot: true }));

  test('survives a stop and an interruption: its request is persistent, and an interruption stops it', () => {
    expect(resource.aws_instance!.instance!.instance_market_options).toEqual({
      market_type: 'spot',
      spot_options: { spot_instance_type: 'persistent', instance_interruption_behavior: 'stop' },
    });
  });

  test('is settled when EC2 restarts it: stop receives LAMPLIGHTER_SPOT', () => {
    const lambda = resource.aws_lambda_function!.stop as {
      environment: { variables: Record<string, string> };
    };
    expect(lambda.environment.variables).toMatchObject({ LAMPLIGHTER_SPOT: 'true' });
  });

  test('is not the default', () => {
    const plain = synthesizePipeline(settingsWith()).resource;
    expect(plain.aws_instance!.instance).not.toHaveProperty('instance_market_options');
    expect(JSON.stringify(plain.aws_lambda_function)).not.toContain('LAMPLIGHTER_SPOT');
  });
});

test.each<[Record<string, unknown>, string]>([
  [
    { instanceType: 'g5g.xlarge', image: DEEP_LEARNING },
    `image is "${DEEP_LEARNING}"; allowed is an image for arm64, which is the architecture of g5g.xlarge`,
  ],
  [
    { image: DEEP_LEARNING.replace('x86_64', 'arm64') },
    'allowed is an image for x86_64, which is the architecture of c7i.large',
  ],
  [
    { image: '/aws/service/ami-amazon-linux-latest/al2023-ami-minimal-kernel-default-arm64' },
    'allowed is an image for x86_64',
  ],
  [{ image: 'Deep Learning AMI' }, 'image is "Deep Learning AMI"; allowed is a Systems Manager parameter'],
  [{ image: { name: 'our-*' } }, 'allowed is a Systems Manager parameter that contains an image'],
  [
    { image: { name: '${x}', owner: 'self' } },
    'allowed is a Systems Manager parameter that contains an image',
  ],
  [{ spot: 'stop' }, 'spot is "stop"; allowed is true or false'],
])(
  'an instance that could not boot is refused, and the error says what is allowed: %j',
  (overrides, problem) => {
    const problems = problemsWith(overrides);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(problem);
  },
);
