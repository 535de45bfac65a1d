import { PrismaPg } from '@prisma/adapter-pg';
import { getPrismaClient, type GetPrismaClientConfig } from '@prisma/client/runtime/client';

/**
 * Prisma's own client, run time and query compiler for one model, over its adapter for `pg`. The settings are those that
 * `prisma generate` (7.10.0) writes for the schema below; kept here, since the generator fetches a program from the
 * network that nothing in a test needs.
 */

const SCHEMA = `generator client {
  provider = "prisma-client"
  output   = "./generated"
}

datasource db {
  provider = "postgresql"
}

model Order {
  id String @id

  @@map("orders")
}
`;

// Neither has types, and the name is of a browser's library.
const COMPILER = '@prisma/client/runtime/query_compiler_fast_bg.postgresql';
declare const WebAssembly: { Module: new (bytes: Uint8Array) => never };

const config: GetPrismaClientConfig = {
  previewFeatures: [],
  clientVersion: '7.10.0',
  engineVersion: '0edf323efd1d98336f3f0a68684b56f689b900d3',
  activeProvider: 'postgresql',
  inlineSchema: SCHEMA,
  runtimeDataModel: {
    models: { Order: { fields: [{ name: 'id', kind: 'scalar', type: 'String' }], dbName: 'orders', schema: null } },
    enums: {},
    types: {},
  } as unknown as GetPrismaClientConfig['runtimeDataModel'],
  parameterizationSchema: {
    strings: [
      'where',
      'Order.findUnique',
      'Order.findUniqueOrThrow',
      'orderBy',
      'cursor',
      'Order.findFirst',
      'Order.findFirstOrThrow',
      'Order.findMany',
      'data',
      'Order.createOne',
      'Order.createMany',
      'Order.createManyAndReturn',
      'Order.updateOne',
      'Order.updateMany',
      'Order.updateManyAndReturn',
      'create',
      'update',
      'Order.upsertOne',
      'Order.deleteOne',
      'Order.deleteMany',
      'having',
      '_count',
      '_min',
      '_max',
      'Order.groupBy',
      'Order.aggregate',
      'AND',
      'OR',
      'NOT',
      'id',
      'equals',
      'in',
      'notIn',
      'lt',
      'lte',
      'gt',
      'gte',
      'contains',
      'startsWith',
      'endsWith',
      'not',
      'set',
    ],
    graph: [
      'JAkQBBoAAB8AMBsAAAQAEBwAAB8AMB0BAAAAAQEAAAABACABAAAAAQAgBBoAAB8AMBsAAAQAEBwAAB8AMB0BACAAIQADAAAABAAg',
      'AwAABQAwBAAAAQAgAwAAAAQAIAMAAAUAMAQAAAEAIAMAAAAEACADAAAFADAEAAABACABHQEAAAABAQgAAAkAIAEdAQAAAAEBCAAA',
      'CwAwAQgAAAsAMAEdAQAkACECAAAAAQAgCAAADgAgAR0BACQAIQIAAAAEACAIAAAQACACAAAABAAgCAAAEAAgAwAAAAEAIA8AAAkA',
      'IBAAAA4AIAEAAAABACABAAAABAAgAxUAACEAIBYAACMAIBcAACIAIAQaAAAaADAbAAAXABAcAAAaADAdAQAbACEDAAAABAAgAwAA',
      'FgAwFAAAFwAgAwAAAAQAIAMAAAUAMAQAAAEAIAQaAAAaADAbAAAXABAcAAAaADAdAQAbACEOFQAAHQAgFgAAHgAgFwAAHgAgHgEA',
      'AAABHwEAAAAEIAEAAAAEIQEAAAABIgEAAAABIwEAAAABJAEAAAABJQEAAAABJgEAAAABJwEAAAABKAEAHAAhDhUAAB0AIBYAAB4A',
      'IBcAAB4AIB4BAAAAAR8BAAAABCABAAAABCEBAAAAASIBAAAAASMBAAAAASQBAAAAASUBAAAAASYBAAAAAScBAAAAASgBABwAIQge',
      'AgAAAAEfAgAAAAQgAgAAAAQhAgAAAAEiAgAAAAEjAgAAAAEkAgAAAAEoAgAdACELHgEAAAABHwEAAAAEIAEAAAAEIQEAAAABIgEA',
      'AAABIwEAAAABJAEAAAABJQEAAAABJgEAAAABJwEAAAABKAEAHgAhBBoAAB8AMBsAAAQAEBwAAB8AMB0BACAAIQseAQAAAAEfAQAA',
      'AAQgAQAAAAQhAQAAAAEiAQAAAAEjAQAAAAEkAQAAAAElAQAAAAEmAQAAAAEnAQAAAAEoAQAeACEAAAABKQEAAAABAAAAAAMVAAYW',
      'AAcXAAgAAAADFQAGFgAHFwAIAQIBAgMBBQYBBgcBBwgBCQoBCgwCCw0DDA8BDRECDhIEERMBEhQBExUCGBgFGRkJ',
    ].join(''),
  },
  compilerWasm: {
    getRuntime: () => import(`${COMPILER}.mjs`) as never,
    getQueryCompilerWasmModule: async () => {
      const { wasm } = (await import(`${COMPILER}.wasm-base64.mjs`)) as { wasm: string };
      return new WebAssembly.Module(Buffer.from(wasm, 'base64'));
    },
    importName: './query_compiler_fast_bg.js',
  },
};

/** As the generator types an interactive transaction. */
export interface PrismaOrders {
  order: { create(given: { data: { id: string } }): PromiseLike<unknown> };
  $queryRawUnsafe<T = unknown>(query: string, ...values: unknown[]): PromiseLike<T>;
  $executeRawUnsafe(query: string, ...values: unknown[]): PromiseLike<number>;
}

export interface PrismaClient extends PrismaOrders {
  $transaction<T>(
    work: (tx: PrismaOrders) => Promise<T>,
    settings?: { isolationLevel?: string; maxWait?: number; timeout?: number },
  ): Promise<T>;
  $disconnect(): Promise<void>;
}

export function openPrisma(url: string): PrismaClient {
  const Client = getPrismaClient(config) as unknown as new (settings: { adapter: unknown }) => PrismaClient;
  return new Client({ adapter: new PrismaPg({ connectionString: url, max: 4 }) });
}
