import { resume } from '../pipeline/orders';
import { orderCommand } from './order-command';

export const addResume = orderCommand(
  'resume',
  'end a pause, also a pause by the breaker, and run the open jobs',
  { examples: [['resume', 'after pause, or after the breaker']] },
  resume,
);
