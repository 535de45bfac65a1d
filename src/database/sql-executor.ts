/**
 * A transaction of the host, through whatever library it runs: all that the module needs of it. There are adapters for
 * TypeORM, `pg`, Knex, Kysely, Drizzle, Prisma, MikroORM and Sequelize; for any other library this one method is
 * written by hand, over the one connection on which the transaction runs.
 */
export interface SqlExecutor {
  /**
   * Runs one statement inside the transaction. Errors of the database come through as they are.
   * @param sql One statement with numbered parameters (`$1`, `$2`, …), in any order and more than once each. Each is
   * cast from text by the statement itself, so that no driver has to know types.
   * @param parameters A text or null for each number.
   * @returns The rows, also those of `INSERT … RETURNING`, as objects by the names of the columns as they are. All
   * columns are text or null.
   */
  query(sql: string, parameters: readonly (string | null)[]): Promise<readonly object[]>;
}
