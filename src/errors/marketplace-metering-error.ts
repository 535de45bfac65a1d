import { type MarketplaceErrorCode } from './error-catalogue.js';

export type { MarketplaceErrorCode } from './error-catalogue.js';

/**
 * The one base of all errors that this module throws on purpose. `message` names the field or setting, the rule and the
 * fix; `code` is stable; `cause` holds what lay beneath. An error that is not of this class is a defect or comes from
 * below (the database, the network).
 */
export class MarketplaceMeteringError extends Error {
  readonly code: MarketplaceErrorCode;

  constructor(code: MarketplaceErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** One thing wrong with the options: where, what, and how to mend it. */
export interface OptionProblem {
  /** Path of the option, for example `products[0].dimensions`. */
  option: string;
  /** Environment variable that feeds the option, where there is one. */
  environmentVariable: string | null;
  /** The rule that is broken and what to write instead. */
  fix: string;
}

/** The options do not hold. All problems are in `problems`, so that one start shows everything there is to mend. */
export class OptionsInvalidError extends MarketplaceMeteringError {
  readonly problems: readonly OptionProblem[];

  constructor(problems: readonly OptionProblem[]) {
    const lines = problems.map(
      ({ option, environmentVariable, fix }) =>
        `  - ${option}${environmentVariable === null ? '' : ` (${environmentVariable})`}: ${fix}`,
    );
    super(
      'OPTIONS_INVALID',
      `MarketplaceMeteringModule cannot start, ${problems.length} option problem(s):\n${lines.join('\n')}`,
    );
    this.problems = problems;
  }
}

/** One reason why a usage event was refused. */
export interface UsageProblem {
  /** Position of the event in the call, 0 for a single event. */
  index: number;
  /** Field of the event, for example `quantity`. */
  field: string;
  /** The rule that is broken and the fix. */
  message: string;
}

const PROBLEMS_IN_MESSAGE = 20;

/** Usage was refused before anything was written. `problems` names every event and field concerned. */
export class UsageRefusedError extends MarketplaceMeteringError {
  readonly problems: readonly UsageProblem[];

  constructor(code: MarketplaceErrorCode, problems: readonly UsageProblem[], options?: { cause?: unknown }) {
    const lines = problems
      .slice(0, PROBLEMS_IN_MESSAGE)
      .map(({ index, field, message }) => `events[${index}].${field}: ${message}`);
    const more = problems.length - lines.length;
    super(code, [...lines, ...(more > 0 ? [`and ${more} more, see problems`] : [])].join('; '), options);
    this.problems = problems;
  }

  /** Positions of the events concerned, ascending and without repeats. */
  get indexes(): number[] {
    return [...new Set(this.problems.map((problem) => problem.index))].sort((a, b) => a - b);
  }
}

/**
 * Usage could not be recorded for a reason that lies outside the events (time ran out, the call was aborted, the
 * database failed). Recording again with the same keys is safe whatever became of this call; where the caller gave
 * none, `idempotencyKeys` holds the ones that were minted.
 */
export class UsageNotRecordedError extends MarketplaceMeteringError {
  /**
   * `notWritten`: nothing of the call is in the ledger. `unknown`: an answer of the database was lost, so the usage may
   * be there.
   */
  readonly outcome: 'notWritten' | 'unknown';
  /** The keys of the call's events, in input order. */
  readonly idempotencyKeys: readonly string[];

  constructor(
    code: MarketplaceErrorCode,
    message: string,
    about: { outcome: 'notWritten' | 'unknown'; idempotencyKeys: readonly string[]; cause?: unknown },
  ) {
    super(code, message, about.cause === undefined ? {} : { cause: about.cause });
    this.outcome = about.outcome;
    this.idempotencyKeys = about.idempotencyKeys;
  }
}

/** Narrowing test for host code that catches `unknown`. */
export function isMarketplaceMeteringError(error: unknown): error is MarketplaceMeteringError {
  return error instanceof MarketplaceMeteringError;
}
