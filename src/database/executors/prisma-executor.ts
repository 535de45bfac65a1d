import { type SqlExecutor } from '../sql-executor.js';
import { ExecutorMemory } from './executor-memory.js';
import { hasMethods, invalidManager, kindOf } from './manager-refusal.js';

/** As much of Prisma's client in an interactive transaction (`Prisma.TransactionClient`) as is needed. */
export interface PrismaTransaction {
  $queryRawUnsafe(query: string, ...values: unknown[]): PromiseLike<unknown>;
}

const memory = new ExecutorMemory<PrismaTransaction>('forOneTransaction');

/**
 * An interactive transaction of Prisma: the tx of `prisma.$transaction(async (tx) => …)`.
 * @throws MarketplaceMeteringError `MANAGER_INVALID`
 */
export function prismaExecutor(tx: PrismaTransaction): SqlExecutor {
  if (!hasMethods(tx, '$queryRawUnsafe'))
    throw invalidManager(
      `prismaExecutor() was given ${kindOf(tx)}`,
      'Give the tx of prisma.$transaction(async (tx) => …).',
    );
  if (hasMethods(tx, '$disconnect'))
    throw invalidManager(
      'prismaExecutor() was given a client that is in no interactive transaction',
      'Give the tx of prisma.$transaction(async (tx) => …); an array of promises is none.',
    );
  return memory.of(tx, () => ({
    async query(sql, parameters) {
      return (await tx.$queryRawUnsafe(sql, ...parameters)) as object[];
    },
  }));
}
