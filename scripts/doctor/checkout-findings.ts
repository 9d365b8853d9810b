import type { Facts } from './facts';
import type { FoundTrouble } from './finding';

export function modelsDiffer({ models }: Facts): FoundTrouble | undefined {
  if (models === undefined || models === 'unknown') return undefined;
  const differing = models.filter(({ is }) => is !== 'same').map(({ name, is }) => `model ${name}: ${is}`);
  if (differing.length === 0) return undefined;
  return {
    what: `This checkout and what is deployed differ: ${differing.join('; ')}.`,
    advice: 'Deploy what you have (npx cdktf deploy), or check out what is deployed',
  };
}

export function planDiffers({ plan }: Facts): FoundTrouble | undefined {
  if (plan?.differs !== true) return undefined;
  return {
    what: `Terraform would change something: ${plan.text}`,
    advice:
      'Somebody has changed it by hand, or this checkout is not what is deployed. npx cdktf diff shows all of it',
  };
}
