import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Injectable, Logger } from '@nestjs/common';
import { Alerts, type JobName, type MarketplaceEvent, OnMarketplaceEvent } from '../../src/index.js';
import { type Alert, AlertBoard, pauseBeforeTelling } from '../../src/events/alert-board.js';
import { ALERT_CATALOGUE, type AlertKind } from '../../src/events/alert-catalogue.js';
import { type ActionView } from '../../src/admin/action.view.js';
import { LedgerViews } from '../../src/admin/ledger-views.js';
import { LISTS, readListQuery } from '../../src/admin/list-query.js';
import { PRODUCT_CODE, World } from '../support/world.js';

/**
 * How each kind comes to its end. `job`: raised without a cause, the job that looks again ends it. `week`: a warning
 * that is a week old. `person`: acknowledged. `story`: by its real cause, and with it, as every kind does in
 * test/cases/alert-stories.spec.ts.
 */
type Ending = { job: JobName; subject?: string } | { week: true } | { person: true } | { story: true };

const STORY = { story: true } as const;

const ENDINGS: Record<AlertKind, Ending[]> = {
  setupError: [STORY],
  databaseInterrupted: [{ week: true }],
  clockSkew: [STORY],
  deadlineNear: [{ job: 'deadline', subject: `${PRODUCT_CODE}/requests/waiting` }],
  unanswered: [{ job: 'deadline', subject: `${PRODUCT_CODE}/us-east-1` }],
  blocked: [{ job: 'deadline', subject: `${PRODUCT_CODE}/requests/unrecognised` }],
  includedStale: [STORY],
  notSubscribed: [{ job: 'deadline' }, STORY],
  quarantinedCause: [STORY],
  conflict: [{ job: 'deadline' }],
  ledgerMismatch: [{ job: 'deadline' }],
  rollupMismatch: [STORY],
  ledgerMoved: [STORY],
  submissionHeld: [STORY],
  settingsDiffer: [STORY],
  expired: [{ job: 'deadline', subject: `${PRODUCT_CODE}/requests/expired/held` }, { week: true }],
  unknownOutcome: [{ job: 'deadline', subject: `${PRODUCT_CODE}/requests/expired/unknown` }],
  auditUnknownUsage: [{ person: true }],
  auditDoubleBill: [{ person: true }],
  overBilled: [{ person: true }],
  triedElsewhere: [STORY],
  usageUnregistered: [STORY],
  owed: [{ job: 'deadline' }],
  usageHeld: [{ job: 'deadline' }],
  usageWaiting: [{ job: 'seal', subject: 'subject 4711/unknownSubject' }, STORY],
  sealSkipped: [STORY],
  allocationsTrimmed: [{ week: true }],
  billedElsewhere: [{ person: true }],
  sharedGrain: [{ job: 'deadline' }],
  keyConflict: [{ job: 'deadline' }],
  chainConflict: [STORY],
  concurrentAgreements: [STORY],
  messageDeadLettered: [{ week: true }, STORY],
  contradiction: [STORY],
  handlerDeadLettered: [STORY],
  handlerAway: [STORY],
};

const SUBJECT = '018f2c7e-0000-7000-8000-000000000001';
type Played = Exclude<Ending, { story: true }>;
const ROWS = Object.entries(ENDINGS).flatMap(([kind, endings]) =>
  endings
    .filter((ending): ending is Played => !('story' in ending))
    .map((ending): [string, AlertKind, Played] => [
      `${kind}: ${Object.keys(ending).sort().reverse().join(' of ')}`,
      kind as AlertKind,
      ending,
    ]),
);

let isBroken = false;
const heard: MarketplaceEvent<'alert.raised'>['payload'][] = [];
const ended: MarketplaceEvent<'alert.resolved'>['payload'][] = [];

@Injectable()
class Pager {
  @OnMarketplaceEvent('alert.raised', { id: 'pager' })
  page({ payload }: MarketplaceEvent<'alert.raised'>): void {
    if (isBroken) throw new Error('the pager is broken');
    heard.push(payload);
  }

