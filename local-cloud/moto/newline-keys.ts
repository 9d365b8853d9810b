/**
 * S3 keys may hold newlines, and moto's router does not find such a path. On the way to moto a newline is written as a
 * character of Unicode's private use area, and on the way back that character as a newline.
 */
const STAND_IN = '\uE00A';
const STAND_IN_ENCODED = '%EE%80%8A';

/** A request's target, or another text in percent form, as moto can take it. */
export function newlinesOut(percentEncoded: string): string {
  return percentEncoded.replaceAll(/%0a/gi, STAND_IN_ENCODED);
}

/** The keys in the XML of a request (DeleteObjects), as moto knows them. */
export function newlinesOutOfXml(xml: string): string {
  return xml.replaceAll(/<Key>[^<]*<\/Key>/g, (key) => key.replaceAll(/\n|&#10;|&#xa;/gi, STAND_IN));
}

/** The XML of an answer, with the keys as the caller knows them. */
export function newlinesBack(xml: string): string {
  return xml.replaceAll(STAND_IN, '&#10;').replaceAll(STAND_IN_ENCODED, '%0A');
}
