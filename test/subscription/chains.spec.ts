import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { agreed, BUYER, hear, instantOf, licensed, said } from './heard.js';
import { spansOf, statesOf, told } from './chain-views.js';
import { dropDatabaseOfSuite, LICENSE_PRODUCT, Rooms } from './rooms.js';

let rooms: Rooms;
beforeEach(async () => {
  rooms = await Rooms.open();
});
afterEach(() => rooms.close());
afterAll(dropDatabaseOfSuite);

const at = (text: string): void => {
  rooms.clock.advance(instantOf(text).getTime() - rooms.clock.now().getTime());
};
/** Time passes, and the job that follows it has run. */
const until = async (text: string): Promise<void> => {
  at(text);
  await rooms.messages.run();
};

describe('M3: a renewal signed a month early', () => {
  const renewal = (): ReturnType<typeof said>[] => [
    said('agreement.created', '13:00', agreed('2'), {
      intent: 'RENEW',
      startTime: '2026-12-11T00:00:00Z',
      previousAgreementId: 'agmt-1',
    }),
    said('license.updated', '13:00', licensed('2')),
  ];
  beforeEach(async () => {
    await hear(
      rooms,
      said(
        'agreement.created',
        '12:00',
        { ...agreed('1'), productId: 'prod-license' },
        {
          startTime: '2026-11-18T12:00:00Z',
          endTime: '2026-12-11T00:00:00Z',
        },
      ),
      said('license.updated', '12:00', licensed('1')),
    );
  });

  it.each([
    ['Created first', [0, 1], []],
    // Without a link it is a subscription of its own; it was folded when the link was learned.
    ['License Updated first', [1, 0], ['registered', 'folded']],
  ])('%s: the first runs until its end, the second from then; told once, on the day', async (_, order, between) => {
    expect(await statesOf(rooms)).toEqual(['active']);
    at('13:01');
    await hear(rooms, ...order.flatMap((index) => renewal()[index] ?? []));
    expect(await statesOf(rooms)).toEqual(['active']);
    const heard = ['registered', 'activated agmt-1', ...between];
    expect(await told(rooms)).toEqual(heard);
    await until('2026-12-10T23:59:00Z');
    expect(await told(rooms)).toEqual(heard);
    await until('2026-12-11T00:00:05Z');
    expect(await statesOf(rooms)).toEqual(['active']);
    await until('2026-12-11T03:00:00Z');
    expect(await told(rooms)).toEqual([...heard, 'renewed agmt-2']);
    expect(await spansOf(rooms)).toEqual(['agmt-1 paid 11-18T11:00–12-11T00:00', 'agmt-2 paid 12-11T00:00–']);
    expect(await rooms.subscriptions.get((await idOf()) ?? '')).toMatchObject({
      state: 'active',
      current: { agreementId: 'agmt-2', previousAgreementId: 'agmt-1', customerAwsAccountId: BUYER },
      agreements: [{ agreementId: 'agmt-1', endsAt: new Date('2026-12-11T00:00:00Z') }, { agreementId: 'agmt-2' }],
    });
  });
});

describe('M4: dated ahead', () => {
  it('a new agreement is in force from its start, not before', async () => {
    await hear(
      rooms,
      said(
        'agreement.created',
        '12:00',
        { ...agreed('1'), productId: 'prod-license' },
        { startTime: '2026-11-20T00:00:00Z' },
      ),
      said('license.updated', '12:00', licensed('1')),
    );
    await rooms.messages.run();
    expect(await statesOf(rooms)).toEqual(['upcoming']);
    expect(await told(rooms)).toEqual(['registered']);
    await until('2026-11-20T00:00:01Z');
    expect(await statesOf(rooms)).toEqual(['active']);
    expect(await told(rooms)).toEqual(['registered', 'activated agmt-1']);
  });
});

describe('M5, T10: a replacement in the middle of an hour', () => {
  it('gives each instant to the agreement that was in force', async () => {
    await hear(
      rooms,
      said('license.updated', '10:00', licensed('1')),
      said('agreement.created', '10:00', agreed('1'), { startTime: '2026-11-18T10:00:00Z' }),
    );
    at('12:40');
    await hear(
      rooms,
      said('agreement.ended', '12:37', agreed('1'), { status: 'REPLACED' }),
      said('license.deprovisioned', '12:37', licensed('1')),
    );
    // A successor was announced: nothing closes until it is known.
    expect(await statesOf(rooms)).toEqual(['active']);
    await hear(
      rooms,
      said('agreement.created', '12:37', agreed('2'), {
        intent: 'REPLACE',
        startTime: '2026-11-18T12:37:00Z',
        previousAgreementId: 'agmt-1',
      }),
      said('license.updated', '12:37', licensed('2')),
    );
    expect(await spansOf(rooms)).toEqual(['agmt-1 paid 11-18T09:00–11-18T12:37', 'agmt-2 paid 11-18T12:37–']);
    await rooms.reconciliation.run();
    expect(await told(rooms)).toEqual(['registered', 'activated agmt-1', 'renewed agmt-2']);
  });
});