  @OnMarketplaceEvent('alert.resolved', { id: 'all-clear' })
  clear({ payload }: MarketplaceEvent<'alert.resolved'>): void {
    ended.push(payload);
  }
}

let world: World;
beforeAll(async () => {
  world = await World.start({
    parts: { providers: [Pager] },
    options: { handlers: { backoffBaseMs: 1, backoffCapMs: 1, deadLetterAfterAttempts: 2 } },
  });
});
afterAll(() => world.stop());

type Raised = Pick<Alert, 'subject' | 'message' | 'details'> & { kind: AlertKind; severity: 'warning' | 'critical' };
const raise = (alert: Omit<Raised, 'message'> & { message?: string }): Promise<void> =>
  world.app.get(AlertBoard).raise(world.database, { message: 'something happened', ...alert } as Alert);
const isOpen = async (kind: AlertKind, subject = SUBJECT): Promise<boolean> =>
  (await world.alerts(kind)).some((alert) => alert.subject === subject);
const acknowledge = (kind: AlertKind, by = 'ada', subject = SUBJECT): Promise<{ open: boolean }> =>
  world.app.get(Alerts).acknowledge({ kind, subject }, { by, note: 'looked into' });
const calm = (): Promise<unknown> => world.database.query(`UPDATE marketplace.alert SET resolved_at = first_raised_at`);
const toldOf = (subject: string): number[] =>
  heard.filter((payload) => payload.subject === subject).map(({ repeat }) => repeat);

async function end(kind: AlertKind, ending: Played): Promise<void> {
  const { severity } = ALERT_CATALOGUE[kind];
  const subject = 'job' in ending ? (ending.subject ?? SUBJECT) : SUBJECT;
  await raise({ kind, subject, severity: 'week' in ending ? 'warning' : severity[severity.length - 1]! });
  expect(await isOpen(kind, subject)).toBe(true);
  if ('job' in ending) {
    await world.run(ending.job);
  } else if ('week' in ending) {
    world.clock.advance(6 * 24 * 3_600_000);
    await world.run('alerts');
    expect(await isOpen(kind, subject)).toBe(true);
    world.clock.advance(24 * 3_600_000);
    await world.run('alerts');
  } else {
    await raise({ kind, subject, severity: 'critical' });
    await world.run('seal', 'deadline', 'alerts');
    expect(await isOpen(kind, subject)).toBe(true);
    expect(await acknowledge(kind)).toEqual({ open: false });
    // The same finding again says nothing new.
    await raise({ kind, subject, severity: 'critical' });
    expect(await isOpen(kind, subject)).toBe(false);
    await raise({ kind, subject, severity: 'critical', details: { incidents: ['another'] } });
    expect(await isOpen(kind, subject)).toBe(true);
    await acknowledge(kind);
  }
  expect(await isOpen(kind, subject)).toBe(false);
}

describe('each kind of alert', () => {
  it('has a row here, and says by what it ends', () => {
    expect(Object.keys(ENDINGS).sort()).toEqual(Object.keys(ALERT_CATALOGUE).sort());
    const saidBy: [string, readonly string[]][] = Object.entries(ALERT_CATALOGUE).map(([kind, { endsBy }]) => [
      kind,
      [...endsBy].sort(),
    ]);
    const seenBy = Object.entries(ENDINGS).map(([kind, endings]) => {
      const ways = endings.map((ending) =>
        'week' in ending ? 'expiry' : 'person' in ending ? 'acknowledgement' : 'cause',
      );
      return [kind, [...new Set(ways)].sort()];
    });
    expect(Object.fromEntries(seenBy)).toEqual(Object.fromEntries(saidBy));
  });

  it.each(ROWS)('comes to its end: %s', async (_name, kind, ending) => {
    await end(kind, ending);
    expect(await isOpen(kind)).toBe(false);
  });

  it.each(['chainConflict', 'concurrentAgreements'] as const)(
    'is ended by the next word about the buyer: %s',
    async (kind) => {
      const buyer = await world.join(`tenant-${kind}`, { productCode: PRODUCT_CODE });
      const [row] = await world.database.query<{ buyer_id: string }>(
        `SELECT s.buyer_id FROM marketplace.subscription s WHERE s.id = $1`,
        [buyer.subscriptionId],
      );
      const subject = `${PRODUCT_CODE} ${row!.buyer_id}`;
      await raise({ kind, subject, severity: kind === 'chainConflict' ? 'critical' : 'warning' });
      expect(await isOpen(kind, subject)).toBe(true);
      buyer.cancel();
      await world.hear();
      expect(await isOpen(kind, subject)).toBe(false);
    },
  );
});

