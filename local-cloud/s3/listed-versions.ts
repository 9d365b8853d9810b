import { escapeXml } from '../wire/answer';
import type { CallHead } from '../wire/call';

/** Whether S3 would write the keys of its answer in URL form. moto does so in every list except that of versions. */
export function wantsEncodedVersions({ method, query }: CallHead): boolean {
  return method === 'GET' && query.has('versions') && query.get('encoding-type') === 'url';
}

/**
 * A list of versions with its keys in URL form, as S3 writes them. A client that decodes the keys, like the audit, would
 * otherwise read `a+b` as another key.
 */
export function withEncodedKeys(xml: string): string {
  return xml
    .replaceAll(
      /<(Key|Prefix|Delimiter|KeyMarker|NextKeyMarker)>([^<]*)<\//g,
      (_, element: string, text: string) => `<${element}>${escapeXml(encodedKey(unescapeXml(text)))}</`,
    )
    .replace('</ListVersionsResult>', '<EncodingType>url</EncodingType></ListVersionsResult>');
}

/** Form encoding, except for slashes. */
function encodedKey(key: string): string {
  return new URLSearchParams([['', key]]).toString().slice(1).replaceAll('%2F', '/');
}

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescapeXml(text: string): string {
  return text.replaceAll(
    /&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi,
    (whole, hex?: string, decimal?: string, name?: string) => {
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
      if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
      return NAMED[name ?? ''] ?? whole;
    },
  );
}