describe('M11: License Updated of the renewal is lost', () => {
  it('and Created alone, without product code, is enough', async () => {
    await hear(
      rooms,
      said('license.updated', '10:00', licensed('1')),
      said('agreement.created', '10:00', agreed('1'), {
        startTime: '2026-11-18T10:00:00Z',
        endTime: '2026-11-18T14:00:00Z',
      }),
    );
    await hear(
      rooms,
      said('agreement.created', '12:00', agreed('2'), {
        intent: 'RENEW',
        startTime: '2026-11-18T14:00:00Z',
        previousAgreementId: 'agmt-1',
      }),
    );
    await until('15:30');
    expect(await spansOf(rooms)).toEqual(['agmt-1 paid 11-18T09:00–11-18T14:00', 'agmt-2 paid 11-18T14:00–']);
    expect(await statesOf(rooms)).toEqual(['active']);
  });

  it('and Created that came before anything else waits for the agreement that it follows', async () => {
    await hear(
      rooms,
      said('agreement.created', '10:00', agreed('2'), {
        intent: 'RENEW',
        startTime: '2026-11-18T14:00:00Z',
        previousAgreementId: 'agmt-1',
      }),
    );
    expect(await statesOf(rooms)).toEqual([]);
    await hear(rooms, said('license.updated', '10:00', licensed('1')));
    await rooms.messages.run();
    expect(await statesOf(rooms)).toHaveLength(1);
    expect(
      (await rooms.subscriptions.get((await idOf()) ?? ''))?.agreements.map(({ agreementId }) => agreementId),
    ).toEqual(['agmt-1', 'agmt-2']);
  });
});

describe('forks and merges of chains', () => {
  const start = (key: string, hour: string, previous?: string): ReturnType<typeof said> =>
    said(
      'agreement.created',
      hour,
      { ...licensed(key) },
      { startTime: instantOf(hour).toISOString(), previousAgreementId: previous ?? null },
    );

  it('are for a person: an alert, and the second is a subscription of its own', async () => {
    await hear(rooms, start('1', '08:00'), start('2', '09:00', 'agmt-1'), start('3', '10:00', 'agmt-1'));
    expect(await statesOf(rooms)).toEqual(['active', 'active']);
    expect(await rooms.alertKinds()).toContain('chainConflict');
    expect(await told(rooms)).not.toContain('folded');
  });

  it('a link between two subscriptions that is learned late folds the newcomer, and the next renewal follows', async () => {
    await hear(rooms, start('1', '08:00'), start('2', '09:00'));
    expect(await statesOf(rooms)).toEqual(['active', 'active']);
    const [first, second] = [await idOf(0), await idOf(1)];
    await hear(
      rooms,
      said(
        'agreement.found',
        '11:00',
        { ...licensed('2') },
        { startTime: '2026-11-18T09:00:00Z', previousAgreementId: 'agmt-1', initialAgreementId: 'agmt-1' },
      ),
      start('3', '11:30', 'agmt-2'),
    );
    expect(await statesOf(rooms)).toEqual(['active']);
    expect((await rooms.subscriptions.get(second ?? ''))?.id).toBe(first);
    expect(await spansOf(rooms)).toEqual([
      'agmt-1 paid 11-18T07:00–11-18T09:00',
      'agmt-2 paid 11-18T09:00–11-18T11:30',
      'agmt-3 paid 11-18T11:30–',
    ]);
    // Records and periods go by agreement; what names the folded id still finds it.
    const rows = await rooms.query<{ subscription_id: string }>(
      `SELECT DISTINCT subscription_id::text AS subscription_id FROM marketplace.agreement WHERE seller_account = $1`,
      [rooms.options.sellerAccount],
    );
    expect(rows).toEqual([{ subscription_id: first }]);
  });
});

async function idOf(index = 0): Promise<string | undefined> {
  const rows = await rooms.query<{ id: string }>(
    `SELECT id::text AS id FROM marketplace.subscription WHERE seller_account = $1 AND product_code = $2 ORDER BY id`,
    [rooms.options.sellerAccount, LICENSE_PRODUCT],
  );
  return rows[index]?.id;
}
