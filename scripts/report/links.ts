/**
 * The console's host, by how the region's name begins.
 * https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation/partitions.html
 */
function consoleHost(region: string): string {
  if (region.startsWith('cn-')) return `${region}.console.amazonaws.cn`;
  if (region.startsWith('us-gov-')) return `${region}.console.amazonaws-us-gov.com`;
  return `${region}.console.aws.amazon.com`;
}

/** The console expects the part behind `#` percent-encoded, with `$` for `%`. */
const fragment = (text: string) => encodeURIComponent(text).replaceAll('%', '$');

/** Time before a job's upload and after its end in which the console searches for its lines, in milliseconds. */
const MARGIN_MS = 300_000;

/** A job's lines of the drain's log group in the CloudWatch console. */
export function logUrl(
  region: string,
  logGroup: string,
  job: { readonly jobId: string; readonly cameMs: number; readonly endedMs: number },
): string {
  const group = fragment(encodeURIComponent(logGroup));
  const query = new URLSearchParams({
    filterPattern: `"${job.jobId}"`,
    start: String(job.cameMs - MARGIN_MS),
    end: String(job.endedMs + MARGIN_MS),
  });
  return (
    `https://${consoleHost(region)}/cloudwatch/home?region=${encodeURIComponent(region)}` +
    `#logsV2:log-groups/log-group/${group}/log-events${fragment(`?${query.toString()}`)}`
  );
}

/** A job's results in the S3 console. */
export function resultsUrl(region: string, bucket: string, prefix: string): string {
  const query = new URLSearchParams({ region, prefix });
  return `https://${consoleHost(region)}/s3/buckets/${encodeURIComponent(bucket)}?${query.toString()}`;
}
