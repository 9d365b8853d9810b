import { CAUSE_NAMES } from '../../pipeline/ended-attempts';
import type { ReportFacts } from '../facts';
import { type Markup, markup } from '../markup';
import { counted, section, table } from '../parts';

/** Attempts that something else than the model ended. They do not count as failures. */
export function interruptionsSection({ interruptions }: ReportFacts): Markup {
  const { count, jobs, causes } = interruptions;
  return section(
    'interruptions',
    'Interruptions',
    count === 0
      ? markup`<p>No attempt was interrupted in this period.</p>`
      : table(
          `${counted(count, 'interrupted attempt')} at ${counted(jobs, 'job')}; none counts as a failure`,
          [['Ended by'], ['Attempts', 'number'], ['Jobs', 'number'], ['Latest reason', 'key']],
          causes.map((each) => [CAUSE_NAMES[each.cause], each.count, each.jobs, each.lastWhy]),
        ),
  );
}
