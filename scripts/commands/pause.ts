import { pause } from '../pipeline/orders';
import { orderCommand } from './order-command';

export const addPause = orderCommand(
  'pause',
  'keep the instance from starting; uploads queue',
  { takesReason: true, examples: [['pause --why "new model tomorrow"', 'until resume']] },
  pause,
);
