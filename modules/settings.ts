import { isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { InvalidInputError, messageOf } from '../lifecycle/errors';
import { DEFAULT_LINGER_SECONDS } from '../lifecycle/linger';
import { readModelFolder, type ModelFolder } from './model-folder';
import { accountConflicts, accountSettings } from './settings/account';
import { encryptionConflicts, encryptionSettings } from './settings/encryption';
import { architectureOf, machineConflicts, machineSettings, type Architecture } from './settings/machine';
import { networkConflicts, networkSettings } from './settings/network';

/** What CloudWatch Logs accepts. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html */
const LOG_RETENTION_DAYS = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 3653];

/**
 * A Lambda function's environment holds 4 KB in all, and so does a Parameter Store parameter; the rest of them takes about 1 KB.
 * https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 */
const MAX_MODELS_BYTES = 3000;

/** One pipeline's settings as they stand in cdktf.json; each field's description says what is allowed. */
export const settingsSchema = z.strictObject({
  /** Begins the name of everything that the pipeline owns. */
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,18}[a-z0-9]$/)
    .describe('lower-case letters, digits and hyphens, 2 to 20 of them, beginning with a letter'),
  region: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+){1,2}-\d$/)
    .default('eu-central-1')
    .describe('an AWS region, for example eu-central-1'),
  /** Folders, relative to the project's folder. */
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
  diskGiB: z.int().min(8).max(16_384).default(30).describe('a whole number from 8 to 16384'),
  /** Whether `cdktf destroy` may delete the buckets with all that is in them. */
  disposable: z.boolean().default(false).describe('true or false'),
  sweepMinutes: z.int().min(1).max(60).default(5).describe('a whole number from 1 to 60'),
  idleShutdownMinutes: z.int().min(5).max(1440).default(10).describe('a whole number from 5 to 1440'),
  leaseSeconds: z.int().min(15).max(3600).default(60).describe('a whole number from 15 to 3600'),
  lingerSeconds: z
    .int()
    .min(0)
    .max(600)
    .default(DEFAULT_LINGER_SECONDS)
    .describe('a whole number from 0 to 600'),
  breakerWakeUps: z.int().min(1).max(100).default(3).describe('a whole number from 1 to 100'),
  logRetentionDays: z
    .int()
    .refine((days) => LOG_RETENTION_DAYS.includes(days))
    .default(30)
    .describe(`one of ${LOG_RETENTION_DAYS.join(', ')}`),
  /** CloudWatch alarms, their topic, the dashboard and the metrics that both look at; what they cost: docs/OPERATIONS.md. */
  alarms: z.boolean().default(true).describe('true or false'),
  /** Who gets a mail when an alarm goes off, and when it is over. */
  alarmEmails: z
    .array(z.email())
    .max(20)
    .refine((emails) => new Set(emails.map(resourceNameOf)).size === emails.length)
    .default([])
    .describe('a list of at most 20 different e-mail addresses'),
  /**
   * Instance metadata shows the instance's tags, which is why EC2 allows neither spaces nor slashes in their keys.
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

/** One pipeline's settings, whole: defaults filled in, model folders read. */
export interface PipelineSettings extends Omit<z.infer<typeof settingsSchema>, 'models'> {
  readonly architecture: Architecture;
  readonly models: readonly ModelFolder[];
}

/**
 * Reads the pipelines' settings and their model folders. Throws one InvalidInputError that lists every problem: where,
 * the value, and what is allowed.
 * @param value the context key `pipelines` of cdktf.json
 * @param projectFolder the user's folder, which holds cdktf.json; paths of model folders are relative to it
 */
export function readPipelines(value: unknown, projectFolder: string): PipelineSettings[] {
  const problems: string[] = [];
  const pipelines: PipelineSettings[] = [];
  if (!Array.isArray(value) || value.length === 0) {
    problems.push(problem('pipelines', value, 'a list of at least one pipeline'));
  } else {
    value.forEach((entry: unknown, index) => {
      const settings = readPipeline(entry, `pipelines[${index}]`, projectFolder, problems);
      if (settings) pipelines.push(settings);
    });
    problems.push(...repeatedNames(value));
  }
  if (problems.length === 0) return pipelines;
  throw new InvalidInputError(
    ['The settings in cdktf.json are not usable:', ...problems.map((text) => `- ${text}`)].join('\n'),
  );
}

