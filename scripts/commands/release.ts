import { release } from '../pipeline/orders';
import { orderCommand } from './order-command';

export const addRelease = orderCommand(
  'release',
  'end a hold, and stop the instance if no job is open',
  { examples: [['release', 'after hold or warm']] },
  release,
);
