import { type BalanceView } from 'nestjs-marketplace-metering';
import { type AcceptedUsage, type PriceSegment } from 'aws-marketplace-simulator';
import { type LedgerRecord, type PeriodCarry } from '../control-panel/ledger-reader.js';
import { whereaboutsOf } from '../control-panel/whereabouts.js';
import { sum, textOf, type Units, unitsOf } from '../units.js';
import { type UsageBooks } from './usage-books.js';

export interface Evidence {
  /** What the driver knows to be recorded. */
  books: UsageBooks;
  /** The ledger: every metering record, those of nothing included, and where every unit stands. */
  records: readonly LedgerRecord[];
  carries: readonly PeriodCarry[];
  balances: readonly (BalanceView & { company: string })[];
  /** What AWS would charge, record by record, with the price. */
  bill: readonly AcceptedUsage[];
  /** When which agreement had which price, as AWS has it. */
  segments: readonly PriceSegment[];
  companyOf: (accountId: string) => string;
  /** Dimensions of the listing: what is recorded of others belongs to no agreement, as AWS never takes it. */
  dimensions: readonly string[];
}

export interface Verdict {
  recordedUnits: Units;
  billedUnits: Units;
  accountedUnits: Units;
  conserved: boolean;
  /** Every grain that does not add up, in words. Empty when all do. */
  findings: string[];
}

/** Holds what was recorded against what AWS bills and what the ledger has to say of the rest. */
export function audit(evidence: Evidence): Verdict {
  const { books, balances, bill } = evidence;
  return {
    recordedUnits: books.total,
    billedUnits: sum(bill.map((line) => unitsOf(line.quantity))),
    accountedUnits: sum(balances.map(accountedOf)),
    conserved: balances.every(({ conserved }) => conserved),
    findings: [
      ...unitsMissing(evidence),
      ...unitsMispriced(evidence),
      ...hoursThatDiffer(evidence),
      ...unconserved(evidence),
    ],
  };
}

/** Per customer and dimension: recorded = billed + accounted. */
function unitsMissing({ books, balances, bill, segments, companyOf }: Evidence): string[] {
  const accounts = new Map(segments.map(({ agreementId, accountId }) => [agreementId, accountId]));
  const payerOf = (agreementId: string): string => companyOf(accounts.get(agreementId) ?? '');
  return differences({
    recorded: totalsOf(books.entries().map(({ company, dimension, units }) => [`${company}, ${dimension}`, units])),
    billed: totalsOf(
      bill.map(({ agreementId, dimension, quantity }) => [`${payerOf(agreementId)}, ${dimension}`, unitsOf(quantity)]),
    ),
    accounted: totalsOf(balances.map((balance) => [`${balance.company}, ${balance.dimension}`, accountedOf(balance)])),
  });
}

/**
 * Per agreement, price and dimension: what occurred in it = what AWS bills at it + what the ledger keeps in it. Usage
 * from between two agreements is in none, and is accounted for by its customer.
 */
function unitsMispriced({ books, records, carries, bill, segments, companyOf, dimensions }: Evidence): string[] {
  const nameOf = (agreementId: string | null, price: string, dimension: string): string => {
    const segment = segments.find((candidate) => candidate.agreementId === agreementId);
    return (
      `${companyOf(segment?.accountId ?? '')}, agreement ${agreementId ?? 'without a name'} (${price}), ` + dimension
    );
  };
  const recorded = books.entries().flatMap(({ company, dimension, units, occurredAt }): [string, Units][] => {
    const segment = segments.find(
      ({ accountId, from, until }) =>
        companyOf(accountId) === company && from <= occurredAt && (!until || occurredAt < until),
    );
    return segment && dimensions.includes(dimension)
      ? [[nameOf(segment.agreementId, segment.terms, dimension), units]]
      : [];
  });
  const kept = records
    .filter(
      ({ kind, state, dimension }) => kind !== 'setApart' && state !== 'metered' && dimensions.includes(dimension),
    )
    .map(({ agreementId, price, dimension, quantity }): [string, Units] => [
      nameOf(agreementId, price ?? '', dimension),
      unitsOf(quantity),
    ]);
  const carried = carries
    .filter(({ dimension }) => dimensions.includes(dimension))
    .map(({ agreementId, price, dimension, carry, included }): [string, Units] => [
      nameOf(agreementId, price, dimension),
      unitsOf(carry) + unitsOf(included),
    ]);
  return differences({
    recorded: totalsOf(recorded),
    billed: totalsOf(
      bill.map(({ agreementId, segment, dimension, quantity }) => [
        nameOf(agreementId, segment?.terms ?? 'over', dimension),
        unitsOf(quantity),
      ]),
    ),
    accounted: totalsOf([...kept, ...carried]),
  });
}

/** Per license, dimension and hour: what the ledger holds to be metered is what AWS bills, in both directions. */
function hoursThatDiffer({ records, bill }: Evidence): string[] {
  const metered = totalsOf(
    records
      .filter(({ state }) => state === 'metered')
      .map(({ licenseArn, dimension, hour, quantity }) => [
        `${licenseArn ?? 'no license'}, ${dimension}, ${hour?.toISOString() ?? 'no hour'}`,
        unitsOf(quantity),
      ]),
  );
  const billed = totalsOf(
    bill.map(({ licenseArn, dimension, hour, quantity }) => [
      `${licenseArn ?? 'no license'}, ${dimension}, ${hour}`,
      unitsOf(quantity),
    ]),
  );
  return union(metered, billed).flatMap((grain) => {
    const [has, pays] = [metered.get(grain), billed.get(grain)];
    if (has === pays) return [];
    const text = (units: Units | undefined): string => (units === undefined ? 'nothing' : textOf(units));
    return [`${grain}: the ledger holds ${text(has)} to be metered, AWS bills ${text(pays)}`];
  });
}

function unconserved({ balances }: Evidence): string[] {
  return balances
    .filter(({ conserved }) => !conserved)
    .map(
      (balance) =>
        `${balance.company}, ${balance.dimension}: the ledger itself does not add up (${JSON.stringify(balance)})`,
    );
}

/** Everything that became of recorded units, but for being metered. */
function accountedOf(balance: BalanceView): Units {
  const others = Object.entries(whereaboutsOf(balance)).filter(([place]) => place !== 'metered');
  return sum(others.map(([, units]) => units));
}

/** Each grain in which recorded ≠ billed + accounted, in words. */
function differences({
  recorded,
  billed,
  accounted,
}: Record<'recorded' | 'billed' | 'accounted', ReadonlyMap<string, Units>>): string[] {
  return union(recorded, billed, accounted).flatMap((grain) => {
    const [has, pays, rest] = [recorded.get(grain) ?? 0n, billed.get(grain) ?? 0n, accounted.get(grain) ?? 0n];
    const missing = has - pays - rest;
    if (missing === 0n) return [];
    const difference = missing > 0n ? `${textOf(missing)} missing` : `${textOf(-missing)} too many`;
    return [
      `${grain}: recorded ${textOf(has)}, billed ${textOf(pays)} and accounted for ${textOf(rest)}: ${difference}`,
    ];
  });
}

function totalsOf(entries: readonly (readonly [string, Units])[]): Map<string, Units> {
  const totals = new Map<string, Units>();
  for (const [key, units] of entries) totals.set(key, (totals.get(key) ?? 0n) + units);
  return totals;
}

function union(...maps: readonly ReadonlyMap<string, Units>[]): string[] {
  return [...new Set(maps.flatMap((map) => [...map.keys()]))].sort();
}
