import { EXITS } from '../console/command-help';
import { Exit } from '../console/exit';
import { warm } from '../pipeline/orders';
import { orderCommand } from './order-command';

export const addWarm = orderCommand(
  'warm',
  'start the instance now and hold it, so that the next upload runs at once',
  {
    takesReason: true,
    examples: [['warm --why "demo at 3"', 'until release']],
    exits: { ...EXITS.order, [Exit.usage]: 'an argument is not valid, or the pipeline is paused' },
  },
  warm,
);
