import { type LedgerSql } from '../database/ledger-database.js';

/** A column by which pages are cut, and its type. */
export interface PageKey {
  column: string;
  type: string;
}

export const ID_KEY: PageKey = { column: 'id', type: 'uuid' };

/** An instant as text, with its microseconds, which a Date would lose. */
export const precise = (column: string): string =>
  `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

/**
 * One list of the operators. Read only and without locks. Every list is cut by a key that no row ever changes, newest
 * first, so that rows that arrive while someone pages neither move nor hide the others. Conditions are put together
 * from what was asked, because a condition that allows for a missing parameter cannot use an index.
 */
export class Selection {
  private readonly parameters: unknown[];
  private readonly conditions = ['seller_account = $1'];

  constructor(
    private readonly columns: string,
    private readonly table: string,
    sellerAccount: string,
  ) {
    this.parameters = [sellerAccount];
  }

  /** Adds a condition on `value`, if there is one. */
  where(value: string | null | undefined, conditionOn: (parameter: string) => string): this {
    if (value === null || value === undefined) return this;
    this.parameters.push(value);
    return this.when(true, conditionOn(`$${this.parameters.length}`));
  }

  when(applies: boolean, condition: string): this {
    if (applies) this.conditions.push(condition);
    return this;
  }

  /** Cuts the page: rows that come after the row with these keys, newest first. */
  after(keys: readonly PageKey[], values: readonly string[] | null, limit: number) {
    if (values) {
      const first = this.parameters.push(...values) - values.length + 1;
      const row = keys.map(({ type }, index) => `$${first + index}::${type}`).join(', ');
      this.conditions.push(`(${keys.map(({ column }) => column).join(', ')}) < (${row})`);
    }
    this.parameters.push(limit);
    const text = `SELECT ${this.columns} FROM marketplace.${this.table}
      WHERE ${this.conditions.join(' AND ')}
      ORDER BY ${keys.map(({ column }) => `${column} DESC`).join(', ')} LIMIT $${this.parameters.length}`;
    return { read: <Row>(tx: LedgerSql): Promise<Row[]> => tx.query<Row>(text, this.parameters) };
  }
}

/** The row that an id lives on in: records follow their subscription when it is folded. */
export const livingOf = (id: string): string => `(SELECT coalesce(f.alias_of, f.id) FROM marketplace.subscription f
  WHERE f.seller_account = $1 AND f.id = ${id}::uuid)`;

/** All rows of `subscription` that one id stands for: itself and those folded into it. */
export const withFolded = (id: string): string => `ARRAY(SELECT f.id FROM marketplace.subscription f
  WHERE f.seller_account = $1 AND (f.id = ${id}::uuid OR f.alias_of = ${id}::uuid))`;
