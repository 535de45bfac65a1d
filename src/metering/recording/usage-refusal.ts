import {
  type MarketplaceErrorCode,
  type UsageProblem,
  UsageNotRecordedError,
  UsageRefusedError,
} from '../../errors/marketplace-metering-error.js';

/** A problem with the code under which it is refused when it is the only kind of problem. */
export interface CodedProblem extends UsageProblem {
  code: MarketplaceErrorCode;
}

/** The error for all problems of a call; its code is that of the problems when they are of one kind. */
export function refusalOf(problems: readonly CodedProblem[]): UsageRefusedError {
  const codes = new Set(problems.map((problem) => problem.code));
  const [first = 'USAGE_INVALID'] = codes;
  return new UsageRefusedError(
    codes.size === 1 ? first : 'USAGE_INVALID',
    problems.map(({ index, field, message }) => ({ index, field, message })),
  );
}

/** Usage as far as an error names it. */
interface Keyed {
  idempotencyKey: string;
}

/** The error for usage that could not be written for a reason outside of it. */
export function notRecorded(
  code: MarketplaceErrorCode,
  why: string,
  outcome: 'notWritten' | 'unknown',
  usages: readonly Keyed[],
  cause?: unknown,
): UsageNotRecordedError {
  const state =
    outcome === 'notWritten'
      ? 'Nothing was written; record it again with the same key.'
      : 'Whether it was written is not known; record it again with the same key, which is safe either way.';
  const below = cause instanceof Error ? ` Last answer of the database: ${cause.message}.` : '';
  return new UsageNotRecordedError(
    code,
    `Usage was not recorded: ${why}. ${state} The key is in idempotencyKeys.${below}`,
    {
      outcome,
      idempotencyKeys: usages.map((usage) => usage.idempotencyKey),
      cause,
    },
  );
}

export function notRecordedBecause(
  error: unknown,
  outcome: 'notWritten' | 'unknown',
  usages: readonly Keyed[],
): UsageNotRecordedError {
  return notRecorded('RECORD_FAILED', 'the database refused the statement', outcome, usages, error);
}
