import { randomUUID } from 'node:crypto';
import { type INestApplicationContext, Module, type Provider, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { VirtualClock } from 'aws-marketplace-simulator';
import {
  EventDeliveries,
  type EventDelivery,
  JobScheduler,
  MarketplaceMeteringModule,
  type MarketplaceEventType,
  type Options,
} from '../../src/index.js';
import { LedgerDatabase, type LedgerSql } from '../../src/database/ledger-database.js';
import { type StoredPayload } from '../../src/events/marketplace-event.js';
import { Outbox } from '../../src/events/outbox.js';
import { type ResolvedOptions } from '../../src/options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../../src/runtime/tokens.js';
import { migrate, START, testCredentials } from '../support/ledger-harness.js';
import { migratedDatabase, type TestDatabase } from '../support/postgres.js';
import { replicaOptions } from '../support/replica-options.js';

export interface HostParts {
  providers?: Provider[];
  controllers?: Type[];
  options?: Options;
}

/** Jobs run when asked, a pause after a failure is over at once, and nobody is called at AWS. */
export function hostOptions(databaseUrl: string, options: Options = {}): Options {
  const clock = options.clock ?? new VirtualClock({ startAt: START, rate: 0 });
  const handlers = { backoffBaseMs: 1, backoffCapMs: 1, ...options.handlers };
  return replicaOptions(
    { databaseUrl, awsEndpoint: 'http://127.0.0.1:9', clock },
    { aws: { credentials: testCredentials }, ...options, handlers },
  );
}

/** A process of an application with handlers, on a database that several may share. */
export class EventHost {
  private constructor(readonly app: INestApplicationContext) {}

  static async start(
    postgres: TestDatabase,
    { providers = [], controllers = [], options = {} }: HostParts = {},
  ): Promise<EventHost> {
    @Module({
      imports: [MarketplaceMeteringModule.forRoot(hostOptions(postgres.url, options))],
      providers,
      controllers,
    })
    class Host {}
    const app = await NestFactory.createApplicationContext(Host, { logger: false, abortOnError: false });
    return new EventHost(app);
  }

  static database(): Promise<TestDatabase> {
    return migratedDatabase(migrate);
  }

  get database(): LedgerDatabase {
    return this.app.get(LedgerDatabase);
  }

  get deliveries(): EventDeliveries {
    return this.app.get(EventDeliveries);
  }

  deliver(): Promise<void> {
    return this.app.get(JobScheduler).runOnce('deliver');
  }

  /** Delivers until nothing is open any more; pauses are machine time of a millisecond here. */
  async settle(): Promise<void> {
    for (;;) {
      await this.deliver();
      const open = [
        ...(await this.deliveries.list({ state: 'pending' })),
        ...(await this.deliveries.list({ state: 'delivering' })),
      ];
      if (open.length === 0) return;
    }
  }

  /** Tells of one thing after the other, each in the transaction given or in one of its own. */
  async tell(subscriptionId: string | null, codes: readonly string[], tx: LedgerSql = this.database): Promise<void> {
    for (const productCode of codes)
      await this.append(tx, 'subscription.converted', subscriptionId, {
        productCode,
        at: START.toISOString(),
        agreement: null,
      });
  }

  append<T extends MarketplaceEventType>(
    tx: LedgerSql,
    type: T,
    subscriptionId: string | null,
    payload: StoredPayload<T>,
  ): Promise<void> {
    return this.app.get(Outbox).append(tx, [{ type, subscriptionId, payload, occurredAt: START }]);
  }

  /** `type attempts state`, oldest first. */
  async shown(): Promise<string[]> {
    return (await this.deliveries.list()).reverse().map(shownDelivery);
  }

  async openAlerts(): Promise<string[]> {
    const rows = await this.database.query<{ alert: string }>(
      `SELECT kind || ' ' || subject AS alert FROM marketplace.alert WHERE resolved_at IS NULL ORDER BY 1`,
    );
    return rows.map(({ alert }) => alert);
  }

  /** As if machine time had passed: every lease is over. */
  async expireLeases(): Promise<void> {
    const { sellerAccount } = this.app.get<ResolvedOptions>(RESOLVED_OPTIONS);
    await this.database.query(
      `UPDATE marketplace.event_delivery SET lease_until = clock_timestamp() WHERE seller_account = $1
        AND state = 'delivering'`,
      [sellerAccount],
    );
  }
}

export function shownDelivery({ handlerId, attempts, state }: EventDelivery): string {
  return `${handlerId} ${attempts} ${state}`;
}

export const subscriptionIds = (count: number): string[] => Array.from({ length: count }, () => randomUUID());

/** A promise to be settled by hand. */
export class Gate {
  open!: () => void;
  readonly opened = new Promise<void>((resolve) => (this.open = resolve));
}
