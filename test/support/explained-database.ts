import { type TransactionSettings, LedgerDatabase, type LedgerSql } from '../../src/database/ledger-database.js';

export interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Shared Hit Blocks': number;
  'Shared Read Blocks': number;
  Plans?: PlanNode[];
}

/** Runs every statement twice: once to explain it, once for its rows. */
export class ExplainedDatabase extends LedgerDatabase {
  private plans: PlanNode[] = [];

  /** Plans since the last call. */
  takePlans(): PlanNode[] {
    return this.plans.splice(0);
  }

  override async query<Row>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    return this.explained({ query: (text, values) => super.query(text, values) }).query<Row>(sql, parameters);
  }

  override transaction<T>(work: (tx: LedgerSql) => Promise<T>, settings?: TransactionSettings): Promise<T> {
    return super.transaction((tx) => work(this.explained(tx)), settings);
  }

  private explained(on: LedgerSql): LedgerSql {
    return {
      query: async (sql, parameters) => {
        const [row] = await on.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
          `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${sql}`,
          parameters,
        );
        this.plans.push(row!['QUERY PLAN'][0].Plan);
        return on.query(sql, parameters);
      },
    };
  }
}

export const nodesOf = (plan: PlanNode): PlanNode[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

export const pagesOf = (plans: readonly PlanNode[]): number =>
  plans.reduce((sum, plan) => sum + plan['Shared Hit Blocks'] + plan['Shared Read Blocks'], 0);
