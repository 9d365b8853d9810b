import {
  ListObjectVersionsCommand,
  type ListObjectVersionsOutput,
  type ObjectVersion,
} from '@aws-sdk/client-s3';
import { z } from 'zod';
import { admit, type SeenUpload } from './admit';
import { timestamp, type Clock } from './clock';
import type { LedgerContext } from './context';
import { InvalidInputError, messageOf } from './errors';
import { decodeListedKey } from './events';
import { AUDIT_CURSOR_KEY } from './job';

const auditCursorSchema = z.strictObject({
  version: z.literal(1),
  /** Where the next page begins; absent at the start of a pass. */
  keyMarker: z.string().optional(),
  versionIdMarker: z.string().optional(),
  passStartedAt: z.iso.datetime(),
  /** Whether this pass looks at every version, or at those only that the last pass cannot have seen. */
  full: z.boolean(),
  fullPassAt: z.iso.datetime(),
  /** Versions uploaded before this were all seen to be open or done. */
  checkedBefore: z.iso.datetime().optional(),
});

type AuditCursor = z.infer<typeof auditCursorSchema>;

/** The place in a listing behind which it goes on. */
type Marker = { readonly keyMarker: string; readonly versionIdMarker: string | undefined };

/** One LIST, S3's largest page. */
const PAGE_VERSIONS = 1000;

/** Checks (a HEAD each) in one sweep: what bounds its cost and its time. */
const PAGE_CHECKS = 100;

/** However slow S3 is, the gate must still be settled within the function's time limit. */
const PAGE_TIME_MS = 30_000;

/** LastModified of a multi-part upload is when it began, not when it ended; nobody's takes longer than this. */
const UPLOAD_DURATION_MS = 24 * 3600 * 1000;

/** Even what was checked once is checked again so often: an open record may have been thrown out as unreadable since. */
const FULL_PASS_EVERY_MS = 24 * 3600 * 1000;

/** What one page of the audit did, in versions. */
export interface AuditPage {
  readonly checked: number;
  readonly admitted: number;
  readonly failed: number;
}

/**
 * Compares one page of the data bucket's versions with open records and receipts, and admits what has neither: the upload
 * whose event was lost. A cursor in the control bucket leads through the bucket, sweep by sweep.
 */
export async function auditPage(context: LedgerContext): Promise<AuditPage> {
  const began = context.clock.now();
  const cursor = await readCursor(context);
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
  let cut = false;
  for (const listed of page.Versions ?? []) {
    const upload = seenUpload(context.dataBucket, listed);
    if (upload && isDue(cursor, listed.LastModified)) {
      cut = checked === PAGE_CHECKS || context.clock.now() - began > PAGE_TIME_MS;
      if (cut) break;
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
    last = { keyMarker: decodeListedKey(listed.Key ?? ''), versionIdMarker: listed.VersionId };
  }

  const behind = cut ? (last ?? {}) : nextPage(page);
  // A page with a failure is looked at again: a cursor that had passed it would come back a day later.
  if (failed === 0) {
    const next = behind ? { ...cursor, ...behind } : nextPass(cursor, context.clock);
    await context.control.overwrite(AUDIT_CURSOR_KEY, next);
  }
  return { checked, admitted, failed };
}

async function readCursor({ control, clock, log }: LedgerContext): Promise<AuditCursor> {
  try {
    const stored = await control.get(AUDIT_CURSOR_KEY, auditCursorSchema);
    if (stored) return stored.record;
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    log.error('the audit begins anew: its cursor is unreadable', { error: error.message });
  }
  const now = timestamp(clock);
  return { version: 1, passStartedAt: now, full: true, fullPassAt: now };
}

function nextPage(page: ListObjectVersionsOutput): Marker | undefined {
  if (page.IsTruncated !== true || page.NextKeyMarker === undefined) return undefined;
  return { keyMarker: decodeListedKey(page.NextKeyMarker), versionIdMarker: page.NextVersionIdMarker };
}

/** The pass has seen every version. The next looks at new ones, or at all once a day. */
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

function seenUpload(
  bucket: string,
  { Key, VersionId, Size, LastModified }: ObjectVersion,
): SeenUpload | undefined {
  if (Key === undefined || VersionId === undefined) return undefined;
  return {
    bucket,
    key: decodeListedKey(Key),
    versionId: VersionId,
    sizeBytes: Size ?? 0,
    uploadedAt: LastModified?.toISOString(),
  };
}
