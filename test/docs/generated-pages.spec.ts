import { describe, expect, it } from '@jest/globals';
import { interfacesIn, sourceOf } from '../../tools/docs/docstrings.js';
import { generatedPages } from '../../tools/docs/generated-pages.js';
import { between, table } from '../../tools/docs/markdown.js';
import { optionProblems, type OptionTruth } from '../../tools/docs/options-page.js';

describe('pages that are made of the sources', () => {
  it.each(generatedPages().map((page) => [page.path, page] as const))(
    '%s stands as it is made: otherwise run `npm run docs:generate`',
    (path, { text }) => {
      expect(sourceOf(path)).toBe(text);
    },
  );

  it('find nothing wrong in the sources', () => {
    expect(generatedPages().flatMap(({ problems }) => problems)).toEqual([]);
  });
});

describe('a docstring of an option', () => {
  const HOLDS = `interface Example {
    /**
     * How long something is kept.
     *
     * Raise it to keep it longer.
     *
     * @unit ms
     * @range 0 to 86,400,000 (24 h)
     * @defaultValue 60,000 (1 min)
     * @environment MARKETPLACE_KEPT_MS
     */
    keptMs?: number;
  }`;
  const TRUTH: OptionTruth = {
    option: 'keptMs',
    numbers: { min: 0, max: 86_400_000 },
    isRequired: false,
    inForce: 60_000,
    variable: 'MARKETPLACE_KEPT_MS',
  };
  const problemsOf = (text: string, truth: Partial<OptionTruth> = {}): string[] => {
    const members = interfacesIn(text).get('Example')?.members ?? [];
    return optionProblems(
      members.map((member) => ({ option: member.name, member })),
      [{ ...TRUTH, ...truth }],
    );
  };

  it('holds when it says what the schema says', () => {
    expect(problemsOf(HOLDS)).toEqual([]);
  });

  it.each([
    ['no meaning', HOLDS.replace('How long something is kept.', ''), 'it must say why one would change it'],
    ['no reason to change it', HOLDS.replace('Raise it to keep it longer.', ''), 'it must say why one would change it'],
    ['no unit', HOLDS.replace('* @unit ms\n', ''), '@unit is missing'],
    ['another unit', HOLDS.replace('@unit ms', '@unit s'), '@unit must be ms, not s'],
    [
      'another range',
      HOLDS.replace('(24 h)', '(1 d)'),
      '@range must be 0 to 86,400,000 (24 h), not 0 to 86,400,000 (1 d)',
    ],
    ['no default', HOLDS.replace('* @defaultValue 60,000 (1 min)\n', ''), '@defaultValue is missing'],
    [
      'another default',
      HOLDS.replace('60,000 (1 min)', '1,000 (1 s)'),
      '@defaultValue must be 60,000 (1 min), not 1,000 (1 s)',
    ],
    ['no variable', HOLDS.replace('* @environment MARKETPLACE_KEPT_MS\n', ''), '@environment is missing'],
    [
      'another variable',
      HOLDS.replace('KEPT_MS', 'HELD_MS'),
      '@environment must be MARKETPLACE_KEPT_MS, not MARKETPLACE_HELD_MS',
    ],
  ])('is refused with %s', (_, text, problem) => {
    expect(problemsOf(text)).toContain(`keptMs: ${problem}`);
  });

  it.each<[string, Partial<OptionTruth>, string]>([
    ['the default has changed', { inForce: 1000 }, '@defaultValue must be 1,000 (1 s), not 60,000 (1 min)'],
    ['it has become required', { isRequired: true }, '@defaultValue must be required, not 60,000 (1 min)'],
    ['it takes no numbers', { numbers: undefined as never }, '@unit has no meaning here'],
    ['it has no variable', { variable: null }, '@environment must be none, not MARKETPLACE_KEPT_MS'],
  ])('is refused when %s', (_, truth, problem) => {
    expect(problemsOf(HOLDS, truth)).toContain(`keptMs: ${problem}`);
  });

  it('is asked for of every option, and of no other', () => {
    expect(problemsOf('interface Example {}')).toEqual(['keptMs: no interface has it']);
    expect(problemsOf(HOLDS.replace('keptMs?', 'heldMs?'))).toEqual([
      'keptMs: no interface has it',
      'heldMs: the schema does not know it',
    ]);
  });
});

describe('what pages are made with', () => {
  it('keeps the prose around a part that is made, and refuses a page without its marks', () => {
    const page = 'before\n<!-- generated: x -->\nold\n<!-- end of x -->\nafter\n';
    expect(between(page, 'x', 'new')).toBe(page.replace('old', 'new'));
    expect(() => between('before', 'x', 'new')).toThrow(/lacks the marks/);
  });

  it('lets no cell end before its end', () => {
    expect(table(['a'], [['x | y']])).toBe('| a |\n|---|\n| x \\| y |');
  });
});
