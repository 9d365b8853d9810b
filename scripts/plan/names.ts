import type { TerraformPlan } from './terraform-plan';

/** `${aws_s3_bucket.data.arn}`; Terraform writes a plain `${` as `$${`. */
const REFERENCE = /(?<!\$)\$\{([a-z0-9_]+(?:\.[A-Za-z0-9_-]+){1,2})\.([a-z_]+)\}/g;

/**
 * Readable names for what policies name: a known ARN and a reference to it both read as the resource's address, so that the
 * bucket of today and the bucket of tomorrow are the same words. `arn:aws:s3:::p-data-123/open/*` and
 * `${aws_s3_bucket.data.arn}/open/*` are `aws_s3_bucket.data/open/*`.
 */
export class Names {
  private readonly values = new Map<string, string>();
  /** The longest first: an object's ARN begins with its bucket's. */
  private readonly addresses: readonly (readonly [arn: string, address: string])[];

  constructor(plan: TerraformPlan) {
    const addresses: [string, string][] = [];
    for (const { address, change } of plan.resource_changes) {
      for (const { arn } of [change.before ?? {}, change.after ?? {}]) {
        if (typeof arn === 'string') addresses.push([arn, address]);
      }
      // What is only known after the apply is not in `after`, and then it is not what it was before either.
      for (const [attribute, value] of Object.entries(change.after ?? change.before ?? {})) {
        if (typeof value === 'string') this.values.set(`${address}.${attribute}`, value);
      }
    }
    this.addresses = addresses.sort(([a], [b]) => b.length - a.length);
  }

  readable(text: string): string {
    const plain = this.resolved(
      text.replace(REFERENCE, (whole, address: string, attribute: string) =>
        attribute === 'arn' ? address : whole,
      ),
    );
    const found = this.addresses.find(
      ([arn]) => plain.startsWith(arn) && ['', '/', ':', '*'].includes(plain.charAt(arn.length)),
    );
    return found ? found[1] + plain.slice(found[0].length) : plain;
  }

  /** References replaced by what they come to, as far as that is known before the apply. */
  resolved(text: string): string {
    return text
      .replace(
        REFERENCE,
        (whole, address: string, attribute: string) => this.values.get(`${address}.${attribute}`) ?? whole,
      )
      .replaceAll('$${', '${');
  }
}
