import { differences } from '../../../../scripts/plan/differences';
import type { MadePlan } from '../../../../scripts/plan/make-plan';
import { pageOf } from '../../../../scripts/plan/page';
import { modelRemoved, otherNetwork, otherRegion } from './built';
import { drift, recorded, review } from './recorded';

const section = (made: MadePlan, title: string) =>
  pageOf(review(made), [], 'AWS')
    .sections.find((one) => one.title === title)
    ?.lines.map(({ sign, depth, text }) => `${sign} ${'  '.repeat(depth)}${text}`);

describe('a reviewer reads what changes, not how Terraform writes it', () => {
  test('settings: each argument, before and after', () => {
    expect(section(recorded('settings'), 'Changed')).toEqual([
      '~ aws_cloudwatch_event_rule.sweep',
      '~   schedule_expression: "rate(5 minutes)" → "rate(10 minutes)"',
      '~ aws_cloudwatch_log_group.stop',
      '~   retention_in_days: 30 → 7',
      '~ aws_instance.instance',
      '~   instance_type: "c7i.large" → "c7i.xlarge"',
      '~   root_block_device[0].volume_size: 30 → 40',
    ]);
  });

  test('a removed model is found inside the JSON of a variable and of a parameter', () => {
    expect(section(modelRemoved(), 'Destroyed')).toEqual(['- aws_s3_object.model_strict']);
    const changed = section(modelRemoved(), 'Changed')!;
    expect(changed[1]).toMatch(
      /^- {3}environment\[0\]\.variables\.LAMPLIGHTER_MODELS\[1\]: \{"name":"strict"/,
    );
    expect(changed.join('\n')).toContain('-   insecure_value.models[1]: {"name":"strict"');
    expect(changed[1]).toContain('"digest":"843cc1d07175…"');
    expect(changed.join('\n')).not.toContain('sensitive');
  });

  test('a replacement shows its cause, and references instead of "known after apply"', () => {
    const replaced = section(otherNetwork(), 'Replaced')!;
    expect(replaced).toContain(
      '~ aws_instance.instance is destroyed and created again, because of subnet_id',
    );
    expect(replaced.join('\n')).toContain('cidr_block: "10.71.0.0/24" → "10.72.0.0/24"');
    expect(replaced.join('\n')).not.toContain('known after');
    expect(replaced.join('\n')).not.toContain('tags_all');
    const changed = section(otherNetwork(), 'Changed')!.join('\n');
    expect(changed).toMatch(/LAMPLIGHTER_INSTANCE_ID: "i-\w+" → "\$\{aws_instance\.instance\.id\}"/);
    expect(changed).not.toContain('LAMPLIGHTER_MODELS');
    expect(changed).toContain('aws_iam_role_policy.stop: only resources that it refers to are created again');
  });

  test('another region: the first section says that the old machine still exists and costs money', () => {
    expect(review(otherRegion()).vanished).toEqual(['aws_instance.instance', 'aws_ssm_document.drain']);
    const { sections } = pageOf(review(otherRegion()), [], 'AWS');
    expect(sections[0]!.title).toBe('No longer found');
    expect(sections[0]!.lines.map(({ text }) => text).join('\n')).toContain('aws_instance.instance');
  });

  test('a value that Terraform only refreshed is no drift', () => {
    expect(review(recorded('settings')).changes.filter(({ hasDrifted }) => hasDrifted)).toEqual([]);
  });

  test('an argument that was changed outside Terraform, and that the plan changes back, is drift', () => {
    const made = drift(recorded('settings'), 'aws_cloudwatch_log_group.stop', {
      before: { retention_in_days: 7 },
      after: { retention_in_days: 30 },
    });
    expect(section(made, 'Changed')![2]).toMatch(/^~ aws_cloudwatch_log_group\.stop \(.*outside Terraform/);
  });
});

describe('differences', () => {
  const masks = { unknown: {}, beforeSensitive: {}, afterSensitive: {} };

  test('a secret is never shown, not even in part', () => {
    const secret = { ...masks, afterSensitive: { password: true } };
    const shown = differences({ password: 'hunter2' }, { password: 'hunter3' }, secret);
    expect(shown).toEqual([{ path: 'password', before: '(sensitive)', after: '(sensitive), changed' }]);
    expect(differences({ password: 'same' }, { password: 'same' }, secret)).toEqual([]);
  });

  test('a script shows only added and removed lines; a long line shows its first difference', () => {
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

  test('null, empty and missing are equal', () => {
    expect(differences({ a: null, b: [], c: '' }, { b: null, c: null, d: {} }, masks)).toEqual([]);
  });

  test('another order of a list is shown', () => {
    expect(differences({ a: ['x', 'y'] }, { a: ['y', 'x'] }, masks)).toHaveLength(1);
  });
});
