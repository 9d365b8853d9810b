/**
 * Refuses comment sentences of more than 30 words, and words that docs/ARCHITECTURE.md's glossary does not define.
 * The length and the words are those of CONTRIBUTING.md, "Words".
 */
const MOST_WORDS = 30;

/** Identifiers that say nothing to a new reader. */
const REFUSED_IDENTIFIERS =
  /^(told|tell([A-Z]\w*)?|tells\w*|scene|Scene|\w*Scene|meant([A-Z]\w*)?|Meant|readOr\w*|occurrence|\w*Objection|objection)$/;

/** Words that English readers stumble over; a comment names the part instead. */
const REFUSED_WORDS = /\b(whoever|thereby|is had|of its own accord|so often|be it|hears? of|heard of)\b/i;

/** The sentences of a text that have too many words. Code in backticks and addresses count as one word. */
export function longSentences(text) {
  return sentencesIn(text).filter((sentence) => sentence.split(/\s+/).length > MOST_WORDS);
}

export function refusedWordIn(text) {
  return REFUSED_WORDS.exec(text)?.[0];
}

function sentencesIn(text) {
  return text
    .replace(/`[^`]*`/g, 'CODE')
    .replace(/https?:\/\/\S+/g, '. ')
    .split(/(?:[.!?](?=[\s")]|$)|:\n|\n\s*\n|\n\s*[-*|]\s|^\s*[-*]\s|\n\s*@\w+)/)
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence !== '');
}

/** Consecutive line comments read as one text; a drawing (lines with arrows or boxes) does not. */
function textsOf(comments) {
  const texts = [];
  for (const comment of comments) {
    const last = texts.at(-1);
    const isContinued =
      comment.type === 'Line' && last?.comment.type === 'Line' && last.endLine + 1 === comment.loc.start.line;
    const text = comment.value
      .split('\n')
      .map((line) => line.replace(/^\s*\*\s?/, ''))
      .map((line) => (/[─│▶◀└┌]|^ {4}/.test(line) ? '' : line))
      .join('\n');
    if (isContinued) {
      last.text += `\n${text.trim()}`;
      last.endLine = comment.loc.end.line;
    } else texts.push({ comment, text, endLine: comment.loc.end.line });
  }
  return texts;
}

/** @type {import('eslint').Rule.RuleModule} */
export const plainWords = {
  meta: {
    type: 'suggestion',
    schema: [],
    messages: {
      long: 'A comment’s sentence has {{count}} words, at most {{most}} are allowed: "{{begin}} …"',
      word: 'The word "{{word}}" is not plain: name the part, or use the industry’s word (CONTRIBUTING.md, "Words").',
      identifier:
        'The name "{{name}}" is in no glossary: use the industry’s word (CONTRIBUTING.md, "Words").',
    },
  },
  create({ sourceCode, report }) {
    return {
      Program() {
        for (const { comment, text } of textsOf(sourceCode.getAllComments())) {
          if (/eslint-disable|@ts-|prettier-ignore/.test(text)) continue;
          for (const sentence of longSentences(text)) {
            const words = sentence.split(/\s+/);
            const data = {
              count: words.length,
              most: MOST_WORDS,
              begin: words.slice(0, 6).join(' '),
            };
            report({ loc: comment.loc, messageId: 'long', data });
          }
          const word = refusedWordIn(text);
          if (word !== undefined) report({ loc: comment.loc, messageId: 'word', data: { word } });
        }
      },
      Identifier(node) {
        if (!REFUSED_IDENTIFIERS.test(node.name)) return;
        report({ node, messageId: 'identifier', data: { name: node.name } });
      },
    };
  },
};
