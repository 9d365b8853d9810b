import { createColors } from 'picocolors';
import { print, wrapped } from '../../../../scripts/console/print';
import { recordingTerminal } from '../stand-ins';

const id = 'a'.repeat(64);

describe('a line that is wider than the terminal', () => {
  it.each([
    ['plain words continue indented', 'one two three four five', ['one two three', '  four five']],
    ['continues behind its own indentation', '  one two three four', ['  one two', '    three four']],
    [
      'continues behind its label',
      'Gate   OPEN since 3 s ago',
      ['Gate   OPEN', '       since 3 s', '       ago'],
    ],
    [
      'has no label if the label leaves no room',
      'very long words  and more',
      ['very long', '  words  and', '  more'],
    ],
    ['keeps a wider word whole, so that people can copy it', `id ${id} ends`, ['id', `  ${id}`, '  ends']],
    [
      'each of several lines is wrapped alone',
      'one two three four\nfive',
      ['one two three', '  four', 'five'],
    ],
  ])('%s', (_what, line, parts) => expect(wrapped(line, 16)).toEqual(parts));

  it('keeps its colours, which have no width', () => {
    const { red } = createColors(true);
    expect(wrapped(red('one two three'), 13)).toEqual([red('one two three')]);
    expect(wrapped(red('one two three'), 9)).toEqual([red('one two'), `  ${red('three')}`]);
  });

  it('counts a wide character as two columns', () => {
    expect(wrapped('漢字 漢字', 8)).toEqual(['漢字', '  漢字']);
  });
});

it('a line that fits stays whole, and so does every line without a terminal', () => {
  expect(wrapped('one two  three', 14)).toEqual(['one two  three']);
  expect(wrapped('', 10)).toEqual(['']);
  const terminal = recordingTerminal();
  print(terminal, ['one two three four', 'five\nsix']);
  expect(terminal.stdout).toEqual(['one two three four', 'five\nsix']);
});
