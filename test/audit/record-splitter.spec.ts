import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { BrokenTrailFile, RecordSplitter } from '../../src/audit/record-splitter.js';

/** The records of a text that comes in pieces of so many bytes. */
function split(text: string, size: number): string[] {
  const splitter = new RecordSplitter();
  const bytes = Buffer.from(text);
  const records: string[] = [];
  for (let start = 0; start < bytes.length; start += size)
    records.push(...splitter.push(bytes.subarray(start, start + size)));
  splitter.end();
  return records;
}

describe('K39 the records of a trail’s file', () => {
  it.each<[string, string, string[]]>([
    ['none', '{"Records":[]}', []],
    ['with white space', ' { "Records" : [ {"a":1} ,\n{"b":[1,{"c":"}"}]} ] }\n', ['{"a":1}', '{"b":[1,{"c":"}"}]}']],
    ['with members beside', '{"more":{"x":[{}]},"Records":[{"a":1}],"last":null}', ['{"a":1}']],
    [
      'with quotes and brackets in texts',
      '{"Records":[{"a":"\\"}]{\\\\"},{"b":"[é漢\\u007d"}]}',
      ['{"a":"\\"}]{\\\\"}', '{"b":"[é漢\\u007d"}'],
    ],
    ['a digest', '{"logFiles":[]}', []],
  ])('%s, whatever the pieces', (_, text, records) => {
    for (const size of [1, 2, 3, 7, 1000]) expect(split(text, size)).toEqual(records);
  });

  it('are the same as JSON has them, for any records and pieces', () => {
    fc.assert(
      fc.property(
        fc.array(fc.dictionary(fc.string(), fc.jsonValue())),
        fc.integer({ min: 1, max: 40 }),
        (given, size) => {
          const records = split(JSON.stringify({ Records: given }), size).map((text) => JSON.parse(text) as unknown);
          expect(records).toEqual(JSON.parse(JSON.stringify(given)));
        },
      ),
    );
  });

  it.each([
    ['', 'cut off'],
    ['{"Records":[{"a":1}', 'cut off'],
    ['{"Records":[{"a":"', 'cut off'],
    ['[{"a":1}]', 'no Records'],
    ['{"Records":[]}{', 'no Records'],
    ['}', 'did not open'],
    ['not JSON at all', 'cut off'],
  ])('%p is broken: %s', (text, why) => {
    expect(() => split(text, 3)).toThrow(BrokenTrailFile);
    expect(() => split(text, 3)).toThrow(why);
  });

  it('does not hold a record that never ends', () => {
    const splitter = new RecordSplitter();
    const push = (text: string): string[] => [...splitter.push(Buffer.from(text))];
    push('{"Records":[{"a":"');
    expect(() => {
      for (let chunk = 0; chunk < 100; chunk += 1) push('x'.repeat(65_536));
    }).toThrow('does not end');
  });
});
