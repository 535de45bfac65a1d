import { type EntityManager } from 'typeorm';
import { type SqlExecutor } from '../../../src/index.js';

export type HostIsolation = 'read committed' | 'repeatable read' | 'serializable';

/** A transaction of a library: what the module is given, and the host's own work beside it. */
export interface LibraryTransaction {
  executor: SqlExecutor | EntityManager;
  /** The library's own way to write a row of `public.orders`. */
  placeOrder(id: string): Promise<unknown>;
  /** A statement of the host as it is, without parameters. */
  run(sql: string): Promise<unknown>;
}

/** A library through which hosts reach Postgres, open on one database. */
export interface HostLibrary {
  transaction<T>(work: (tx: LibraryTransaction) => Promise<T>, isolation?: HostIsolation): Promise<T>;
  /** What somebody may give by mistake, each with a word of the refusal. */
  mistakes: readonly [name: string, give: () => unknown, refusal: RegExp][];
  close(): Promise<void>;
}

export interface HostLibraryKind {
  name: string;
  open(url: string): Promise<HostLibrary>;
}
