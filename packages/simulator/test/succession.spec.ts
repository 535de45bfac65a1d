import { afterEach, describe, expect, it } from '@jest/globals';
import { type Agreement, type MarketplaceSimulator, type ProductIdentity, type Switches } from '../src/index.js';
import { hourMs, noon, startMarketplace, startMetering, stopMarketplaces } from './simulated-marketplace.js';

afterEach(stopMarketplaces);

const dayMs = 24 * hourMs;
const after = (ms: number): Date => new Date(noon.getTime() + ms);
const start = after(23 * dayMs);

interface Life {
  sim: MarketplaceSimulator;
  first: Agreement;
  /** What was sent since it was asked last: type, whose license or agreement it is of, and when. */
  news: () => string[];
}

/** An agreement that runs until `start`, sold ten days ago. */
async function startLife(switches: Partial<Switches> = {}, identity: ProductIdentity = 'license'): Promise<Life> {
  const { sim } = await startMarketplace({ switches });
  const { productCode } = sim.createProduct({ dimensions: ['users'], identity });
  const first = sim.subscribe({ productCode, startsAt: after(-10 * dayMs), endsAt: start });
  sim.notifications.collect();
  const news = (): string[] =>
    sim.notifications
      .collect()
      .map(
        ({ type, agreementId, at }) =>
          `${type} ${agreementId === first.agreementId ? 'first' : 'second'} ${at.toISOString().slice(5, 19)}`,
      );
  return { sim, first, news };
}

const [created, updated, ended] = ['Purchase Agreement Created', 'License Updated', 'Purchase Agreement Ended'];
const atSigning = '11-18T12:30:00';
const atStart = '12-11T12:30:00';

