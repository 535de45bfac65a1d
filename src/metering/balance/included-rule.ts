import { formatDecimal, type Scaled, scaled } from '../../runtime/decimal.js';

/** A part of a term in which what is included stays the same: an amendment begins another. */
export interface IncludedStretch {
  /** What the whole term includes, in units of usage, as agreed from here on. */
  units: Scaled;
  /** Net usage of its hours, corrections subtracted. */
  used: Scaled;
}

/** The time for which units are included once: an agreement's term, or a month of it. */
export interface IncludedTerm {
  /** In the order of time. */
  stretches: readonly IncludedStretch[];
  /** Whether it has what the term before left, too. Default: no. */
  rollsOver?: boolean;
}

/**
 * What each term includes of its usage: a pure function of what was used on either side of each amendment, so the same
 * in whatever order usage arrives.
 *
 * Usage takes what its stretch still leaves; an amendment upwards leaves more to what is used from then on, one
 * downwards takes nothing back. A correction gives back first what exceeded, then what was included.
 * @param rolledOver what an earlier period left to the first of these terms
 */
export function includedOf(terms: readonly IncludedTerm[], rolledOver: Scaled = 0n): Scaled[] {
  return outcomesOf(terms, rolledOver).map(({ included }) => included);
}

/** What the last of these terms leaves to the one that follows. */
export function leftBy(terms: readonly IncludedTerm[], rolledOver: Scaled): Scaled {
  return outcomesOf(terms, rolledOver).at(-1)?.left ?? rolledOver;
}

function outcomesOf(terms: readonly IncludedTerm[], rolledOver: Scaled): { included: Scaled; left: Scaled }[] {
  let left = rolledOver;
  return terms.map(({ stretches, rollsOver = false }) => {
    const over = rollsOver ? left : 0n;
    let used = 0n;
    let included = 0n;
    let most = 0n;
    for (const stretch of stretches) {
      used += stretch.used;
      most = larger(stretch.units + over, included);
      included = larger(0n, smaller(used, smaller(included + larger(stretch.used, 0n), most)));
    }
    left = most - included;
    return { included, left };
  });
}

/** What a dimension's next record includes; negative where it gives units back. */
export function includedStep(state: {
  /** What the rule includes in all, this record's usage counted. */
  target: Scaled;
  /** What the records of all dimensions that share the units include so far. */
  included: Scaled;
  /** Usage of the record's dimension, its own counted, and what the dimension's records include so far. */
  ownUsed: Scaled;
  ownIncluded: Scaled;
}): Scaled {
  const { target, included, ownUsed, ownIncluded } = state;
  // Of units that several dimensions share, none is included more than it used, and none gives back what it has not.
  return smaller(larger(target - included, -ownIncluded), larger(ownUsed, 0n) - ownIncluded);
}

/** What a record's included units were reckoned from: it stands in the record, and says how to reckon them again. */
export interface IncludedBasis {
  contractDimension: string;
  /** Dimensions of usage that share the units. */
  covers: readonly string[];
  /** AWS's answer that counted last; null where the options say how many units are included. */
  said: {
    fetchedAt: string;
    quantity: string;
    factor: string;
    /** Names under which the options had the contract before: what AWS lists under them counts, too. */
    formerly?: readonly string[];
  } | null;
  /** When AWS was last asked and answered; null where the options say it. */
  asOf: string | null;
  /** The hour was over when AWS last answered, and could wait no longer. */
  isStale?: boolean;
  /** What an earlier agreement left. */
  rolledOver?: string;
  terms: readonly {
    from: string | null;
    rollsOver?: boolean;
    stretches: readonly { from: string | null; units: string; used: string }[];
  }[];
  /** Before this record: of all dimensions that share the units. */
  included: string;
  own: { used: string; included: string };
}

export function includedFrom(basis: IncludedBasis): Scaled {
  const terms = basis.terms.map(({ rollsOver = false, stretches }) => ({
    rollsOver,
    stretches: stretches.map(({ units, used }) => ({ units: scaled(units), used: scaled(used) })),
  }));
  const sums = includedOf(terms, scaled(basis.rolledOver ?? '0'));
  return includedStep({
    target: sums.reduce((sum, one) => sum + one, 0n),
    included: scaled(basis.included),
    ownUsed: scaled(basis.own.used),
    ownIncluded: scaled(basis.own.included),
  });
}

/** Where a record's included units do not follow from what it says they were reckoned from; null where they do. */
export function includedMismatch(record: {
  included: string;
  includedTotal: string;
  basis: IncludedBasis | null;
}): { says: string; found: string } | null {
  const { included, includedTotal, basis } = record;
  if (basis === null) return scaled(included) === 0n ? null : { says: included, found: 'nothing that includes it' };
  try {
    const found = includedFrom(basis);
    if (found !== scaled(included)) return { says: included, found: formatDecimal(found) };
    const total = scaled(basis.own.included) + found;
    return total === scaled(includedTotal)
      ? null
      : { says: `${includedTotal} in all`, found: `${formatDecimal(total)} in all` };
  } catch {
    return { says: included, found: 'nothing that can be reckoned' };
  }
}

function larger(a: bigint, b: bigint): bigint {
  // Stryker disable next-line EqualityOperator: of two that are equal, either is the same answer.
  return a > b ? a : b;
}

function smaller(a: bigint, b: bigint): bigint {
  // Stryker disable next-line EqualityOperator: of two that are equal, either is the same answer.
  return a < b ? a : b;
}
