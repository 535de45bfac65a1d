import { describe, expect, it } from '@jest/globals';
import { type z } from 'zod';
import { OptionsInvalidError } from '../../src/errors/marketplace-metering-error.js';
import { optionsSchema } from '../../src/options/options.schema.js';
import { type Options } from '../../src/options/options.js';
import { resolveOptions } from '../../src/options/resolved-options.js';

type Path = readonly (string | number)[];

const VALID = {
  database: { url: 'postgres://localhost/app' },
  products: [{ productCode: 'abc', dimensions: ['requests'] }],
  signUpUrl: 'https://app.example.com/sign-up',
};

/** Nothing of these is right everywhere, and each is wrong in most places. */
const ODD_VALUES: readonly unknown[] = [
  null,
  true,
  -1,
  0.5,
  Number.NaN,
  1e300,
  1n,
  '',
  'x'.repeat(300),
  [null],
  {},
  [{}],
];

/** What zod says where a schema has no words of its own. */
const NO_FIX = /^(invalid|unrecognized|too (big|small)|expected|required)\b|expected .*received/i;

function pathsIn(schema: z.core.$ZodType, path: Path = []): Path[] {
  const def = schema._zod.def as unknown as Readonly<Record<string, unknown>>;
  const inner = (def.innerType ?? def.in) as z.core.$ZodType | undefined;
  if (inner !== undefined) return pathsIn(inner, path);
  if (def.type === 'array') return [path, ...pathsIn(def.element as z.core.$ZodType, [...path, 0])];
  if (def.type !== 'object') return [path];
  const members = Object.entries(def.shape as Record<string, z.core.$ZodType>);
  return [path, ...members.flatMap(([name, member]) => pathsIn(member, [...path, name]))];
}

function optionsWith([head, ...rest]: Path, value: unknown, base: unknown): unknown {
  if (head === undefined) return value;
  if (typeof head === 'number') return [optionsWith(rest, value, (base as unknown[] | undefined)?.[head])];
  const members = (base ?? {}) as Record<string, unknown>;
  return { ...members, [head]: optionsWith(rest, value, members[head]) };
}

function fixesOf(options: unknown): string[] {
  try {
    resolveOptions(options as Options, {});
  } catch (error) {
    if (error instanceof OptionsInvalidError) return error.problems.map(({ fix }) => fix);
    throw error;
  }
  return [];
}

const PATHS = pathsIn(optionsSchema).filter((path) => path.length > 0);

describe('whatever is given for an option', () => {
  it('the schema is read to its leaves', () => {
    expect(PATHS.length).toBeGreaterThan(100);
    expect(PATHS).toContainEqual(['products', 0, 'includedUnits', 0, 'covers', 0]);
  });

  it.each(PATHS.map((path) => [path.join('.'), path] as const))('%s says what to give instead', (_name, path) => {
    const fixes = ODD_VALUES.map((value) => fixesOf(optionsWith(path, value, VALID)));
    expect(fixes.flat().filter((fix) => NO_FIX.test(fix))).toEqual([]);
    // Where nothing were refused, nothing would be shown.
    expect(fixes.flat()).not.toEqual([]);
  });
});
