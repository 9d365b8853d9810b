import { isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { InvalidInputError, messageOf } from '../lifecycle/errors';
import { DEFAULT_LINGER_SECONDS } from '../lifecycle/linger';
import { boundsOf, type ModelCard } from '../lifecycle/model';
import { readModelFolder, type ModelFolder } from './model-folder';
import { accountConflicts, accountSettings } from './settings/account';
import { encryptionConflicts, encryptionSettings } from './settings/encryption';
import { flag, regionName, wholeNumber } from './settings/fields';
import { architectureOf, machineConflicts, machineSettings, type Architecture } from './settings/machine';
import { networkConflicts, networkSettings } from './settings/network';

/**
 * Retention periods that CloudWatch Logs accepts, in days.
 * https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
 */
const LOG_RETENTION_DAYS = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 3653];

/**
 * Maximum size of the models in JSON. A Lambda function's environment and a Parameter Store parameter hold 4 KB each, and
 * their other values need about 1 KB.
 * https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 */
const MAX_MODELS_BYTES = 3000;

/** One pipeline's settings in cdktf.json. Each field's description says which values are allowed. */
export const settingsSchema = z.strictObject({
  /** The prefix of the names of all the pipeline's resources. */
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,18}[a-z0-9]$/)
    .describe('2 to 20 lower-case letters, digits and hyphens, the first a letter, the last not a hyphen'),
  region: regionName.default('eu-central-1').describe('an AWS region, for example eu-central-1'),
  /** Model folders, relative to the project's folder. */
  models: z
    .array(
      z
        .string()
        .min(1)
        .refine((path) => !isAbsolute(path)),
    )
    .min(1)
    .describe('a list of at least one model folder, relative to the project'),
  instanceType: z
    .string()
    .regex(/^[a-z][a-z0-9-]*\.[a-z0-9-]+$/)
    .default('c7i.large')
    .describe('an EC2 instance type, for example c7i.large'),
  diskGiB: wholeNumber(8, 16_384, 30),
  /** Whether `cdktf destroy` may delete the buckets with all their objects. */
  disposable: flag(false),
  sweepMinutes: wholeNumber(1, 60, 5),
  idleShutdownMinutes: wholeNumber(5, 1440, 10),
  /** No effect any more: every lease has LEASE_SECONDS. Accepted, so that settings of the first release stay valid. */
  leaseSeconds: wholeNumber(15, 3600, 60),
  lingerSeconds: wholeNumber(0, 600, DEFAULT_LINGER_SECONDS),
  breakerWakeUps: wholeNumber(1, 100, 3),
  logRetentionDays: z
    .int()
    .refine((days) => LOG_RETENTION_DAYS.includes(days))
    .default(30)
    .describe(`one of ${LOG_RETENTION_DAYS.join(', ')}`),
  /** Whether there are CloudWatch alarms, their topic, a dashboard and the metrics of both. Cost: docs/OPERATIONS.md. */
  alarms: flag(true),
  /** Whether a tag of the instance shows the phase. AWS Config bills each change of a tag. Cost: docs/OPERATIONS.md. */
  phaseTag: flag(true),
  /** Addresses that get a mail when an alarm goes off, and when the alarm is over. */
  alarmEmails: z
    .array(z.email())
    .max(20)
    .refine((emails) => new Set(emails.map(resourceNameOf)).size === emails.length)
    .default([])
    .describe('a list of at most 20 different e-mail addresses'),
  /**
   * Tags of all resources. EC2 allows neither spaces nor slashes in keys, because the instance metadata shows the tags.
   * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/work-with-tags-in-IMDS.html
   */
  tags: z
    .record(
      z.string().regex(/^(?!(?:aws|lamplighter):)[A-Za-z0-9+\-=.,_:@]{1,128}$/i),
      z.string().regex(/^[\p{L}\p{N} _.:/=+\-@]{0,256}$/u),
    )
    .refine((tags) => Object.keys(tags).length <= 40)
    .default({})
    .describe(
      'at most 40 tags; keys of letters, digits and + - = . , _ : @ that do not begin with aws: or lamplighter:, ' +
        'values of at most 256 letters, digits, spaces and _ . : / = + - @',
    ),
  ...networkSettings,
  ...machineSettings,
  ...encryptionSettings,
  ...accountSettings,
});

/** One pipeline's settings, with defaults filled in and model folders read. */
export interface PipelineSettings extends Omit<z.infer<typeof settingsSchema>, 'models'> {
  readonly architecture: Architecture;
  readonly models: readonly ModelFolder[];
}

/**
 * Reads the pipelines' settings and their model folders. Throws one InvalidInputError that lists every problem: the setting,
 * its value, and the allowed values.
 * @param context the value of the context key `pipelines` in cdktf.json
 * @param projectFolder the user's folder, which holds cdktf.json; paths of model folders are relative to it
 */
