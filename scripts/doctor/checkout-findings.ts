import type { Finders } from './finding';

/** How this checkout can differ from the account. */
export const CHECKOUT_FINDERS = {
  'models-differ': ({ models }) => {
    if (models === undefined || models === 'unknown') return undefined;
    const differing = models.filter(({ is }) => is !== 'same').map(({ name, is }) => `model ${name}: ${is}`);
    if (differing.length === 0) return undefined;
    return {
      what: `This checkout differs from the deployed pipeline: ${differing.join('; ')}.`,
      advice: 'Deploy this checkout (npx cdktf deploy), or check out the deployed version',
    };
  },

  'plan-differs': ({ plan }) => {
    if (plan?.differs !== true) return undefined;
    return {
      what: `Terraform would change the account: ${plan.text}`,
      advice:
        'The account was changed by hand, or this checkout is not the deployed version. npx cdktf diff shows every change',
    };
  },
} as const satisfies Finders;