describe('a renewal that is signed ahead', () => {
  it.each<
    [
      futureCreated: Switches['futureCreated'],
      futureLicenseUpdated: Switches['futureLicenseUpdated'],
      signed: string[],
      begun: string[],
    ]
  >([
    ['start', 'start', [], [`${created} second ${atStart}`, `${updated} second ${atStart}`]],
    ['signing', 'start', [`${created} second ${atSigning}`], [`${updated} second ${atStart}`]],
    ['start', 'signing', [`${updated} second ${atSigning}`], [`${created} second ${atStart}`]],
    ['signing', 'signing', [`${created} second ${atSigning}`, `${updated} second ${atSigning}`], []],
  ])(
    'is told by futureCreated %s and futureLicenseUpdated %s',
    async (futureCreated, futureLicenseUpdated, signed, begun) => {
      const { sim, first, news } = await startLife({ futureCreated, futureLicenseUpdated });
      const second = sim.renew(first, { startsAt: start });
      expect(second).toMatchObject({
        ...{
          intent: 'RENEW',
          status: 'ACTIVE',
          previousAgreementId: first.agreementId,
          acceptedAt: noon,
          startsAt: start,
        },
        endsAt: after(56 * dayMs),
      });
      expect(news()).toEqual(signed);
      sim.clock.set(new Date(start.getTime() - 1));
      expect(sim.agreement(first)).toMatchObject({
        status: 'ACTIVE',
        endsAt: start,
        nextAgreementId: second.agreementId,
      });
      expect(news().filter((one) => !one.startsWith('Purchase Agreement Ending'))).toEqual([]);
      sim.clock.advance(1);
      expect(sim.agreement(first).status).toBe('RENEWED');
      expect(news()).toEqual([...begun, `${ended} first ${atStart}`]);
      sim.clock.advance(dayMs);
      expect(news()).toEqual(['License Deprovisioned first 12-11T12:30:30']);
    },
  );

  it('may name its license before itself, within one second', async () => {
    const { sim, first } = await startLife({
      futureCreated: 'signing',
      futureLicenseUpdated: 'signing',
      initialEventsOrder: 'licenseFirst',
    });
    sim.renew(first, { startsAt: start });
    const sent = sim.notifications.collect().flatMap(({ type, body }) => ('time' in body ? [[type, body.time]] : []));
    expect(sent).toEqual([
      [updated, '2026-11-18T12:30:00Z'],
      [created, '2026-11-18T12:30:00Z'],
    ]);
  });

  it('of a kept license leaves the usage of each term to its agreement', async () => {
    const { sim, agreement, record, outcome } = await startMetering();
    const turn = after(1.5 * hourMs);
    sim.end(agreement, { at: turn, as: 'EXPIRED' });
    const second = sim.renew(agreement, { startsAt: turn, as: 'sameLicense', endsAt: after(30 * dayMs) });
    expect(second.licenseArn).toBe(agreement.licenseArn);
    expect(await outcome(record())).toBe('Success');
    sim.clock.advance(2 * hourMs);
    const [before, later] = [
      record({ Timestamp: new Date(turn.getTime() - 60_000) }),
      record({ Timestamp: after(1.6 * hourMs) }),
    ];
    expect(await outcome(before, later)).toBe('Success Success');
    expect(sim.bill().map(({ agreementId, hour }) => [agreementId === second.agreementId, hour.slice(11, 13)])).toEqual(
      [
        [false, '11'],
        [false, '13'],
        [true, '14'],
      ],
    );
  });

  it('takes no usage under its own license before it starts', async () => {
    const { sim, agreement, record, outcome } = await startMetering();
    sim.end(agreement, { at: after(hourMs), as: 'EXPIRED' });
    const second = sim.renew(agreement, { startsAt: after(hourMs) });
    expect(await outcome(record({}, second))).toBe('CustomerNotSubscribed');
    expect(await outcome(record())).toBe('Success');
    sim.clock.advance(hourMs + 1);
    expect(await outcome(record({ Timestamp: after(hourMs) }, second))).toBe('Success');
  });

  it('is instead of the automatic one, and can be signed once', async () => {
    const { sim, first } = await startLife();
    sim.amend(first, { autoRenew: true });
    sim.renew(first, { startsAt: start });
    expect(() => sim.renew(first, { startsAt: start })).toThrow('followed by');
    sim.clock.advance(24 * dayMs);
    expect(sim.agreements()).toHaveLength(2);
  });

  it('can be cancelled before it starts: nothing was signed', async () => {
    for (const futureCreated of ['start', 'signing'] as const) {
      const { sim, first, news } = await startLife({ futureCreated, futureLicenseUpdated: futureCreated });
      const second = sim.renew(first, { startsAt: start });
      news();
      sim.cancel(second);
      expect(sim.agreement(second).status).toBe('CANCELLED');
      const told = [`${ended} second ${atSigning}`, `License Deprovisioned second ${atSigning}`];
      expect(news()).toEqual(futureCreated === 'signing' ? told : []);
      expect(sim.agreement(first).nextAgreementId).toBeUndefined();
      sim.clock.advance(24 * dayMs);
      expect(sim.agreement(first).status).toBe('EXPIRED');
    }
  });

  it('of a kept license leaves the license alone when it is cancelled', async () => {
    const { sim, first, news } = await startLife({ futureLicenseUpdated: 'signing' });
    const second = sim.renew(first, { startsAt: start, as: 'sameLicense' });
    news();
    sim.cancel(second);
    expect(news()).toEqual([]);
  });

  it('may end the first in silence: endedOfFollowed', async () => {
    const { sim, first, news } = await startLife({ endedOfFollowed: 'notSent' });
    sim.renew(first);
    expect(news().map((one) => one.split(' first')[0]?.split(' second')[0])).toEqual([created, updated]);
    expect(sim.agreement(first).status).toBe('RENEWED');
  });

  it('after a gap lets the first expire', async () => {
    const { sim, first } = await startLife();
    const second = sim.renew(first, { startsAt: after(30 * dayMs) });
    sim.clock.advance(29 * dayMs);
    expect(sim.agreement(first).status).toBe('EXPIRED');
    sim.clock.advance(2 * dayMs);
    expect(sim.agreement(second).status).toBe('ACTIVE');
  });

  it('goes on from a snapshot', async () => {
    const { sim, first } = await startLife();
    sim.renew(first, { startsAt: start });
    const { sim: other } = await startMarketplace();
    other.restore(sim.snapshot());
    other.clock.set(start);
    expect(other.agreements().map(({ status }) => status)).toEqual(['RENEWED', 'ACTIVE']);
  });
});

describe('a renewal that comes late', () => {
  it('follows an agreement that has expired, and one that was cancelled not', async () => {
    const { sim, first } = await startLife();
    sim.clock.set(after(24 * dayMs));
    const second = sim.renew(first, { startsAt: start });
    expect([sim.agreement(first).status, second.startsAt, second.intent, second.previousAgreementId]).toEqual([
      'EXPIRED',
      start,
      'RENEW',
      first.agreementId,
    ]);
    expect(() => sim.renew(first, { as: 'sameAgreement' })).toThrow('EXPIRED');
    expect(() => sim.renew(sim.cancel(second))).toThrow('CANCELLED');
  });
});

