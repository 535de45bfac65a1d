import { type SeededRandom } from '../support/market.js';
import { pick } from '../support/seeded-run.js';
import { type Act, type History, type Minute, type Use } from './history.js';

const HOUR = 60;
const AGREEMENTS_MAX = 4;
/**
 * Acts fall into the first half of an hour, so that what is told half an hour late is known before that hour is sealed.
 */
const LAST_MINUTE = 34;

export interface HistoryBounds {
  /** Hours within which buyers act; usage goes on as long. */
  hours: number;
  dimensions: readonly string[];
}

/**
 * Draws a life: purchase, trial, terms that expire, renewals early, at their day and told late, replacement in the middle
 * of an hour, cancellation, return, a second purchase beside.
 */
export function drawHistory(name: string, random: SeededRandom, { hours, dimensions }: HistoryBounds): History {
  const identity = random.integer(5) < 3 ? 'license' : 'legacy';
  const acts = drawActs(random, hours * HOUR);
  return { name, identity, acts, uses: drawUses(name, random, acts, hours * HOUR, dimensions) };
}

function drawActs(random: SeededRandom, until: Minute): Act[] {
  const begin = inHour(random, random.integer(4));
  const acts: Act[] = [];
  const lastAct = until - 4 * HOUR;
  /** When the agreement that was signed last expires by itself. */
  let expiresAt: Minute | null = null;
  const sign = (at: Minute, { mayTry = false, mayExpire = false }): boolean => {
    const freeTrial = mayTry && random.integer(3) === 0;
    const end = inHour(random, Math.floor(at / HOUR) + 4 + random.integer(8));
    expiresAt = mayExpire && random.integer(3) === 0 && end < lastAct ? end : null;
    acts.push({ at, kind: 'sign', freeTrial, endsAt: expiresAt }, { at: at + random.integer(20), kind: 'register' });
    return freeTrial;
  };
  let isTrial = sign(begin, { mayTry: true, mayExpire: true });
  let agreements = 1;
  let now = begin;
  const follow = (kind: 'renew' | 'replace', at: Minute, startsAt: Minute): void => {
    const as = random.integer(4) === 0 ? 'sameLicense' : 'newLicense';
    acts.push({ at, kind, startsAt, as });
    now = Math.max(at, startsAt);
    isTrial = false;
    expiresAt = null;
    agreements += 1;
  };
  const comeBack = (end: Minute): boolean => {
    const back = inHour(random, Math.floor(end / HOUR) + 4 + random.integer(6));
    if (random.integer(3) === 0 || back > lastAct) return false;
    isTrial = sign(back, { mayExpire: true });
    agreements += 1;
    now = back;
    return true;
  };
  while (agreements < AGREEMENTS_MAX) {
    const at = inHour(random, Math.floor(now / HOUR) + 3 + random.integer(6));
    const end = expiresAt as Minute | null;
    if (end !== null && at > end - HOUR) {
      // It expires. AWS tells of a late renewal hours after the old term is over.
      const toldAt = inHour(random, Math.floor(end / HOUR) + 1 + random.integer(3));
      if (random.integer(2) === 0 && toldAt <= lastAct) follow('renew', toldAt, end);
      else if (!comeBack(end)) break;
      continue;
    }
    if (at > lastAct) break;
    now = at;
    if (isTrial && random.integer(2) === 0) {
      const as = pick(random, ['sameAgreement', 'sameLicense', 'newLicense'] as const);
      acts.push({ at, kind: 'convert', as });
      isTrial = false;
      expiresAt = null;
      if (as !== 'sameAgreement') agreements += 1;
      continue;
    }
    const kind = random.integer(6);
    if (kind <= 2) {
      // Signed ahead or at once; a trial that is renewed or replaced is paid from then on.
      const ahead = inHour(random, Math.floor(at / HOUR) + 1 + random.integer(4));
      const startsAt = Math.min(random.integer(2) === 0 ? at : ahead, end ?? Infinity);
      if (startsAt > lastAct) break;
      follow(kind === 0 ? 'replace' : 'renew', at, startsAt);
    } else if (kind === 3) {
      if (end !== null) continue;
      // Beside what runs, for the rest of the life.
      sign(at, {});
      break;
    } else {
      acts.push({ at, kind: 'cancel' });
      if (!comeBack(at)) break;
    }
  }
  return acts.sort((a, b) => a.at - b.at);
}

function drawUses(
  name: string,
  random: SeededRandom,
  acts: readonly Act[],
  until: Minute,
  dimensions: readonly string[],
): Use[] {
  const registered = acts.find(({ kind }) => kind === 'register')?.at ?? until;
  const uses: Use[] = [];
  for (let t = registered + 1; t < until; t += 10 + random.integer(80)) {
    const lateness = [
      random.integer(5),
      random.integer(5),
      random.integer(5),
      random.integer(120),
      random.integer(10 * HOUR),
    ];
    const at = t + pick(random, lateness);
    const quarters = 4 * (1 + random.integer(4)) + (random.integer(3) === 0 ? random.integer(4) : 0);
    uses.push({
      ...{ at, occurredAt: t, key: `${name}/${uses.length}`, dimension: pick(random, dimensions), quarters },
      by: random.integer(4) === 0 ? 'subscription' : 'tenant',
      retries: Array.from({ length: random.integer(4) === 0 ? 1 + random.integer(2) : 0 }, () =>
        random.integer(8 * HOUR),
      ),
    });
    // A correction beside usage that outweighs it.
    if (random.integer(12) === 0 && quarters > 4) {
      const { at: when, dimension, by } = uses.at(-1)!;
      uses.push({ at: when, occurredAt: t, key: `${name}/${uses.length}`, dimension, quarters: -2, by, retries: [] });
    }
  }
  return uses.sort((a, b) => a.at - b.at);
}

function inHour(random: SeededRandom, hour: number): Minute {
  return hour * HOUR + (random.integer(3) === 0 ? 0 : random.integer(LAST_MINUTE));
}