function readPipeline(
  entry: unknown,
  where: string,
  projectFolder: string,
  problems: string[],
): PipelineSettings | undefined {
  const parsed = settingsSchema.safeParse(entry);
  if (!parsed.success) {
    problems.push(...parsed.error.issues.flatMap((issue) => explain(issue, entry, where)));
  }
  // Model folders are looked at even if another setting is wrong, so that one run shows all problems.
  const paths = settingsSchema.shape.models.safeParse(at(entry, ['models'])).data ?? [];
  const models = paths.flatMap((path, index): ModelFolder[] => {
    try {
      return [readModelFolder(join(projectFolder, path))];
    } catch (error) {
      problems.push(`${where}.models[${index}] is ${JSON.stringify(path)}: ${messageOf(error)}`);
      return [];
    }
  });
  problems.push(...clashes(models).map((text) => `${where}.models: ${text}`));
  if (!parsed.success) return undefined;
  const conflicts = [
    ...networkConflicts(parsed.data, entry),
    ...machineConflicts(parsed.data),
    ...encryptionConflicts(parsed.data),
    ...accountConflicts(parsed.data),
  ];
  problems.push(
    ...conflicts.map(({ setting, allowed }) => problem(`${where}.${setting}`, at(entry, [setting]), allowed)),
  );
  return { ...parsed.data, models, architecture: architectureOf(parsed.data.instanceType) };
}

function explain(issue: z.core.$ZodIssue, entry: unknown, where: string): string[] {
  const [field] = issue.path;
  if (issue.code === 'unrecognized_keys' && issue.path.length === 0) {
    const allowed = `one of ${Object.keys(settingsSchema.shape).join(', ')}`;
    return issue.keys.map((key) => `${where}.${key} is not a setting; allowed is ${allowed}`);
  }
  const schema = typeof field === 'string' ? settingsSchema.shape[field as SettingName] : undefined;
  const path = issue.path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`))
    .join('');
  return [problem(`${where}${path}`, at(entry, issue.path), schema?.description ?? 'an object of settings')];
}

type SettingName = keyof typeof settingsSchema.shape;

function problem(where: string, value: unknown, allowed: string): string {
  const given = value === undefined ? 'missing' : JSON.stringify(value);
  return `${where} is ${given}; allowed is ${allowed}`;
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, step) =>
      typeof inner === 'object' && inner !== null ? (inner as Record<PropertyKey, unknown>)[step] : undefined,
    value,
  );
}

function repeatedNames(entries: readonly unknown[]): string[] {
  const names = entries.map((entry) => at(entry, ['name']));
  return names.flatMap((name, index) => {
    const first = names.indexOf(name);
    if (name === undefined || first === index) return [];
    return [problem(`pipelines[${index}].name`, name, `another name than pipelines[${first}]'s`)];
  });
}

/** Why these models cannot be in one pipeline. The longest prefix wins a key, so only equal prefixes can clash. */
function clashes(models: readonly ModelFolder[]): string[] {
  const texts: string[] = [];
  models.forEach(({ card: one }, index) => {
    for (const { card: other } of models.slice(index + 1)) {
      if (one.name === other.name) texts.push(`two models are called ${one.name}; give them different names`);
      else if (one.takes.prefix === other.takes.prefix && suffixesOverlap(one.takes, other.takes)) {
        texts.push(
          `${one.name} and ${other.name} take the same keys (prefix ${JSON.stringify(one.takes.prefix)}); ` +
            'give them different prefixes, or suffixes of which none ends in another',
        );
      }
    }
  });
  const bytes =
    Buffer.byteLength(JSON.stringify(models.map(({ card }) => [card.name, card.takes]))) +
    200 * models.length;
  if (bytes > MAX_MODELS_BYTES) {
    texts.push(
      `the cards of these ${models.length} models take ${bytes} bytes where ${MAX_MODELS_BYTES} fit into a function's ` +
        'environment; use fewer models, or shorter prefixes and suffixes',
    );
  }
  return texts;
}

function suffixesOverlap(
  one: { readonly suffixes: string[] },
  other: { readonly suffixes: string[] },
): boolean {
  if (one.suffixes.length === 0 || other.suffixes.length === 0) return true;
  const others = other.suffixes.map((suffix) => suffix.toLowerCase());
  return one.suffixes
    .map((suffix) => suffix.toLowerCase())
    .some((a) => others.some((b) => a.endsWith(b) || b.endsWith(a)));
}

/** An address as the name of its resource: ada@example.org is ada-example-org. */
export function resourceNameOf(email: string): string {
  return `mail-${email.toLowerCase().replace(/[^a-z0-9]+/g, '-')}`;
}
