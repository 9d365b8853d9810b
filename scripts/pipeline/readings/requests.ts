import pLimit from 'p-limit';

/** Maximum requests of one reading that run at the same time. S3 accepts 5,500 GETs a second per prefix. */
export const REQUESTS_AT_ONCE = 16;

/** Sends one request per item, `REQUESTS_AT_ONCE` at a time. The answers are in the order of the items. */
export async function requestEach<Item, Answer>(
  items: readonly Item[],
  request: (item: Item) => Promise<Answer>,
): Promise<Answer[]> {
  const limit = pLimit(REQUESTS_AT_ONCE);
  return Promise.all(items.map((item) => limit(() => request(item))));
}
