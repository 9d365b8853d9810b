import { decodeKey } from '../../../lifecycle/job';
import { escapeXml } from '../../../local-cloud/wire/answer';
import { withEncodedKeys } from '../../../local-cloud/s3/listed-versions';
import { newlinesBack } from '../../../local-cloud/moto/newline-keys';

const list = (key: string) =>
  `<ListVersionsResult><KeyMarker/><Version><Key>${escapeXml(key)}</Key><VersionId>a+b</VersionId></Version></ListVersionsResult>`;

it.each(['a+b.csv', '100%.csv', "a/../b /$(x) +ü'&<>.csv", 'plain/key.csv', '✓ %2B'])(
  'the audit finds the upload %j again in a list of versions, and not another key',
  (key) => {
    const listed = /<Key>([^<]*)<\/Key>/.exec(withEncodedKeys(list(key)))?.[1] ?? '';
    expect(listed).toMatch(/^[\w%+./*-]+$/);
    expect(decodeKey(listed)).toBe(key);
  },
);

it('the list declares that its keys are in URL form; a newline survives moto', () => {
  const xml = newlinesBack(withEncodedKeys(list('a\uE00Ab')));
  expect(xml).toContain('<Key>a%0Ab</Key><VersionId>a+b</VersionId>');
  expect(xml).toContain('<EncodingType>url</EncodingType></ListVersionsResult>');
});
