import { readFailedJobs } from '../../../../scripts/doctor/read-failed-jobs';
import { InMemoryPipeline } from '../../../support/in-memory-pipeline';

describe('failed jobs', () => {
  const failedIn = async (place: InMemoryPipeline) => {
    const { jobs, isListWhole } = await readFailedJobs(place.handle, place.account.clock, 24);
    return { keys: jobs.map(({ key }) => key), isListWhole };
  };

  it('are those of the last hours whose key has not succeeded since', async () => {
    const place = new InMemoryPipeline();
    place.failed('old.csv');
    place.passMinutes(24 * 60 + 1);
    place.ended('earlier.csv');
    place.failed('mended.csv');
    place.passMinutes(1);
    place.ended('mended.csv');
    place.failed('earlier.csv');
    expect(await failedIn(place)).toEqual({ keys: ['earlier.csv'], isListWhole: true });
  });

  it('are not said to be all when more receipts exist than one reading reads', async () => {
    const place = new InMemoryPipeline();
    place.failed('missed.csv');
    place.passMinutes(1);
    for (let index = 0; index < 49; index += 1) place.ended(`${index}.csv`);
    expect(await failedIn(place)).toEqual({ keys: ['missed.csv'], isListWhole: true });
    place.ended('50.csv');
    expect(await failedIn(place)).toEqual({ keys: [], isListWhole: false });
  });
});
