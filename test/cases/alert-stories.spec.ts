import { describe, expect, it, jest } from '@jest/globals';
import { type INestApplicationContext } from '@nestjs/common';
import { Alerts, JobScheduler, MeteringService } from '../../src/index.js';
import { LedgerDatabase } from '../../src/database/ledger-database.js';
import { ALERT_CATALOGUE, type AlertKind } from '../../src/events/alert-catalogue.js';
import { pauseBeforeTelling } from '../../src/events/alert-board.js';
import { type ResolvedOptions } from '../../src/options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../../src/runtime/tokens.js';
import { expectTablesConserved } from '../support/conservation.js';
import { eventually } from '../support/processes.js';
import { type AlertStories } from './alert-stories/alert-story.js';
import { OPERATION_STORIES } from './alert-stories/operation-stories.js';
import { RECORD_STORIES } from './alert-stories/record-stories.js';
import { SUBSCRIPTION_STORIES } from './alert-stories/subscription-stories.js';
import { USAGE_STORIES } from './alert-stories/usage-stories.js';

// G21: each kind of alert in a world of its own, raised by its real cause and ended by its end. That no failed handler
// loses one: test/events/alerts.spec.ts.

jest.setTimeout(300_000);

// A kind of the catalogue without a story does not compile; one whose story raises or ends nothing fails.
const STORIES: AlertStories<AlertKind> = {
  ...OPERATION_STORIES,
  ...RECORD_STORIES,
  ...SUBSCRIPTION_STORIES,
  ...USAGE_STORIES,
};

const KINDS = Object.keys(ALERT_CATALOGUE) as AlertKind[];

/** What stands of a kind of alert, and what hosts were told of it. */
class Board {
  constructor(
    private readonly app: INestApplicationContext,
    private readonly kind: AlertKind,
  ) {}

  private get database(): LedgerDatabase {
    return this.app.get(LedgerDatabase);
  }

  open(): Promise<{ subject: string; severity: string }[]> {
    return this.database.query(
      `SELECT subject, severity FROM marketplace.alert WHERE kind = $1 AND resolved_at IS NULL ORDER BY subject`,
      [this.kind],
    );
  }

  /** Of one subject, in order. */
  told<T>(type: 'alert.raised' | 'alert.resolved', subject: string): Promise<T[]> {
    return this.database
      .query<{ payload: T }>(
        `SELECT payload FROM marketplace.outbox_event
         WHERE type = $1 AND payload ->> 'kind' = $2 AND payload ->> 'subject' = $3 ORDER BY position`,
        [type, this.kind, subject],
      )
      .then((rows) => rows.map(({ payload }) => payload));
  }

  watch(): Promise<void> {
    return this.app.get(JobScheduler).runOnce('alerts');
  }

  /** As if the pause were over; of what nobody is told again there is none. */
  async endPauses(): Promise<void> {
    const due = [this.kind, this.now().toISOString()];
    await this.database.query(
      `UPDATE marketplace.alert SET tell_at = $2 WHERE kind = $1 AND resolved_at IS NULL AND tell_at IS NOT NULL`,
      due,
    );
    // One that is being raised at that very moment is passed over, and told by the next run.
    await eventually('all is told again', async () => {
      await this.watch();
      const left = `SELECT FROM marketplace.alert WHERE kind = $1 AND resolved_at IS NULL AND tell_at <= $2`;
      return (await this.database.query(left, due)).length === 0;
    });
  }

  /** Until hosts are told again, in ms; null: never. */
  async pause(subject: string): Promise<number | null> {
    const [row] = await this.database.query<{ tell_at: Date | null }>(
      `SELECT tell_at FROM marketplace.alert WHERE kind = $1 AND subject = $2`,
      [this.kind, subject],
    );
    return row?.tell_at ? row.tell_at.getTime() - this.now().getTime() : null;
  }

  async expectConserved(): Promise<void> {
    const balances = await this.app.get(MeteringService).balance();
    expect(balances.filter(({ conserved }) => !conserved)).toEqual([]);
    await expectTablesConserved(this.database);
  }

  private now(): Date {
    return this.app.get<ResolvedOptions>(RESOLVED_OPTIONS).clock.now();
  }
}

it('each kind of the catalogue has its story', () => {
  expect(Object.keys(STORIES).sort()).toEqual([...KINDS].sort());
});

describe('raised by its real cause it is told, told again, taken on by a name, and ends with its cause:', () => {
  it.each(KINDS)('%s', async (kind) => {
    const { app, end, stop } = await STORIES[kind]();
    try {
      const board = new Board(app(), kind);
      const { severity, endsBy } = ALERT_CATALOGUE[kind];
      const open = await board.open();
      const subjects = open.map(({ subject }) => subject);
      expect(subjects).not.toEqual([]);
      expect(open.filter((one) => !(severity as readonly string[]).includes(one.severity))).toEqual([]);

      const repeats = async (subject: string): Promise<unknown[]> =>
        (await board.told<{ repeat: number }>('alert.raised', subject)).map(({ repeat }) => repeat);
      const [first] = subjects;
      const before = await repeats(first!);
      expect(before[0]).toBe(0);
      const last = before.at(-1) as number;
      for (const times of [1, 2]) {
        await board.endPauses();
        expect((await repeats(first!)).at(-1)).toBe(last + times);
        // By a clock that runs, some of it is over.
        const pause = pauseBeforeTelling(last + times + 1);
        expect(await board.pause(first!)).toBeGreaterThan(pause - 60_000);
        expect(await board.pause(first!)).toBeLessThanOrEqual(pause);
      }

      const isForPerson = (endsBy as readonly string[]).includes('acknowledgement');
      for (const subject of subjects)
        expect(await app().get(Alerts).acknowledge({ kind, subject }, { by: 'ada', note: 'looked into' })).toEqual({
          open: !isForPerson,
        });
      const told = await repeats(first!);
      await board.endPauses();
      expect(await repeats(first!)).toEqual(told);
      expect((await board.open()).map(({ subject }) => subject)).toEqual(isForPerson ? [] : subjects);

      await end();
      const after = new Board(app(), kind);
      expect(await after.open()).toEqual([]);
      await after.watch();
      for (const subject of subjects)
        expect(await after.told('alert.resolved', subject)).toMatchObject([{ subject, acknowledgedBy: 'ada' }]);
      await after.expectConserved();
    } finally {
      await stop();
    }
  });
});
