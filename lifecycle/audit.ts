import {
  ListObjectVersionsCommand,
  type ListObjectVersionsOutput,
  type ObjectVersion,
} from '@aws-sdk/client-s3';
import { admit, type ReportedUpload } from './admit';
import { timestamp, type Clock } from './clock';
import type { LedgerContext } from './context';
import { InvalidInputError, NewerVersionError, messageOf } from './errors';
import { AUDIT_CURSOR_KEY, decodeKey } from './job';
import { auditCursorSchema, type AuditCursor } from './records';

/** The last entry of a page: the next page begins after it. */
type Marker = { readonly keyMarker: string; readonly versionIdMarker: string | undefined };

/** Maximum versions in one page: S3's limit for one LIST. */
const PAGE_VERSIONS = 1000;

/** U3: maximum checks in one sweep, each a HEAD request. Bounds the sweep's cost and time. */
const PAGE_CHECKS = 100;

/** Maximum time for one page, in milliseconds. If S3 is slow, `settle` still needs time for the gate. */
const PAGE_TIME_MS = 30_000;

/** Maximum duration of a multi-part upload, in milliseconds. Its LastModified is the time when the upload began. */
const UPLOAD_DURATION_MS = 24 * 3600 * 1000;

/** Time between full passes, in milliseconds. Since the last one, a drain may have deleted an unreadable open record. */
const FULL_PASS_EVERY_MS = 24 * 3600 * 1000;

/** The result of one page of the audit, in versions. */
export interface AuditPage {
  readonly checked: number;
  readonly admitted: number;
  readonly failed: number;
}

/**
 * Compares one page of the data bucket's versions with open records and receipts. Admits an upload that has neither,
 * because its event was lost. A cursor in the control bucket moves through the bucket, one page per sweep.
 */
export async function auditPage(context: LedgerContext): Promise<AuditPage> {
  const startedMs = context.clock.now();
  const cursor = await readCursor(context);
  if (!cursor) return { checked: 0, admitted: 0, failed: 0 };
  const page = await context.s3.send(
    new ListObjectVersionsCommand({
      Bucket: context.dataBucket,
      KeyMarker: cursor.keyMarker,
      VersionIdMarker: cursor.versionIdMarker,
      MaxKeys: PAGE_VERSIONS,
      EncodingType: 'url',
    }),
  );

  let checked = 0;
  let admitted = 0;
  let failed = 0;
  let last: Marker | undefined;
  let isCut = false;
  for (const listed of page.Versions ?? []) {
    const key = keyIn(context, listed.Key);
    if (key === undefined) continue;
    const upload = uploadOf(context.dataBucket, key, listed);
    if (upload && isDue(cursor, listed.LastModified)) {
      isCut = checked === PAGE_CHECKS || context.clock.now() - startedMs > PAGE_TIME_MS;
      if (isCut) break;
      checked += 1;
      try {
        if ((await admit(context, upload, 'audit')) === 'admitted') {
          admitted += 1;
          context.log.warn('an upload whose event was lost is admitted', { key: upload.key });
        }
      } catch (error) {
        failed += 1;
        context.log.error('an upload could not be audited', { key: upload.key, error: messageOf(error) });
      }
    }
    last = { keyMarker: key, versionIdMarker: listed.VersionId };
  }

  const marker = isCut ? (last ?? {}) : nextPage(context, page, last);
  // After a failure the next sweep repeats the page. A cursor behind the page would come back to it a day later.
  if (failed === 0) {
    const next = marker ? { ...cursor, ...marker } : nextPass(cursor, context.clock);
    await context.control.overwrite(AUDIT_CURSOR_KEY, next);
  }
  return { checked, admitted, failed };
}

/** Undefined: the cursor is of a newer release, which alone audits. */
async function readCursor({ control, clock, log }: LedgerContext): Promise<AuditCursor | undefined> {
  try {
    const stored = await control.get(AUDIT_CURSOR_KEY, auditCursorSchema);
    if (stored) return stored.record;
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    // N4
    if (error instanceof NewerVersionError) {
      log.error('no audit: its cursor is of a newer release', { error: error.message });
      return undefined;
    }
    log.error('the audit begins anew: its cursor is unreadable', { error: error.message });
  }
  const now = timestamp(clock);
  return { version: 1, passStartedAt: now, full: true, fullPassAt: now };
}

/** @param last the last readable entry of the page, from which the next page begins if S3's own marker is unreadable */
function nextPage(
  context: LedgerContext,
  page: ListObjectVersionsOutput,
  last: Marker | undefined,
): Marker | undefined {
  // U2
  if (page.IsTruncated !== true || page.NextKeyMarker === undefined) return undefined;
  const keyMarker = keyIn(context, page.NextKeyMarker);
  return keyMarker === undefined ? last : { keyMarker, versionIdMarker: page.NextVersionIdMarker };
}

/** Undefined: the key cannot be decoded. Such a key must not hold up the audit of all keys after it. */
function keyIn({ log }: LedgerContext, listedKey = ''): string | undefined {
  try {
    return decodeKey(listedKey);
  } catch (error) {
    log.error('a key is not audited: it is not form-encoded UTF-8', {
      key: listedKey,
      error: messageOf(error),
    });
    return undefined;
  }
}

/** The pass is complete. The next pass checks new versions, or every version if a day has passed. */
function nextPass({ passStartedAt, fullPassAt }: AuditCursor, clock: Clock): AuditCursor {
  const now = timestamp(clock);
  const full = clock.now() - Date.parse(fullPassAt) >= FULL_PASS_EVERY_MS;
  return {
    version: 1,
    passStartedAt: now,
    full,
    fullPassAt: full ? now : fullPassAt,
    checkedBefore: passStartedAt,
  };
}

function isDue({ full, checkedBefore }: AuditCursor, uploadedAt: Date | undefined): boolean {
  if (full || checkedBefore === undefined || uploadedAt === undefined) return true;
  return uploadedAt.getTime() > Date.parse(checkedBefore) - UPLOAD_DURATION_MS;
}

function uploadOf(
  bucket: string,
  key: string,
  { VersionId, Size, LastModified }: ObjectVersion,
): ReportedUpload | undefined {
  if (VersionId === undefined) return undefined;
  return {
    bucket,
    key,
    versionId: VersionId,
    sizeBytes: Size ?? 0,
    uploadedAt: LastModified?.toISOString(),
  };
}
