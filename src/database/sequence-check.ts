import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { type LedgerDatabase, type LedgerSql, sqlStateOf } from './ledger-database.js';

interface NumberedColumn {
  table: string;
  column: string;
  /** The highest number that is there. Where no index has it as such, by the sellers, whose indexes do. */
  highest: string;
}

/** Of a table that has the number in the index of no seller but a time-ordered id: among each seller's newest rows. */
const NEWEST_ATTEMPTS = `SELECT max(position) FROM (SELECT DISTINCT seller_account FROM marketplace.product) AS seller,
  LATERAL (SELECT position FROM marketplace.attempt a WHERE a.seller_account = seller.seller_account
    ORDER BY id DESC LIMIT 10000) AS newest`;

const highestOf = (table: string, column: string): NumberedColumn => ({
  ...{ table, column },
  highest: `SELECT max(${column}) FROM marketplace.${table}`,
});

/**
 * Numbers that say what came first, or name a row. Where a sequence lies behind them, as after a restore or a copy made
 * by hand, a new row fails, or is taken for an older decision than those that it follows.
 */
const NUMBERED: readonly NumberedColumn[] = [
  {
    ...{ table: 'outbox_event', column: 'position' },
    highest: `SELECT max(highest) FROM (SELECT DISTINCT seller_account FROM marketplace.product) AS seller,
      LATERAL (SELECT max(position) AS highest FROM marketplace.outbox_event e
        WHERE e.seller_account = seller.seller_account) AS of_seller`,
  },
  { table: 'attempt', column: 'position', highest: NEWEST_ATTEMPTS },
  highestOf('rollup', 'id'),
  highestOf('subject', 'id'),
  highestOf('dimension', 'id'),
  highestOf('product_mode', 'id'),
  highestOf('submission_hold', 'id'),
  highestOf('payer_choice', 'id'),
  highestOf('customer_changed', 'id'),
  highestOf('trail_coverage', 'id'),
];

const sequenceOf = ({ table, column }: NumberedColumn): string =>
  table === 'rollup' ? 'marketplace.rollup_id' : `pg_get_serial_sequence('marketplace.${table}', '${column}')::text`;

const quoted = (name: string): string => (name.startsWith('pg_get') ? name : `'${name}'`);

// The highest number first: what is written meanwhile only moves the sequence further ahead of it. A role that may not
// read a sequence learns nothing of it: to write rows it need not.
const BEHIND = NUMBERED.map(
  (numbered) => `SELECT '${numbered.table}' AS name FROM (${numbered.highest}) AS rows (highest)
    WHERE CASE WHEN has_sequence_privilege(${quoted(sequenceOf(numbered))}::regclass, 'USAGE, SELECT')
      THEN highest > coalesce(pg_sequence_last_value(${quoted(sequenceOf(numbered))}::regclass), 0) END`,
).join(' UNION ALL ');

/**
 * Puts every sequence that lies behind its table ahead of it.
 * @returns the tables concerned
 * @throws MarketplaceMeteringError `SEQUENCE_BEHIND` where the role may not, with the statement for one who may
 */
export async function healSequences(database: LedgerDatabase): Promise<string[]> {
  const behind = await database.query<{ name: string }>(BEHIND);
  for (const { name } of behind) {
    const numbered = NUMBERED.find(({ table }) => table === name);
    if (numbered) await database.transaction((tx) => heal(tx, numbered));
  }
  return behind.map(({ name }) => name);
}

async function heal(tx: LedgerSql, numbered: NumberedColumn): Promise<void> {
  const sequence = quoted(sequenceOf(numbered));
  const table = `marketplace.${numbered.table}`;
  const set = `SELECT setval(${sequence}::regclass, highest) FROM (${numbered.highest}) AS rows (highest)
    WHERE highest > coalesce(pg_sequence_last_value(${sequence}::regclass), 0)`;
  try {
    // Nobody draws a number while the sequence is moved: it must not go back behind one that was drawn.
    await tx.query(`LOCK TABLE ${table} IN SHARE ROW EXCLUSIVE MODE`);
    await tx.query(set);
  } catch (error) {
    if (sqlStateOf(error) !== '42501') throw error;
    throw new MarketplaceMeteringError(
      'SEQUENCE_BEHIND',
      `The sequence of ${table}.${numbered.column} lies behind the table, as after a restore or a copy made by hand, ` +
        'and this role may not move it. Have the owner of the schema run, while nothing writes: ' +
        `SELECT setval(${sequence}, (SELECT max(${numbered.column}) FROM ${table}));`,
      { cause: error },
    );
  }
}
