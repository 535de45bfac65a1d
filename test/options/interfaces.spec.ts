import { describe, expect, it } from '@jest/globals';
import { type z } from 'zod';
import { type optionsSchema } from '../../src/options/options.schema.js';
import { type Options } from '../../src/options/options.js';
import { type ProductOptions } from '../../src/options/product-options.js';

type Input = z.input<typeof optionsSchema>;

/** What the host gives may leave out whatever a variable can bring. */
type Given<T> = { [K in keyof T]?: T[K] | undefined };
type GivenOptions = Given<Omit<Input, 'database'>> & { database?: Given<Input['database']> | undefined };

type Assignable<From, To> = [From] extends [To] ? true : false;
/** Assignability alone would let a member be forgotten that may be left out. */
type SameKeys<A, B> = [keyof A, keyof B] extends [keyof B, keyof A] ? true : false;
type Agree<A, B> = [Assignable<A, B>, Assignable<B, A>, SameKeys<A, B>] extends [true, true, true] ? true : false;

type Group =
  | 'database'
  | 'support'
  | 'notifications'
  | 'handlers'
  | 'aws'
  | 'recording'
  | 'submission'
  | 'jobs'
  | 'audit'
  | 'retention'
  | 'container';
type GroupsAgree = {
  [K in Group]: Agree<NonNullable<Options[K]>, NonNullable<GivenOptions[K]>>;
};
type CallRates<T extends { aws?: { callsPerSecond?: unknown } | undefined }> = NonNullable<
  NonNullable<T['aws']>['callsPerSecond']
>;

describe('the interfaces of the options', () => {
  it('are what the schema takes, member by member, both ways', () => {
    // Checked by `npm run typecheck`: where the two disagree, `true` is not assignable here.
    const groups: GroupsAgree = {
      ...{ database: true, support: true, notifications: true, handlers: true },
      ...{ aws: true, recording: true, submission: true, jobs: true, audit: true, retention: true, container: true },
    };
    const agree: [
      Agree<Options, GivenOptions>,
      Agree<ProductOptions, Input['products'][number]>,
      Agree<CallRates<Options>, CallRates<GivenOptions>>,
    ] = [true, true, true];
    expect([...Object.values(groups), ...agree]).not.toContain(false);
  });

  it('would not agree where a member were missing, or of another type', () => {
    const disagree: [
      Agree<Options & { colour?: string }, GivenOptions>,
      Agree<Omit<Options, 'clock'>, GivenOptions>,
      Agree<{ poolSize?: string }, { poolSize?: number }>,
    ] = [false, false, false];
    expect(disagree).not.toContain(true);
  });
});
