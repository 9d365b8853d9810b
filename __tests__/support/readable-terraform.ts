/** Maximum length of a line. */
const WIDTH = 120;

/** The functions and the buckets: parts of names of which there are several, with similar resources. */
const SERIES = new Set(['trigger', 'worker', 'stop', 'data', 'output', 'control']);

type Blocks = Record<string, Record<string, object>>;

/**
 * Terraform's JSON for people who review a difference: one block per resource, with the JSON of policies and the like printed as
 * JSON. Resources of one type that differ only in their names are one block: aws_s3_bucket.{control,data,output}.
 */
export function readableTerraform({ resource, data, ...others }: Record<string, object>): string {
  return [
    ...Object.entries(others).map(([section, block]) => `${section} ${readable(block)}`),
    ...blocksOf('data.', data as Blocks),
    ...blocksOf('', resource as Blocks),
  ].join('\n');
}

function blocksOf(prefix: string, types: Blocks): string[] {
  return Object.entries(types).flatMap(([type, blocks]) => {
    const seriesOf = new Map<string, { readonly part: string; readonly text: string }[]>();
    for (const [name, block] of Object.entries(blocks)) {
      const part = name.split(/[_-]/).find((each) => SERIES.has(each)) ?? name;
      const text = `${prefix}${type}.${name} ${readable(block)}`;
      const key = text.replace(wordOf(part), '<name>');
      seriesOf.set(key, [...(seriesOf.get(key) ?? []), { part, text }]);
    }
    return [...seriesOf].flatMap(([key, series]) => {
      if (series.length === 1) return series.map(({ text }) => text);
      return key.replace('<name>', `{${series.map(({ part }) => part).join(',')}}`);
    });
  });
}

/** Matches a part of a name: `data` in aws_s3_bucket.data and in test-data-eu, not in database and data.aws_partition. */
function wordOf(part: string): RegExp {
  return new RegExp(`(?<![a-z/])${part}(?![a-z]|\\.aws)`, 'g');
}

/** An object or array that fits into a line is on one line. */
function readable(value: unknown, indent = ''): string {
  const parsed = typeof value === 'string' && /^[[{]/.test(value) ? (JSON.parse(value) as unknown) : value;
  const line = JSON.stringify(parsed, undefined, 1).replace(/\n */g, ' ');
  const hasInnerJson = /"[[{]/.test(line);
  if (typeof parsed !== 'object' || parsed === null) return line;
  if (indent.length + line.length <= WIDTH && !hasInnerJson) return line;
  const deeper = `${indent}  `;
  const lines = Array.isArray(parsed)
    ? parsed.map((each) => readable(each, deeper))
    : Object.entries(parsed).map(([key, each]) => `${JSON.stringify(key)}: ${readable(each, deeper)}`);
  const [open, close] = Array.isArray(parsed) ? '[]' : '{}';
  return [open, ...lines.map((each) => `${deeper}${each}`), `${indent}${close}`].join('\n');
}
