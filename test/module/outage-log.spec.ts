// What the log says of an outage: few lines, however often the jobs try, and nothing that is not for a log.
import { afterAll, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Client } from 'pg';
import { LedgerDatabase } from '../../src/database/ledger-database.js';
import { FreezingProxy } from '../support/freezing-proxy.js';
import { migrate } from '../support/migrate.js';
import { migratedDatabase } from '../support/postgres.js';
import { eventually } from '../support/processes.js';
import { PRODUCT_CODE, World } from '../support/world.js';

jest.setTimeout(180_000);

const JOBS = {
  ...{ autoStart: true, sealIntervalMs: 10, submitIntervalMs: 10, deadlineIntervalMs: 10, recoveryIntervalMs: 10 },
  ...{ inboxIntervalMs: 10, deliverIntervalMs: 10, reconcileIntervalMs: 10, auditIntervalMs: 10 },
};
/** Each of eight jobs a good many times, as in an hour. */
const TRIES = 400;

const told: string[] = [];
const take =
  (level: string) =>
  (...line: unknown[]): void => {
    told.push([level, ...line.map((part) => (typeof part === 'string' ? part : JSON.stringify(part)))].join(' | '));
  };
const listen = (): void => {
  told.length = 0;
  Logger.overrideLogger({ log: take('log'), warn: take('warn'), error: take('error') });
};
afterAll(() => {
  Logger.overrideLogger(false);
});

describe('The log of an outage', () => {
  it('of Postgres tells whole what has failed once, for all jobs, and when it is over', async () => {
    const postgres = await migratedDatabase(migrate);
    const network = await FreezingProxy.before(postgres.url);
    const url = new URL(network.through(postgres.url));
    const world = await World.start({
      lists: [PRODUCT_CODE],
      database: postgres,
      options: { database: { url: url.href, poolSize: 4 }, jobs: JOBS },
    });
    let failures = 0;
    // Some jobs begin with a transaction, others with a statement; which of them a job fails by changes as it goes.
    const { onConnection } = LedgerDatabase.prototype;
    LedgerDatabase.prototype.onConnection = async function (this: LedgerDatabase, ...given: unknown[]): Promise<never> {
      try {
        return (await onConnection.apply(this, given as never)) as never;
      } catch (error) {
        failures += 1;
        throw error;
      }
    };
    try {
      listen();
      network.pointTo('postgres://127.0.0.1:1/');
      const client = new Client(postgres.url);
      await client.connect();
      await client.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
      );
      await client.end();
      await eventually('the jobs have failed often', () => failures >= TRIES);
      network.pointTo(postgres.url);
      await eventually('it is over', () => told.some((line) => line.includes('answers again')));

      const ofJobs = told.filter((line) => line.includes('| job '));
      expect(ofJobs.filter((line) => line.includes('\n    at '))).toHaveLength(1);
      expect(ofJobs.length).toBeLessThan(5);
      expect(told.length).toBeLessThan(12);
      expect(told.join('\n')).not.toContain(url.password === '' ? 'postgres://' : url.password);
    } finally {
      LedgerDatabase.prototype.onConnection = onConnection;
      await world.stop();
      await network.stop();
    }
  });

  it('of AWS tells each operation that fails once, and when it works again', async () => {
    const world = await World.start({ lists: [PRODUCT_CODE], options: { reconcileAfterMs: 60_000 } });
    try {
      const buyer = await world.join('acme');
      await world.pass(1);
      await buyer.use(7);
      world.clock.advance(2 * 3_600_000);
      world.simulator.faults.add({ kind: 'error500Before' });
      listen();
      const calls = (): number => world.simulator.calls({ operation: 'BatchMeterUsage' }).length;
      // Backoff and breaker are machine time, and short here: it is tried as often as in hours.
      await eventually('it has been tried often', async () => {
        await world.run('seal', 'submit', 'reconcile');
        return calls() >= 25;
      });
      expect(told.filter((line) => line.includes('BatchMeterUsage failed'))).toHaveLength(1);
      expect(told.filter((line) => line.includes('could not be asked'))).toHaveLength(1);
      expect(told.length).toBeLessThan(6);
      world.simulator.faults.clear();
      await eventually('it is over', async () => {
        await world.run('submit');
        return told.some((line) => line.includes('works again'));
      });
      await world.pass(1);
      await world.expectConserved();
      expect(told.find((line) => line.includes('works again'))).toMatch(
        /^log \| BatchMeterUsage of product \S+ in us-east-1 works again, after \d+ s and \d+ failures/,
      );
    } finally {
      await world.stop();
    }
  });
});
