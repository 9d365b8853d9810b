/**
 * Replaces newlines in S3 keys on the way to moto, whose router does not find such a path. The placeholder is a character of
 * Unicode's private use area. Answers get the newline back.
 */
const PLACEHOLDER = '\uE00A';
const PLACEHOLDER_ENCODED = '%EE%80%8A';

/** A request's target, or another text in percent form, as moto accepts it. */
export function newlinesOut(percentEncoded: string): string {
  return percentEncoded.replaceAll(/%0a/gi, PLACEHOLDER_ENCODED);
}

/** A request's XML (DeleteObjects) with the keys in moto's form. */
export function newlinesOutOfXml(xml: string): string {
  return xml.replaceAll(/<Key>[^<]*<\/Key>/g, (key) => key.replaceAll(/\n|&#10;|&#xa;/gi, PLACEHOLDER));
}

/** An answer's XML with the keys in the caller's form. */
export function newlinesBack(xml: string): string {
  return xml.replaceAll(PLACEHOLDER, '&#10;').replaceAll(PLACEHOLDER_ENCODED, '%0A');
}
