import { earliest, earliestOf, HOUR_MS, plusMs } from '../../runtime/clock.js';
import { isPositive } from './planned-end.js';
import { type AgreementFact } from './agreement-fact.js';
import { type AgreementStart, type Asking, dateOf, happenedAt, settledFrom } from './agreement-life.js';

/**
 * A License event that comes alone may speak of a start that lies a month ahead: so long its Created, or AWS's answer,
 * is waited for: hosts provision what has started. Its usage is billed meanwhile, before it would be lost.
 */
export const LICENSE_ALONE_MS = 24 * HOUR_MS;

/** When it starts, and whether AWS has said so; null where nothing of it tells that it exists in time. */
export function startOf(ordered: readonly AgreementFact[], asking: Asking): AgreementStart | null {
  const told = toldStartOf(ordered);
  if (told) return { at: told, isTold: true, confirmedAt: told };
  const signs = ordered.flatMap((fact) => provisionalStartOf(fact, asking));
  if (signs.length === 0) return null;
  const confirmed = signs.flatMap(({ confirmedAt }) => (confirmedAt === null ? [] : [confirmedAt]));
  return {
    at: earliest(...signs.map(({ at }) => at)),
    isTold: false,
    confirmedAt: earliestOf(confirmed),
  };
}

/**
 * The earliest that AWS names: an agreement that renews itself may be told with the start of its present term. A legacy
 * message, which names none, is sent at the start; it counts where nothing else does.
 */
function toldStartOf(ordered: readonly AgreementFact[]): Date | null {
  const named = ordered.flatMap((fact) => {
    const told =
      fact.type === 'agreement.found' || fact.type === 'agreement.created' ? dateOf(fact.details.startTime) : null;
    return told === null ? [] : [told];
  });
  if (named.length > 0) return earliest(...named);
  const succeeded = ordered.find(({ type }) => type === 'legacy.subscribeSucceeded');
  return succeeded ? happenedAt(succeeded) : null;
}

function provisionalStartOf(fact: AgreementFact, asking: Asking): { at: Date; confirmedAt: Date | null }[] {
  const at = happenedAt(fact);
  switch (fact.type) {
    case 'buyer.registered':
      return [{ at: earliest(at, dateOf(fact.details.since ?? null)), confirmedAt: null }];
    case 'license.updated': {
      const { askedAt, mayNotAsk } = asking;
      const alone = plusMs(at, LICENSE_ALONE_MS);
      // An answer of minutes after it may be from before it, and not list it for that.
      const answered = askedAt !== null && askedAt >= settledFrom(fact) ? earliest(askedAt, alone) : alone;
      return [{ at, confirmedAt: mayNotAsk ? at : answered }];
    }
    case 'agreement.created':
      return [{ at, confirmedAt: at }];
    case 'agreement.found':
      return isPositive(fact) ? [{ at, confirmedAt: at }] : [];
    default:
      return [];
  }
}
