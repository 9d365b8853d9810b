import { hold } from '../pipeline/orders';
import { orderCommand } from './order-command';

export const addHold = orderCommand(
  'hold',
  'keep the instance from stopping',
  { takesReason: true, examples: [['hold --why "debugging"', 'until release']] },
  hold,
);