export function readPipelines(context: unknown, projectFolder: string): PipelineSettings[] {
  const problems: string[] = [];
  const pipelines: PipelineSettings[] = [];
  if (!Array.isArray(context) || context.length === 0) {
    problems.push(problem('pipelines', context, 'a list of at least one pipeline'));
  } else {
    context.forEach((entry: unknown, index) => {
      const settings = readPipeline(entry, `pipelines[${index}]`, projectFolder, problems);
      if (settings) pipelines.push(settings);
    });
    problems.push(...repeatedNames(context));
  }
  if (problems.length === 0) return pipelines;
  throw new InvalidInputError(['The settings in cdktf.json are not usable:', ...problems].join('\n- '));
}

function readPipeline(
  entry: unknown,
  where: string,
  projectFolder: string,
  problems: string[],
): PipelineSettings | undefined {
  const parsed = settingsSchema.safeParse(entry);
  if (!parsed.success) {
    problems.push(...parsed.error.issues.flatMap((issue) => describeIssue(issue, entry, where)));
  }
  // Read the model folders even if another setting is wrong, so that one run shows all problems.
  const paths = settingsSchema.shape.models.safeParse(valueAt(entry, ['models'])).data ?? [];
  const models = paths.flatMap((path, index): ModelFolder[] => {
    try {
      return [readModelFolder(join(projectFolder, path))];
    } catch (error) {
      problems.push(`${where}.models[${index}] is ${JSON.stringify(path)}: ${messageOf(error)}`);
      return [];
    }
  });
  problems.push(...modelConflicts(models).map((text) => `${where}.models: ${text}`));
  if (!parsed.success) return undefined;
  const conflicts = [
    ...networkConflicts(parsed.data, entry),
    ...machineConflicts(parsed.data),
    ...encryptionConflicts(parsed.data),
    ...accountConflicts(parsed.data),
  ];
  for (const { setting, allowed } of conflicts) {
    problems.push(problem(`${where}.${setting}`, valueAt(entry, [setting]), allowed));
  }
  return { ...parsed.data, models, architecture: architectureOf(parsed.data.instanceType) };
}

function describeIssue(issue: z.core.$ZodIssue, entry: unknown, where: string): string[] {
  const [field] = issue.path;
  if (issue.code === 'unrecognized_keys' && issue.path.length === 0) {
    const allowed = `one of ${Object.keys(settingsSchema.shape).join(', ')}`;
    return issue.keys.map((key) => `${where}.${key} is not a setting; allowed is ${allowed}`);
  }
  const schema = typeof field === 'string' ? settingsSchema.shape[field as SettingName] : undefined;
  const steps = issue.path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`));
  const allowed = schema?.description ?? 'an object of settings';
  return [problem([where, ...steps].join(''), valueAt(entry, issue.path), allowed)];
}

type SettingName = keyof typeof settingsSchema.shape;

function problem(where: string, value: unknown, allowed: string): string {
  const found = value === undefined ? 'missing' : JSON.stringify(value);
  return `${where} is ${found}; allowed is ${allowed}`;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, step) =>
      typeof inner === 'object' && inner !== null ? (inner as Record<PropertyKey, unknown>)[step] : undefined,
    value,
  );
}

function repeatedNames(entries: readonly unknown[]): string[] {
  const names = entries.map((entry) => valueAt(entry, ['name']));
  return names.flatMap((name, index) => {
    const first = names.indexOf(name);
    if (name === undefined || first === index) return [];
    const allowed = `a name that differs from the name of pipelines[${first}]`;
    return [problem(`pipelines[${index}].name`, name, allowed)];
  });
}

/** Reasons why these models cannot be in one pipeline. The longest prefix wins a key, so only equal prefixes conflict. */
function modelConflicts(models: readonly ModelFolder[]): string[] {
  const texts: string[] = [];
  models.forEach(({ card: one }, index) => {
    for (const { card: other } of models.slice(index + 1)) {
      if (one.name === other.name)
        texts.push(`two models have the name ${one.name}; give them different names`);
      else if (one.takes.prefix === other.takes.prefix && suffixesOverlap(one.takes, other.takes)) {
        texts.push(
          `${one.name} and ${other.name} accept the same keys (prefix ${JSON.stringify(one.takes.prefix)}); ` +
            'give them different prefixes, or suffixes so that no suffix ends with another',
        );
      }
    }
  });
  const cards = JSON.stringify(models.map(({ card }) => [card.name, card.takes, boundsOf(card)]));
  const bytes = Buffer.byteLength(cards) + 200 * models.length;
  if (bytes > MAX_MODELS_BYTES) {
    texts.push(
      `the cards of these ${models.length} models need ${bytes} bytes, but only ${MAX_MODELS_BYTES} fit into a function's ` +
        'environment; use fewer models, or shorter prefixes and suffixes',
    );
  }
  return texts;
}

function suffixesOverlap(one: ModelCard['takes'], other: ModelCard['takes']): boolean {
  if (one.suffixes.length === 0 || other.suffixes.length === 0) return true;
  const lowerCase = ({ suffixes }: ModelCard['takes']) => suffixes.map((suffix) => suffix.toLowerCase());
  return lowerCase(one).some((a) => lowerCase(other).some((b) => a.endsWith(b) || b.endsWith(a)));
}

/** The resource name of an address: ada@example.org becomes mail-ada-example-org. */
export function resourceNameOf(email: string): string {
  return `mail-${email.toLowerCase().replace(/[^a-z0-9]+/g, '-')}`;
}
