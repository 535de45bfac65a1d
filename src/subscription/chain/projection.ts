import { Injectable } from '@nestjs/common';
import { type SqlExecutor } from '../../database/ledger-database.js';

/** Writes what the facts make of subscriptions, and tells of what has changed, in the caller's transaction. */
@Injectable()
export class Projection {
  /** @returns whether anything changed that sealing must act on */
  project(tx: SqlExecutor, subscriptionIds: readonly string[]): Promise<boolean> {
    void [tx, subscriptionIds];
    return Promise.reject(new Error('not built yet: waits for the pure rules'));
  }
}
