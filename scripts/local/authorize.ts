import type { CallHead } from './call';

/**
 * Whether the caller may make this call. Every request passes here before anything else looks at it; today everything
 * is allowed. Policy enforcement belongs here: it needs the caller's role, the call and moto's IAM, and denies by
 * throwing an AwsError(403, 'AccessDenied', …).
 */
export function authorize(_call: CallHead): void {
  // Nothing is denied yet.
}