describe('an open alert', () => {
  const kind = 'sealSkipped';

  it('is told of again after ever longer pauses, at most a day, as long as it lasts', async () => {
    const subject = 'told again';
    await raise({ kind, subject, severity: 'critical' });
    const told: number[] = [];
    for (let hour = 0; hour < 80; hour += 1) {
      await raise({ kind, subject, severity: 'critical' });
      await world.run('alerts', 'deliver');
      told.push(toldOf(subject).length);
      world.clock.advance(3_600_000);
    }
    // At 0, 1, 3, 7, 15, 31, 55 and 79 hours.
    expect(told.flatMap((count, hour) => (count === told[hour - 1] ? [] : [hour]))).toEqual([
      0, 1, 3, 7, 15, 31, 55, 79,
    ]);
    expect(toldOf(subject)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    await calm();
    world.clock.advance(48 * 3_600_000);
    await world.run('alerts', 'deliver');
    expect(toldOf(subject)).toHaveLength(8);
    expect([1, 2, 3, 50].map(pauseBeforeTelling)).toEqual([1, 2, 4, 24].map((hours) => hours * 3_600_000));
  });

  it('that somebody has taken on is told of no more, unless it becomes critical or opens anew', async () => {
    const subject = 'taken on';
    const open = (severity: 'warning' | 'critical'): Promise<void> => raise({ kind: 'usageHeld', subject, severity });
    await open('warning');
    expect(await acknowledge('usageHeld', 'ada', subject)).toEqual({ open: true });
    world.clock.advance(48 * 3_600_000);
    await open('warning');
    await world.run('alerts', 'deliver');
    expect(toldOf(subject)).toEqual([0]);
    const [row] = await world.database.query(
      `SELECT acknowledged_by, acknowledgement, resolved_at FROM marketplace.alert WHERE subject = $1`,
      [subject],
    );
    expect(row).toEqual({ acknowledged_by: 'ada', acknowledgement: 'looked into', resolved_at: null });
    await open('critical');
    await world.run('deliver');
    expect(toldOf(subject)).toEqual([0, 0]);
    world.clock.advance(3_600_000);
    await world.run('alerts', 'deliver');
    expect(toldOf(subject)).toEqual([0, 0, 1]);
    await acknowledge('usageHeld', 'bob', subject);
    await calm();
    await open('warning');
    await world.run('deliver');
    expect(toldOf(subject)).toEqual([0, 0, 1, 0]);
    const trail = await world.database.query(
      `SELECT action, target, result, decided_by, reason FROM marketplace.operator_action
       WHERE target->>'subject' = $1 ORDER BY id`,
      [subject],
    );
    expect(trail).toEqual(
      ['ada', 'bob'].map((by) => ({
        ...{ action: 'alert.acknowledged', target: { kind: 'usageHeld', subject }, result: { open: true } },
        ...{ decided_by: by, reason: 'looked into' },
      })),
    );
    await calm();
  });

  it.each(['billedElsewhere', 'overBilled', 'auditUnknownUsage', 'auditDoubleBill'] as const)(
    '%s, which only a person ends, is told of again as soon as it tells of something else: it is ended with all it told',
    async (byPerson) => {
      const subject = `two of ${byPerson}`;
      const tell = (message: string, details: object): Promise<void> =>
        raise({ kind: byPerson, subject, severity: 'critical', message, details: { ...details } });
      await tell('5 units of record A', { recordIds: ['a'] });
      world.clock.advance(60_000);
      await tell('7 units of record B', { recordIds: ['b'] });
      await tell('7 units of record B', { recordIds: ['b'] });
      await acknowledge(byPerson, 'ada', subject);
      await world.run('alerts', 'deliver');
      expect(heard.filter((payload) => payload.subject === subject).map(({ message }) => message)).toEqual([
        '5 units of record A',
        '7 units of record B',
      ]);
      await calm();
    },
  );

  it('that ends is told to the host, once, however it ended', async () => {
    await calm();
    await world.run('alerts', 'deliver');
    ended.length = 0;
    const subject = 'ends';
    await raise({ kind, subject, severity: 'critical', message: 'a customer is skipped' });
    await world.run('alerts', 'deliver');
    expect(ended).toEqual([]);
    const raisedAt = world.now().toISOString();
    world.clock.advance(60_000);
    await acknowledge(kind, 'ada', subject);
    await world.app.get(AlertBoard).resolve(world.database, kind, subject);
    for (let round = 0; round < 2; round += 1) await world.run('alerts', 'deliver');
    const first = { kind, subject, severity: 'critical', message: 'a customer is skipped', raisedAt };
    expect(ended).toEqual([{ ...first, resolvedAt: world.now().toISOString(), acknowledgedBy: 'ada' }]);
    // Again, and by a person this time; one that opens again before anybody was told goes on without a word.
    await raise({ kind: 'auditDoubleBill', subject, severity: 'critical' });
    await acknowledge('auditDoubleBill', 'bob', subject);
    await raise({ kind, subject, severity: 'critical' });
    await world.app.get(AlertBoard).resolve(world.database, kind, subject);
    await raise({ kind, subject, severity: 'critical' });
    await world.run('alerts', 'deliver');
    expect(ended.slice(1)).toMatchObject([{ kind: 'auditDoubleBill', subject, acknowledgedBy: 'bob' }]);
    await calm();
  });

  it('and what people decided about it is read by operators, newest first, page by page', async () => {
    const page = async (query: string): Promise<{ items: ActionView[]; nextCursor: string | null }> =>
      world.app.get(LedgerViews).actions(readListQuery(LISTS.actions, `/actions?${query}`));
    await raise({ kind, subject: 'of 123456789012', severity: 'critical' });
    await acknowledge(kind, 'cleo', 'of 123456789012');
    const first = await page('by=cleo');
    expect(first).toEqual({
      items: [
        {
          number: expect.stringMatching(/^\d+$/),
          at: world.now().toISOString(),
          by: 'cleo',
          action: 'alert.acknowledged',
          target: { kind, subject: 'of …9012' },
          reason: 'looked into',
          result: { open: true },
        },
      ],
      nextCursor: null,
    });
    const [one, two] = [await page('limit=1'), await page('action=alert.acknowledged&limit=200')];
    expect(one.items).toEqual([two.items[0]]);
    const next = await page(`limit=1&cursor=${one.nextCursor}`);
    expect(next.items).toEqual([two.items[1]]);
    await calm();
  });

  it('is taken on by the subject that the list shows, page by page, whatever others have called what it is about', async () => {
    // A digest with twelve digits in a row, an id with an end of line, a queue that is called after its account.
    const subjects = [
      `http:${'4'.repeat(12)}${'a'.repeat(52)}`,
      'sqs:id\nof others',
      'sqs:lifecycle-123456789012/receive',
    ];
    const of = 'messageDeadLettered';
    for (const subject of subjects) await raise({ kind: of, subject, severity: 'warning' });
    const said = ['log' as const, 'warn' as const].map((level) => jest.spyOn(Logger.prototype, level));
    const listed: string[] = [];
    for (let cursor = ''; ;) {
      const url = `/alerts?open=true&kind=${of}&limit=1${cursor}`;
      const { items, nextCursor } = await world.app.get(LedgerViews).alerts(readListQuery(LISTS.alerts, url));
      for (const { subject } of items) {
        listed.push(subject);
        expect(await acknowledge(of, 'dora', subject)).toEqual({ open: true });
      }
      if (nextCursor === null) break;
      cursor = `&cursor=${nextCursor}`;
    }
    const hidden = [`http:…4444${'a'.repeat(52)}`, 'sqs:id\nof others', 'sqs:lifecycle-…9012/receive'];
    expect(listed.sort()).toEqual(hidden.sort());
    const taken = await world.database.query<{ subject: string }>(
      `SELECT subject FROM marketplace.alert WHERE acknowledged_by = 'dora' ORDER BY subject COLLATE "C"`,
    );
    expect(taken.map(({ subject }) => subject)).toEqual(subjects.sort());
    // Two that are listed alike are told apart by what hosts were told.
    for (const subject of ['q-111111119012', 'q-222222229012']) await raise({ kind: of, subject, severity: 'warning' });
    await expect(acknowledge(of, 'dora', 'q-…9012')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await acknowledge(of, 'dora', 'q-222222229012');
    await world.app.get(AlertBoard).resolve(world.database, of, 'q-222222229012');
    expect(await acknowledge(of, 'dora', 'q-…9012')).toEqual({ open: true });
    // No log names an account.
    const lines = said.flatMap(({ mock }) => JSON.stringify(mock.calls));
    for (const spy of said) spy.mockRestore();
    expect(lines.filter((line) => line.includes('…9012'))).toHaveLength(2);
    expect(lines.filter((line) => /\d{12}/.test(line))).toEqual([]);
    await calm();
  });

  it('reaches a handler that had failed for good', async () => {
    const subject = 'while the pager is broken';
    isBroken = true;
    await raise({ kind, subject, severity: 'critical' });
    for (let round = 0; round < 4; round += 1) {
      await world.run('deliver');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(await world.alerts('handlerDeadLettered')).toHaveLength(1);
    isBroken = false;
    expect(toldOf(subject)).toEqual([]);
    world.clock.advance(3_600_000);
    await world.run('alerts', 'deliver');
    expect(toldOf(subject)).toEqual([1]);
    await calm();
  });

  it.each([
    [{ by: '', note: 'x' }, 'by'],
    [{ by: 'ada', note: ' ' }, 'note'],
    [{ by: 'a\0b', note: 'x' }, 'by'],
  ])('is taken on by nobody without a name and a note: %j', async (words, field) => {
    await expect(world.app.get(Alerts).acknowledge({ kind, subject: 'x' }, words)).rejects.toMatchObject({
      ...{ code: 'TRANSITION_REFUSED', message: expect.stringContaining(`Give ${field}`) },
    });
  });

  it('is taken on only while it is open', async () => {
    await expect(acknowledge(kind, 'ada', 'nothing')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('may hold what the database does not take: NUL and halves of pairs are replaced', async () => {
    await raise({ kind, subject: 'a\0b', severity: 'critical', message: 'half \ud83d', details: { deep: ['\0'] } });
    expect(await world.alerts(kind)).toMatchObject([
      { subject: 'a\ufffdb', message: 'half \ufffd', details: { deep: ['\ufffd'] } },
    ]);
    await world.app.get(AlertBoard).resolve(world.database, kind, 'a\0b');
    expect(await world.alerts(kind)).toEqual([]);
  });
});

it('what happened while there was no database is told as soon as there is one, once', async () => {
  const { connections } = world.database;
  const nobody = { retire: () => undefined, hasten: () => undefined };
  for (let time = 0; time < 3; time += 1) connections.gaveUp('unanswered', nobody);
  await world.run('alerts');
  await world.run('alerts');
  const told = (await world.alerts('databaseInterrupted')).map(({ subject, details }) => [subject, details.times]);
  expect(told).toEqual([[expect.stringMatching(/\/unanswered$/), 3]]);
});
