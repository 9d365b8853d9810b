import type { TerraformPlan } from './terraform-plan';

/** `${aws_s3_bucket.data.arn}`. Terraform escapes a literal `${` as `$${`. */
const REFERENCE = /(?<!\$)\$\{([a-z0-9_]+(?:\.[A-Za-z0-9_-]+){1,2})\.([a-z_]+)\}/g;

/**
 * Readable names for the resources in policies. A known ARN and a reference to it both become the resource's address:
 * `arn:aws:s3:::p-data-123/open/*` and `${aws_s3_bucket.data.arn}/open/*` become `aws_s3_bucket.data/open/*`. So a deployed
 * bucket and its replacement have the same name.
 */
export class Names {
  private readonly values = new Map<string, string>();
  /** The longest ARN first, because an object's ARN begins with its bucket's. */
  private readonly addresses: readonly (readonly [arn: string, address: string])[];

  constructor(plan: TerraformPlan) {
    const addresses: [string, string][] = [];
    for (const { address, change } of plan.resource_changes) {
      for (const { arn } of [change.before ?? {}, change.after ?? {}]) {
        if (typeof arn === 'string') addresses.push([arn, address]);
      }
      // Only `after`: a value that is missing there is unknown, so the one in `before` is no longer true.
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

  /** Replaces references by their values, if these are known before the apply. */
  resolved(text: string): string {
    return text
      .replace(
        REFERENCE,
        (whole, address: string, attribute: string) => this.values.get(`${address}.${attribute}`) ?? whole,
      )
      .replaceAll('$${', '${');
  }
}
