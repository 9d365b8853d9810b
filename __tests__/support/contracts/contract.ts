/** One statement about AWS that every implementation must keep. */
export interface ContractCase<Subject> {
  readonly title: string;
  /** The file of lifecycle, handlers or runner that relies on it. Absent: only commands, Terraform or tests do. */
  readonly usedBy?: string;
  /** AWS's page that says so. */
  readonly source: string;
  readonly check: (subject: Subject) => Promise<void>;
}

/** A case's title → the reason why the implementation differs from AWS there. */
export type KnownDifferences = Readonly<Record<string, string>>;

/** What a contract needs of every implementation. */
export interface UnderTest {
  /** Called after each case. */
  end?(): unknown;
}

/** Milliseconds for one case. In the local cloud an instance boots in it, on a loaded machine. */
const CASE_LIMIT_MS = 60_000;

/**
 * Runs every case against one implementation. No case is skipped: a known difference runs, and must still fail. If it
 * passes, the difference is gone and its line must go, too.
 */
export function describeContract<Subject extends UnderTest>(
  name: string,
  cases: readonly ContractCase<Subject>[],
  make: () => Subject | Promise<Subject>,
  differences: KnownDifferences,
): void {
  describe(name, () => {
    const unknown = Object.keys(differences).filter((title) => !cases.some((each) => each.title === title));
    if (unknown.length > 0) throw new Error(`These differences name no case: ${unknown.join('; ')}`);
    for (const { title, check } of cases) {
      const run = async () => {
        const subject = await make();
        try {
          await check(subject);
        } finally {
          await subject.end?.();
        }
      };
      const reason = differences[title];
      if (reason === undefined) it(title, run, CASE_LIMIT_MS);
      else it.failing(`${title} [differs: ${reason}]`, run, CASE_LIMIT_MS);
    }
  });
}

/** What lifecycle and runner read of an SDK client's error. */
export function awsFailure(name: string, httpStatusCode: number): object {
  return expect.objectContaining({
    name,
    $metadata: expect.objectContaining({ httpStatusCode }) as object,
  }) as object;
}

/** An error whose HTTP status alone is read. */
export function failureStatus(httpStatusCode: number): object {
  return expect.objectContaining({
    $metadata: expect.objectContaining({ httpStatusCode }) as object,
  }) as object;
}

/** The error that a call is rejected with. Fails if the call succeeds. */
export async function failureOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => {
      throw new Error('the call succeeded');
    },
    (error: unknown) => error,
  );
}