describe('a replacement', () => {
  it('that is announced ends what it replaces at its start, however long that had to run', async () => {
    const { sim, first } = await startLife({ futureCreated: 'signing' });
    const at = after(3 * dayMs);
    const second = sim.replace(first, { startsAt: at });
    expect(sim.agreement(first)).toMatchObject({ status: 'ACTIVE', endsAt: start });
    sim.clock.set(at);
    expect(sim.agreement(first)).toMatchObject({ status: 'REPLACED', endsAt: at });
    expect(second).toMatchObject({ intent: 'REPLACE', startsAt: at });
    expect(() => sim.replace(second, { as: 'sameAgreement' })).toThrow('another agreement');
    expect(() => sim.replace(second, { startsAt: after(0) })).toThrow('before it starts');
  });

  it('within an hour gives the hour to both, each its own part', async () => {
    const { sim, agreement, record, outcome } = await startMetering();
    sim.clock.set(after(7 * 60_000));
    const second = sim.replace(agreement);
    sim.clock.set(after(40 * 60_000));
    expect(await outcome(record({ Timestamp: after(0) }))).toBe('Success');
    expect(await outcome(record({ Timestamp: after(20 * 60_000) }, second))).toBe('Success');
    expect(await outcome(record({ Timestamp: after(20 * 60_000), Dimension: 'gigabytes' }))).toBe(
      'InvalidLicenseException',
    );
    expect(sim.bill().map(({ agreementId, hour }) => [agreementId === second.agreementId, hour.slice(11, 13)])).toEqual(
      [
        [false, '12'],
        [true, '12'],
      ],
    );
  });

  it('may be told late, with its moment in the past', async () => {
    const { sim, first, news } = await startLife();
    const at = after(-2 * hourMs);
    sim.replace(first, { startsAt: at });
    expect(sim.agreement(first)).toMatchObject({ status: 'REPLACED', endsAt: at });
    expect(news()).toEqual([
      ...[`${created} second 11-18T10:30:00`, `${updated} second 11-18T10:30:00`, `${ended} first 11-18T10:30:00`],
      'License Deprovisioned first 11-18T10:30:30',
    ]);
  });

  it.each([
    ['renewals', [true, false]],
    ['renewalsAndReplacements', [true, true]],
    ['none', [false, false]],
  ] as const)('previousAgreementInEvents %s', async (previousAgreementInEvents, named) => {
    const { sim, first } = await startLife({ previousAgreementInEvents });
    sim.replace(sim.renew(first));
    const events = sim.notifications.messages({ type: 'Purchase Agreement Created' }).slice(1);
    expect(
      events.map(({ body }) => 'previousAgreementId' in ('detail' in body ? (body.detail.agreement as object) : {})),
    ).toEqual(named);
  });
});

describe('a legacy customer', () => {
  it('is told of at the start, whatever the bus says at the signing', async () => {
    const { sim, first } = await startLife({ futureCreated: 'signing' }, 'legacy');
    sim.replace(first, { startsAt: start });
    expect(sim.notifications.collect().map(({ channel }) => channel)).toEqual(['eventBridge']);
    sim.clock.set(start);
    const topics = sim.notifications.collect().filter(({ channel }) => channel === 'subscriptionTopic');
    expect(topics.map(({ type, at }) => [type, at])).toEqual([['subscribe-success', start]]);
  });

  it('is billed by the agreement that the timestamp lies in', async () => {
    const { sim, agreement, record, outcome } = await startMetering({}, 'legacy');
    sim.clock.set(after(7 * 60_000));
    const second = sim.renew(agreement, { endsAt: after(dayMs) });
    sim.clock.set(after(90 * 60_000));
    expect(await outcome(record({ Timestamp: after(0) }), record({ Timestamp: after(40 * 60_000) }))).toBe(
      'Success Success',
    );
    expect(sim.bill().map(({ agreementId }) => agreementId)).toEqual([agreement.agreementId, second.agreementId]);
  });

  it('who returns has two agreements and one name', async () => {
    const { sim, agreement, record, outcome } = await startMetering({}, 'legacy');
    sim.cancel(agreement);
    sim.clock.advance(3 * dayMs);
    const second = sim.subscribe({ productCode: agreement.productCode, accountId: agreement.accountId });
    expect(second.customerIdentifier).toBe(agreement.customerIdentifier);
    sim.clock.advance(hourMs);
    expect(await outcome(record({ Timestamp: after(3 * dayMs + 60_000) }))).toBe('Success');
    expect(sim.bill()).toMatchObject([{ agreementId: second.agreementId }]);
  });
});
