import { differences } from '../../../../scripts/plan/differences';
import { pageOf } from '../../../../scripts/plan/page';
import { recorded, review, type Recorded } from './recorded';

const section = (name: Recorded, title: string) =>
  pageOf(review(recorded(name)), [], 'AWS')
    .sections.find((one) => one.title === title)
    ?.lines.map(({ sign, depth, text }) => `${sign} ${'  '.repeat(depth)}${text}`);

describe('a reviewer reads what changes, not how Terraform writes it', () => {
  test('settings: each argument, before and after', () => {
    expect(section('settings', 'Changed')).toEqual([
      '~ aws_cloudwatch_event_rule.sweep',
      '~   schedule_expression: "rate(5 minutes)" → "rate(10 minutes)"',
      '~ aws_cloudwatch_log_group.stop',
      '~   retention_in_days: 30 → 7',
      '~ aws_instance.instance',
      '~   instance_type: "c7i.large" → "c7i.xlarge"',
      '~   root_block_device[0].volume_size: 30 → 40',
    ]);
  });

  test('a model less: what goes, looked for inside the JSON of a variable and of a parameter', () => {
    expect(section('model-removed', 'Destroyed')).toEqual(['- aws_s3_object.model_strict']);
    const changed = section('model-removed', 'Changed')!;
    expect(changed[1]).toMatch(
      /^- {3}environment\[0\]\.variables\.LAMPLIGHTER_MODELS\[1\]: \{"name":"strict"/,
    );
    expect(changed.join('\n')).toContain('-   insecure_value.models[1]: {"name":"strict"');
    expect(changed.join('\n')).not.toContain('sensitive');
  });

  test('a replacement: why, and what is made anew as a reference instead of "known after apply"', () => {
    const replaced = section('other-network', 'Replaced')!;
    expect(replaced).toContain('~ aws_instance.instance is destroyed and made anew, because of subnet_id');
    expect(replaced.join('\n')).toContain('cidr_block: "10.71.0.0/24" → "10.72.0.0/24"');
    expect(replaced.join('\n')).not.toContain('known after');
    const changed = section('other-network', 'Changed')!.join('\n');
    expect(changed).toMatch(/LAMPLIGHTER_INSTANCE_ID: "i-\w+" → "\$\{aws_instance\.instance\.id\}"/);
    expect(changed).not.toContain('LAMPLIGHTER_MODELS');
    expect(changed).toContain('aws_iam_role_policy.stop: only what it refers to is made anew');
  });

  test('another region: that the old machine lives on and costs is the first thing it says', () => {
    const { sections } = pageOf(review(recorded('other-region')), [], 'AWS');
    expect(sections[0]!.title).toBe('Not found any more');
    expect(sections[0]!.lines.map(({ text }) => text).join('\n')).toContain('aws_instance.instance');
  });

  test('what Terraform only refreshed is no drift', () => {
    expect(review(recorded('settings')).changes.filter(({ hasDrifted }) => hasDrifted)).toEqual([]);
  });
});

describe('differences', () => {
  const masks = { unknown: {}, beforeSensitive: {}, afterSensitive: {} };

  test('a secret is never shown, not even in part', () => {
    const secret = { ...masks, afterSensitive: { password: true } };
    const shown = differences({ password: 'hunter2' }, { password: 'hunter3' }, secret);
    expect(shown).toEqual([{ path: 'password', before: '(sensitive)', after: '(sensitive), another' }]);
    expect(differences({ password: 'same' }, { password: 'same' }, secret)).toEqual([]);
  });

  test('of a script only the lines that come and go; of a long line the place where it parts', () => {
    const script = (...lines: string[]) => ({ content: ['#!/bin/sh', ...lines, 'exit 0'].join('\n') });
    expect(differences(script('old', 'same'), script('same', 'new'), masks)).toEqual([
      { path: 'content', before: '"old"', after: undefined },
      { path: 'content', before: undefined, after: '"new"' },
    ]);
    const long = (end: string) => ({ text: `${'x'.repeat(500)}${end}` });
    const [one] = differences(long('before'), long('after'), masks);
    expect(one!.before).toMatch(/^…x{24}before"$/);
    expect(one!.after).toMatch(/^…x{24}after"$/);
  });

  test('null, empty and missing are the same nothing', () => {
    expect(differences({ a: null, b: [], c: '' }, { b: null, c: null, d: {} }, masks)).toEqual([]);
  });

  test('another order of a list is told', () => {
    expect(differences({ a: ['x', 'y'] }, { a: ['y', 'x'] }, masks)).toHaveLength(1);
  });
});
