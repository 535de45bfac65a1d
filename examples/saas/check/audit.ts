import { type BalanceView } from 'nestjs-marketplace-metering';
import { type BillLine } from 'aws-marketplace-simulator';
import { type LedgerRecord } from '../control-panel/ledger-reader.js';
import { sum, textOf, type Units, unitsOf } from '../units.js';
import { type UsageBooks } from './usage-books.js';

export interface Evidence {
  /** What the driver knows to be recorded. */
  books: UsageBooks;
  /** The ledger: every metering record, those of nothing included, and where every unit stands. */
  records: readonly LedgerRecord[];
  balances: readonly (BalanceView & { licenseArn: string })[];
  /** What AWS would charge. */
  bill: readonly BillLine[];
  companyOf: (licenseArn: string) => string;
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
    findings: [...unitsMissing(evidence), ...hoursThatDiffer(evidence), ...unconserved(evidence)],
  };
}

/** Per subscription and dimension: recorded = billed + accounted. */
function unitsMissing({ books, balances, bill, companyOf }: Evidence): string[] {
  const recorded = new Map(books.entries().map((entry) => [grainOf(entry), entry.units]));
  const billed = totalsOf(bill.map((line) => [grainOf(line), unitsOf(line.quantity)]));
  const accounted = totalsOf(balances.map((balance) => [grainOf(balance), accountedOf(balance)]));
  return union(recorded, billed, accounted).flatMap((grain) => {
    const [has, pays, rest] = [recorded.get(grain) ?? 0n, billed.get(grain) ?? 0n, accounted.get(grain) ?? 0n];
    const missing = has - pays - rest;
    if (missing === 0n) return [];
    const difference = missing > 0n ? `${textOf(missing)} missing` : `${textOf(-missing)} too many`;
    return [
      `${grainText(grain, companyOf)}: recorded ${textOf(has)}, billed ${textOf(pays)} and accounted for ${textOf(rest)}: ${difference}`,
    ];
  });
}

/** Per license, dimension and hour: what the ledger holds to be metered is what AWS bills, in both directions. */
function hoursThatDiffer({ records, bill, companyOf }: Evidence): string[] {
  const hourOf = (grain: { licenseArn?: string | null; dimension: string }, hour: string): string => `${grainOf(grain)} ${hour}`;
  const metered = totalsOf(
    records
      .filter(({ state }) => state === 'metered')
      .map((record) => [hourOf(record, record.hour.toISOString()), unitsOf(record.quantity)]),
  );
  const billed = totalsOf(bill.map((line) => [hourOf(line, line.hour), unitsOf(line.quantity)]));
  return union(metered, billed).flatMap((grain) => {
    const [has, pays] = [metered.get(grain), billed.get(grain)];
    if (has === pays) return [];
    const text = (units: Units | undefined): string => (units === undefined ? 'nothing' : textOf(units));
    return [`${grainText(grain, companyOf)}: the ledger holds ${text(has)} to be metered, AWS bills ${text(pays)}`];
  });
}

function unconserved({ balances, companyOf }: Evidence): string[] {
  return balances
    .filter(({ conserved }) => !conserved)
    .map((balance) => `${grainText(grainOf(balance), companyOf)}: the ledger itself does not add up (${JSON.stringify(balance)})`);
}

/** Everything that became of recorded units, but for being metered. */
function accountedOf({ unassigned, carry, byState }: BalanceView): Units {
  const others = Object.entries(byState).filter(([state]) => state !== 'metered');
  return unitsOf(unassigned) + unitsOf(carry) + sum(others.map(([, quantity]) => unitsOf(quantity)));
}

function grainOf({ licenseArn, dimension }: { licenseArn?: string | null; dimension: string }): string {
  return `${licenseArn ?? 'no license'} ${dimension}`;
}

function grainText(grain: string, companyOf: Evidence['companyOf']): string {
  const [licenseArn = '', ...rest] = grain.split(' ');
  return `${companyOf(licenseArn)}, ${rest.join(', ')}`;
}

function totalsOf(entries: readonly (readonly [string, Units])[]): Map<string, Units> {
  const totals = new Map<string, Units>();
  for (const [key, units] of entries) totals.set(key, (totals.get(key) ?? 0n) + units);
  return totals;
}

function union(...maps: readonly ReadonlyMap<string, Units>[]): string[] {
  return [...new Set(maps.flatMap((map) => [...map.keys()]))].sort();
}
