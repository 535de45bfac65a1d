import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Agreement, type SubscribeOptions } from 'aws-marketplace-simulator';
import { type AskedBuyer } from '../../src/subscription/reconciliation/asked-buyer.js';
import { findingsOf } from '../../src/subscription/reconciliation/buyer-answer.js';
import { dropDatabaseOfSuite, HOUR_MS, LEGACY_PRODUCT, LICENSE_PRODUCT, NOON, Rooms } from './rooms.js';

const DAY_MS = 24 * HOUR_MS;
/** A secret is a way in: messages may come, though none is sent here unless the test does. */
const FOLLOWED = { notifications: { eventBridgeSecrets: ['a-secret-of-twenty-four-or-more'] } };
/** As fast as the machine: what is tested here is what is asked, not how fast. */
const UNHURRIED = {
  callsPerSecond: { getEntitlements: 1000, searchAgreements: 1000, describeAgreement: 1000, getAgreementTerms: 1000 },
};

let rooms: Rooms;
afterEach(() => rooms.close());
afterAll(dropDatabaseOfSuite);

interface Buyer {
  id: string;
  agreement: Agreement;
}

async function arrived(options: Partial<SubscribeOptions> = {}): Promise<Buyer> {
  const agreement = rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT, ...options });
  return { id: (await rooms.registration.inspect(await rooms.arrive(agreement))).subscriptionId, agreement };
}

async function reconcile(replica = rooms): Promise<void> {
  await replica.messages.run();
  await replica.reconciliation.run();
  await replica.messages.run();
}

/** Business time passes, and the job runs as it would. */
async function pass(ms: number): Promise<void> {
  rooms.clock.advance(ms);
  await reconcile();
}

let told = 0;
/** A message of EventBridge, as the parser would have it. */
async function tell(event: Record<string, unknown> & { type: string; at?: Date }, replica = rooms): Promise<void> {
  told += 1;
  const { at = rooms.clock.now(), ...rest } = event;
  await rooms.inbox.receive([
    {
      origin: 'eventBridge',
      messageId: `told ${told}`,
      via: 'test',
      body: '{}',
      content: { event: { at, ...rest } as never },
    },
  ]);
  await replica.messages.run();
}

const endedBy = (agreement: Agreement, at: Date, status = 'CANCELLED') => ({
  ...{
    type: 'agreement.ended',
    at,
    about: { agreementId: agreement.agreementId, customerAwsAccountId: agreement.accountId },
  },
  details: { status, endTime: null },
});

const licensed = ({ agreementId, licenseArn }: Agreement) => ({
  ...{
    type: 'license.updated',
    about: { productCode: LICENSE_PRODUCT, agreementId, licenseArn },
    details: { offerId: null },
  },
});

const stateOf = async (id: string): Promise<string | undefined> => (await rooms.subscriptions.get(id))?.state;
const searches = (): number => rooms.simulator.calls({ operation: 'SearchAgreements' }).length;
const eventsOf = async (id: string): Promise<string[]> =>
  (
    await rooms.query<{ type: string }>(
      `SELECT type FROM marketplace.outbox_event WHERE subscription_id = $1 ORDER BY position`,
      [id],
    )
  ).map(({ type }) => type);
const askingOf = async (id: string) =>
  (
    await rooms.query<{ asked_at: Date | null; may_not_ask: boolean; is_leased: boolean }>(
      `SELECT asked_at, may_not_ask, ask_lease_until IS NOT NULL AS is_leased FROM marketplace.subscription
        WHERE id = $1`,
      [id],
    )
  )[0];

describe('what AWS is asked about', () => {
  beforeEach(async () => {
    rooms = await Rooms.open({ ...FOLLOWED, aws: UNHURRIED });
  });

  it('is who has arrived, at once; then who is silent for long; and nobody in between', async () => {
    const { id, agreement } = await arrived();
    await reconcile();
    expect(await stateOf(id)).toBe('active');
    expect((await rooms.subscriptions.get(id))?.current).toMatchObject({
      ...{
        agreementId: agreement.agreementId,
        licenseArn: agreement.licenseArn,
        startsAt: agreement.startsAt,
        isTrial: false,
      },
    });
    const before = searches();
    for (let hour = 0; hour < 23; hour += 1) await pass(HOUR_MS);
    expect(searches()).toBe(before);
    await pass(2 * HOUR_MS);
    expect(searches()).toBe(before + 1);
    expect((await eventsOf(id)).filter((type) => type === 'subscription.activated')).toHaveLength(1);
  });

  it('is each buyer once, whichever replica comes first', async () => {
    const other = await rooms.replica({ ...FOLLOWED, aws: UNHURRIED });
    const ids: string[] = [];
    for (let n = 0; n < 12; n += 1) ids.push((await arrived()).id);
    await Promise.all([rooms.reconciliation.run(), other.reconciliation.run()]);
    await reconcile();
    expect(new Set(await Promise.all(ids.map(stateOf)))).toEqual(new Set(['active']));
    expect(searches()).toBe(12);
    expect(await rooms.reconciliation.progress()).toEqual({ due: 0, underWay: 0 });
    await other.close();
  });

  it('is asked again where a replica was killed in the middle', async () => {
    const { id } = await arrived();
    await rooms.query(
      `UPDATE marketplace.subscription SET next_ask_at = NULL, ask_lease_until = clock_timestamp() + interval '1 hour'
        WHERE id = $1`,
      [id],
    );
    await reconcile();
    expect([await stateOf(id), searches()]).toEqual(['registered', 0]);
    await rooms.query(
      `UPDATE marketplace.subscription SET ask_lease_until = clock_timestamp() - interval '1 second' WHERE id = $1`,
      [id],
    );
    await reconcile();
    expect(await stateOf(id)).toBe('active');
    expect(await askingOf(id)).toMatchObject({ is_leased: false });
  });

  it('is held for no longer than other leases, which is renewed as long as AWS takes to answer', async () => {
    await arrived();
    await rooms.query(`CREATE TABLE public.lease (left_ms float8)`);
    await rooms.query(`CREATE FUNCTION public.log_lease() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO public.lease VALUES (extract(epoch FROM NEW.ask_lease_until - clock_timestamp()) * 1000);
      RETURN NULL; END $$`);
    await rooms.query(`CREATE TRIGGER log_lease AFTER UPDATE OF ask_lease_until ON marketplace.subscription
      FOR EACH ROW EXECUTE FUNCTION public.log_lease()`);
    const patient = await rooms.replica({
      ...{ ...FOLLOWED, aws: UNHURRIED },
      submission: { leaseMs: 9000, requestTimeoutMs: 4000 },
    });
    try {
      const silent = rooms.simulator.faults.add({ operation: 'SearchAgreements', kind: 'hang' });
      await patient.reconciliation.run();
      silent.remove();
      const held = await rooms.query<{ left_ms: number | null }>(`SELECT left_ms FROM public.lease`);
      const [taken, ...later] = held.map((row) => row.left_ms ?? 0);
      expect(taken).toBeLessThanOrEqual(9000);
      // Renewed before AWS was given up, and then put off for a minute.
      expect(later.filter((left) => left <= 9000)).not.toEqual([]);
      expect(later.at(-1)).toBeGreaterThan(9000);
    } finally {
      await patient.close();
      await rooms.query(`DROP TRIGGER log_lease ON marketplace.subscription`);
      await rooms.query(`DROP FUNCTION public.log_lease`);
      await rooms.query(`DROP TABLE public.lease`);
    }
  });

  it('is asked again where AWS gave no answer, and nothing is concluded meanwhile', async () => {
    const { id } = await arrived();
    rooms.simulator.faults.add({ operation: 'GetAgreementTerms', kind: 'error500Before', count: 1 });
    await reconcile();
    expect([await stateOf(id), (await askingOf(id))?.asked_at]).toEqual(['registered', null]);
    await rooms.query(`UPDATE marketplace.subscription SET ask_lease_until = clock_timestamp() WHERE id = $1`, [id]);
    await reconcile();
    expect(await stateOf(id)).toBe('active');
    expect(await rooms.alertKinds()).toEqual([]);
  });

  it('M17: is none of a product that is taken off the list, whose alerts are closed; listed again it goes on', async () => {
    const { id } = await arrived();
    await rooms.alerts.raise(rooms.database, {
      kind: 'contradiction',
      subject: id,
      severity: 'critical',
      message: 'open',
    });
    const without = await rooms.replica({
      ...FOLLOWED,
      aws: UNHURRIED,
      products: [{ productCode: LEGACY_PRODUCT, dimensions: ['requests'], identity: 'legacy' }],
    });
    await without.reconciliation.run();
    expect([searches(), await rooms.alertKinds()]).toEqual([0, []]);
    await without.close();
    await reconcile();
    expect(await stateOf(id)).toBe('active');
  });
});

describe('M12: an end, a renewal, all messages are lost', () => {
  it.each([
    ['where messages may come, within a day', FOLLOWED, 26],
    ['where the host has configured no way in, within an hour', {}, 1],
  ])('%s: the end is found, at its own instant', async (_, ways, hours) => {
    rooms = await Rooms.open({ ...ways, aws: UNHURRIED });
    const { id, agreement } = await arrived();
    await reconcile();
    rooms.clock.advance(HOUR_MS / 2);
    const endsAt = rooms.clock.now();
    rooms.simulator.cancel(agreement);
    await pass(hours * HOUR_MS);
    const subscription = await rooms.subscriptions.get(id);
    expect(['ending', 'ended']).toContain(subscription?.state);
    expect(subscription?.current?.endsAt).toEqual(endsAt);
    expect(await eventsOf(id)).toContain('subscription.ending');
  });

  it('M11: the renewal is found when the agreement before it is over, under the id that the host knows', async () => {
    rooms = await Rooms.open({ ...FOLLOWED, aws: UNHURRIED, switches: { renewalLicense: 'newLicense' } });
    const { id, agreement } = await arrived({ endsAt: new Date(NOON.getTime() + 10 * HOUR_MS), autoRenew: true });
    await reconcile();
    await pass(11 * HOUR_MS);
    const subscription = await rooms.subscriptions.get(id);
    expect(subscription).toMatchObject({ state: 'active', current: { previousAgreementId: agreement.agreementId } });
    expect(subscription?.agreements).toHaveLength(2);
    expect(subscription?.current?.startsAt).toEqual(agreement.endsAt);
    expect(subscription?.current?.licenseArn).not.toBe(agreement.licenseArn);
    expect(await eventsOf(id)).toEqual(expect.arrayContaining(['subscription.renewed']));
    expect(await eventsOf(id)).not.toContain('subscription.ended');
    expect(await rooms.count('subscription')).toBe(1);
  });

  it('the expiry is found when it has come', async () => {
    rooms = await Rooms.open({ ...FOLLOWED, aws: UNHURRIED });
    const { id, agreement } = await arrived({ endsAt: new Date(NOON.getTime() + 10 * HOUR_MS) });
    await reconcile();
    // Ten minutes after the end AWS's index is believed.
    await pass(10 * HOUR_MS + 11 * 60_000);
    expect(await stateOf(id)).toBe('ending');
    await pass(2 * HOUR_MS);
    expect(await stateOf(id)).toBe('ended');
    expect((await rooms.subscriptions.get(id))?.current?.endsAt).toEqual(agreement.endsAt);
  });
});

describe('what AWS says against what was heard', () => {
  beforeEach(async () => {
    rooms = await Rooms.open({ ...FOLLOWED, aws: UNHURRIED });
  });

  it('M13: opens again an end that AWS contradicts, from its own instant', async () => {
    const { id, agreement } = await arrived();
    await reconcile();
    rooms.clock.advance(HOUR_MS);
    await tell(endedBy(agreement, rooms.clock.now()));
    expect(await stateOf(id)).toBe('ending');
    rooms.clock.advance(15 * 60_000);
    await rooms.query(`UPDATE marketplace.subscription SET next_ask_at = $2 WHERE id = $1`, [
      id,
      rooms.clock.now().toISOString(),
    ]);
    await reconcile();
    expect(await stateOf(id)).toBe('active');
    expect((await rooms.subscriptions.get(id))?.current?.endsAt).toBeNull();
  });

  it('T11: asks again first where the end is younger than AWS’s index may be', async () => {
    const { id, agreement } = await arrived();
    await reconcile();
    rooms.clock.advance(HOUR_MS);
    // A true end, and an index that does not know it yet: the simulator has not been told of the end.
    await tell(endedBy(agreement, rooms.clock.now()));
    await rooms.query(`UPDATE marketplace.subscription SET next_ask_at = $2 WHERE id = $1`, [
      id,
      rooms.clock.now().toISOString(),
    ]);
    rooms.clock.advance(5000);
    await reconcile();
    expect(await stateOf(id)).toBe('ending');
    rooms.simulator.end(agreement, { at: new Date(NOON.getTime() + HOUR_MS) });
    await pass(11 * 60_000);
    expect(await stateOf(id)).toBe('ending');
    // AWS's word is a sign of the end, too: usage is tried until an hour after the last one.
    await pass(1.5 * HOUR_MS);
    expect(await stateOf(id)).toBe('ended');
  });

  it('M13: a message without a time is a reason to ask, and ends nothing', async () => {
    const { id, agreement } = await arrived({ productCode: LEGACY_PRODUCT });
    await reconcile();
    rooms.clock.advance(HOUR_MS);
    await tell({
      ...{
        type: 'message.untimed',
        about: { productCode: LEGACY_PRODUCT, customerIdentifier: agreement.customerIdentifier },
      },
      details: { said: 'legacy.unsubscribeSucceeded' },
    });
    const before = searches();
    await reconcile();
    expect([await stateOf(id), searches()]).toEqual(['active', before + 1]);
  });

  it('reports that AWS calls an agreement active and refuses its usage, until it does not', async () => {
    const { id } = await arrived();
    await reconcile();
    await rooms.alerts.raise(rooms.database, {
      kind: 'notSubscribed',
      subject: id,
      severity: 'warning',
      message: 'refused',
    });
    await pass(25 * HOUR_MS);
    expect(await rooms.alertKinds()).toEqual(['contradiction', 'notSubscribed']);
    await rooms.alerts.resolve(rooms.database, 'notSubscribed', id);
    await pass(25 * HOUR_MS);
    expect(await rooms.alertKinds()).toEqual([]);
  });
});

describe('M14: trial or paid', () => {
  beforeEach(async () => {
    rooms = await Rooms.open({ ...FOLLOWED, aws: UNHURRIED, switches: { trialConversion: 'sameAgreement' } });
  });

  it('comes from the terms, and the conversion is told once, at its own instant', async () => {
    const { id } = await arrived({ freeTrial: true, endsAt: new Date(NOON.getTime() + 14 * DAY_MS) });
    await reconcile();
    expect(await stateOf(id)).toBe('trial');
    rooms.clock.advance(5 * DAY_MS);
    rooms.simulator.convertTrial((await rooms.subscriptions.get(id))!.current!.agreementId!);
    await reconcile();
    await pass(DAY_MS + HOUR_MS);
    expect(await stateOf(id)).toBe('active');
    expect((await eventsOf(id)).filter((type) => type === 'subscription.converted')).toHaveLength(1);
  });

  it('never comes from the form that a buyer posts', async () => {
    const agreement = rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT });
    const token = rooms.simulator.registrationToken(agreement);
    const { url } = await rooms.intake.receive({ token, offerType: 'free-trial', fields: {} }, 'a client');
    const { subscriptionId } = await rooms.registration.inspect(url.searchParams.get('registrationCode')!);
    await reconcile();
    expect(await stateOf(subscriptionId)).toBe('active');
  });
});

describe('M15: what AWS does not list', () => {
  beforeEach(async () => {
    rooms = await Rooms.open({ ...FOLLOWED, aws: UNHURRIED });
  });

  it('a resold agreement is in force by its entitlements, ends by nobody’s silence, and raises no alert', async () => {
    const { id, agreement } = await arrived({
      resale: { partnerAccountId: '999988887777' },
      entitlements: [{ dimension: 'seats', value: 3 }],
    });
    await reconcile();
    expect(await stateOf(id)).toBe('active');
    for (let day = 0; day < 3; day += 1) await pass(25 * HOUR_MS);
    expect([await stateOf(id), await rooms.alertKinds()]).toEqual(['active', []]);
    // Silence of the entitlements does not end it either.
    rooms.simulator.setEntitlements(agreement, []);
    for (let day = 0; day < 3; day += 1) await pass(25 * HOUR_MS);
    expect([await stateOf(id), await rooms.alertKinds()]).toEqual(['active', []]);
    // But a told end closes, once the license event has tied the agreement's name to its license.
    await tell(licensed(agreement));
    await tell(endedBy(agreement, rooms.clock.now()));
    await pass(2 * HOUR_MS);
    expect(await stateOf(id)).toBe('ended');
  });

  it('where nothing may be asked, that is remembered with the subscription, and told ends close all the same', async () => {
    for (const operation of ['SearchAgreements', 'GetEntitlements'] as const)
      rooms.simulator.faults.add({ operation, kind: 'accessDenied' });
    const { id, agreement } = await arrived();
    rooms.simulator.faults.add({ operation: 'DescribeAgreement', kind: 'accessDenied' });
    await tell(licensed(agreement));
    await reconcile();
    expect(await askingOf(id)).toMatchObject({ may_not_ask: true });
    expect(await stateOf(id)).toBe('active');
    await tell(endedBy(agreement, rooms.clock.now(), 'RENEWED'));
    // A successor was announced, and nobody can be asked for it: its messages are waited for, a day.
    await pass(25 * HOUR_MS);
    expect(await stateOf(id)).toBe('ended');
    expect(await rooms.alertKinds()).toEqual([]);
  });
});

describe('usage that waits', () => {
  beforeEach(async () => {
    rooms = await Rooms.open({ ...FOLLOWED, aws: UNHURRIED });
  });

  it.each([
    ['awaitingSuccessor', 2, 'after an hour'],
    ['afterEnd', 25, 'once a day'],
  ])('as %s is a reason to ask %i hours later: %s', async (reason, hours) => {
    const { id, agreement } = await arrived();
    await reconcile();
    rooms.clock.advance(HOUR_MS);
    rooms.simulator.cancel(agreement);
    await tell(endedBy(agreement, rooms.clock.now()));
    await pass(3 * HOUR_MS);
    await pass(HOUR_MS);
    expect(await stateOf(id)).toBe('ended');
    // Sealing alone writes rollups, and the database sees to it: not here.
    await rooms.database.transaction(async (tx) => {
      await tx.query(`SET LOCAL session_replication_role = replica`);
      await tx.query(
        `INSERT INTO marketplace.rollup
           (id, subject, dimension, hour, is_correction, event_sum, event_count, first_at, last_at, taken_at,
             waiting_reason)
         SELECT nextval('marketplace.rollup_id'), id, 1, 494000, false, 1, 1, now(), now(), now(), $2
         FROM marketplace.subject WHERE subscription_id = $1 LIMIT 1`,
        [id, reason],
      );
    });
    const before = searches();
    await pass((hours - 1.5) * HOUR_MS);
    const early = searches();
    await pass(1.5 * HOUR_MS);
    const asked = searches();
    await reconcile();
    expect([early - before, asked - early, searches() - asked]).toEqual([0, 1, 0]);
  });
});

describe('messages that wait for a buyer who never came', () => {
  beforeEach(async () => {
    rooms = await Rooms.open({ ...FOLLOWED, aws: UNHURRIED });
  });
  const amended = (about: Record<string, string>) => ({
    ...{ type: 'agreement.amended', about },
    details: { intent: null, status: null, endTime: null, offerId: null },
  });

  it('are told of until one comes', async () => {
    const agreement = rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT });
    await tell(amended({ agreementId: agreement.agreementId }));
    await pass(2 * HOUR_MS);
    expect(await rooms.alertKinds()).toEqual(['contradiction']);
    await rooms.arrive(agreement);
    await reconcile();
    await reconcile();
    expect(await rooms.alertKinds()).toEqual([]);
  });

  const mine = { [LICENSE_PRODUCT]: 'prod-license', [LEGACY_PRODUCT]: 'prod-legacy' };
  /** A replica that lists these products by their codes and entity ids. */
  const knowing = (ids: Record<string, string> = mine): Promise<Rooms> =>
    rooms.replica({
      ...{ ...FOLLOWED, aws: UNHURRIED },
      products: Object.entries(ids).map(([productCode, productId]) => ({
        ...{ productCode, productId, dimensions: ['requests'] },
        identity: productCode === LEGACY_PRODUCT ? ('legacy' as const) : ('license' as const),
      })),
    });
  const described = (): number => rooms.simulator.calls({ operation: 'DescribeAgreement' }).length;
  const stateOf = async (agreementId: string): Promise<string[]> => {
    const rows = await rooms.query<{ state: string }>(
      `SELECT state FROM marketplace.inbox_message WHERE seller_account = $1 AND event -> 'about' ->> 'agreementId' = $2`,
      [rooms.options.sellerAccount, agreementId],
    );
    return rows.map(({ state }) => state);
  };
  const OTHER_PRODUCT = 'not-listed-here';
  const idOf = (code: string): string =>
    rooms.simulator.products().find(({ productCode }) => productCode === code)?.productId ?? '';

  it('M17: are not told of where they name a listing that is none of ours', async () => {
    await tell(amended({ agreementId: 'agmt-of-another', productId: 'prod-another' }));
    rooms.clock.advance(2 * HOUR_MS);
    const replica = await knowing();
    await replica.reconciliation.run();
    expect(await rooms.alertKinds()).toEqual([]);
    await tell(amended({ agreementId: 'agmt-of-ours', productId: 'prod-license' }));
    rooms.clock.advance(2 * HOUR_MS);
    await replica.reconciliation.run();
    expect(await rooms.alertKinds()).toEqual(['contradiction']);
    await replica.close();
  });

  describe('M17: whose product no message names', () => {
    let replica: Rooms;
    let other: Agreement;
    beforeEach(async () => {
      replica = await knowing();
      other = rooms.simulator.subscribe({ productCode: OTHER_PRODUCT });
      await tell(amended({ agreementId: other.agreementId }));
    });
    afterEach(() => replica.close());

    it('are set aside, with all that follows, where AWS lists it at a product that is none of ours', async () => {
      rooms.clock.advance(HOUR_MS - 1);
      await replica.reconciliation.run();
      expect({ described: described(), states: await stateOf(other.agreementId) }).toEqual({
        ...{ described: 0, states: ['waiting'] },
      });
      rooms.clock.advance(1);
      const second = await knowing();
      await Promise.all([replica, second].map((one) => one.reconciliation.run()));
      await second.close();
      await tell(amended({ agreementId: other.agreementId }));
      await replica.reconciliation.run();
      expect({ described: described(), states: await stateOf(other.agreementId) }).toEqual({
        ...{ described: 1, states: ['ignored', 'ignored'] },
      });
      expect(await rooms.alertKinds()).toEqual([]);
    });

    it('go on when that product is listed, by its code and id', async () => {
      rooms.clock.advance(2 * HOUR_MS);
      await replica.reconciliation.run();
      expect(await stateOf(other.agreementId)).toEqual(['ignored']);
      const listing = await knowing({ ...mine, [OTHER_PRODUCT]: idOf(OTHER_PRODUCT) });
      await listing.messages.run();
      expect(await stateOf(other.agreementId)).toEqual(['waiting']);
      await listing.close();
    });

    const advisory = ({ agreementId, accountId }: Agreement) => ({
      ...{ type: 'advisory.issued', about: { agreementId, customerAwsAccountId: accountId } },
      details: { detailType: 'Purchase Agreement Advisory Issued' },
    });
    const advisories = (): Promise<unknown[]> =>
      rooms.query(`SELECT state FROM marketplace.inbox_message WHERE seller_account = $1 AND type LIKE 'advisory%'`, [
        rooms.options.sellerAccount,
      ]);

    it('go on when the buyer arrives at that product, listed since by its code alone', async () => {
      await tell(advisory(other));
      rooms.clock.advance(2 * HOUR_MS);
      await replica.reconciliation.run();
      expect(await advisories()).toEqual([{ state: 'ignored' }]);
      const products = [{ productCode: OTHER_PRODUCT, dimensions: ['requests'] }];
      const listing = await rooms.replica({ ...FOLLOWED, aws: UNHURRIED, products });
      await listing.catalog.sync();
      await listing.messages.run();
      const { subscriptionId } = await listing.registration.inspect(await listing.arrive(other));
      await reconcile(listing);
      expect(await advisories()).toEqual([{ state: 'applied' }]);
      expect((await listing.subscriptions.get(subscriptionId))?.state).toBe('suspended');
      await listing.close();
    });

    it('go on where they name that product by its id, once its code, listed since alone, is named with it', async () => {
      const named = { agreementId: 'agmt-of-it', productId: idOf(OTHER_PRODUCT) };
      const about = { ...named, customerAwsAccountId: other.accountId };
      const details = { intent: 'NEW', status: 'ACTIVE', endTime: null, offerId: null, previousAgreementId: null };
      const created = { ...details, startTime: rooms.clock.now().toISOString() };
      await tell({ type: 'agreement.created', about, details: created }, replica);
      expect(await stateOf('agmt-of-it')).toEqual(['ignored']);
      const products = [{ productCode: OTHER_PRODUCT, dimensions: ['requests'] }];
      const listing = await rooms.replica({ ...FOLLOWED, aws: UNHURRIED, products });
      await listing.catalog.sync();
      await listing.messages.run();
      expect(await stateOf('agmt-of-it')).toEqual(['ignored']);
      const license = { ...about, productCode: OTHER_PRODUCT, licenseArn: other.licenseArn };
      await tell({ type: 'license.updated', about: license, details: { offerId: null } }, listing);
      expect(await stateOf('agmt-of-it')).toEqual(['applied', 'applied']);
      await listing.close();
    });

    it('go on when its buyer arrives, whatever a replica of the release before sets aside meanwhile', async () => {
      rooms.clock.advance(2 * HOUR_MS);
      await replica.reconciliation.run();
      const next = await knowing({ ...mine, [OTHER_PRODUCT]: idOf(OTHER_PRODUCT) });
      await next.catalog.sync();
      await next.messages.run();
      await replica.reconciliation.run();
      expect(await stateOf(other.agreementId)).toEqual(['ignored']);
      await next.arrive(other);
      await reconcile(next);
      expect([...new Set(await stateOf(other.agreementId))]).toEqual(['applied']);
      await next.close();
    });

    it('are not set aside for an agreement of ours that holds another product, too', async () => {
      const [ours, second] = [1, 2].map(() => rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT }));
      const several = {
        ...{ agreementId: ours!.agreementId, status: 'ACTIVE', startTime: ours!.startsAt, endTime: null },
        ...{ lastUpdateTime: null, initialAgreementId: ours!.agreementId, customerAwsAccountId: ours!.accountId },
        ...{ offerId: null, licenseArns: [ours!.licenseArn], productIds: ['prod-another', ours!.productId] },
      };
      const buyer: AskedBuyer = {
        ...{ productCode: LICENSE_PRODUCT, customerAwsAccountId: ours!.accountId, customerIdentifier: null },
        ...{ productId: null, subscriptions: [], agreements: [], awaited: [] },
      };
      const products = [{ productCode: LICENSE_PRODUCT, dimensions: ['requests'] }];
      const one = await rooms.replica({ ...FOLLOWED, aws: UNHURRIED, products });
      const at = rooms.clock.now();
      const answer = { askedAt: at, agreements: [several], terms: new Map(), entitlements: [], mayNotAsk: false };
      await one.messages.receiveAnswer(
        findingsOf(buyer, answer, 'license').map((finding) => ({
          ...{ origin: 'reconciliation', messageId: 'several', via: 'reconciliation', body: '{}' },
          content: { event: { type: 'agreement.found', at, ...finding } },
        })),
      );
      await tell(amended({ agreementId: second!.agreementId }));
      rooms.clock.advance(2 * HOUR_MS);
      await one.reconciliation.run();
      expect(await stateOf(second!.agreementId)).toEqual(['waiting']);
      expect(await rooms.alertKinds()).toEqual(['contradiction']);
      await one.close();
    });

    it('wait, and are told of, where it is ours, where AWS knows nothing of it, and while one of our ids is not known', async () => {
      const { agreementId } = rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT });
      await tell(amended({ agreementId }));
      await tell(amended({ agreementId: 'agmt-of-nobody' }));
      rooms.clock.advance(2 * HOUR_MS);
      await rooms.reconciliation.run();
      expect({ described: described(), alerts: await rooms.alertKinds() }).toEqual({
        ...{ described: 0, alerts: ['contradiction'] },
      });
      const ours = await knowing({ ...mine, [LICENSE_PRODUCT]: idOf(LICENSE_PRODUCT) });
      for (let run = 1; run <= 3; run += 1) await ours.reconciliation.run();
      // Each once, however often it is looked.
      expect(described()).toBe(3);
      expect(await stateOf(agreementId)).toEqual(['waiting']);
      expect(await stateOf('agmt-of-nobody')).toEqual(['waiting']);
      expect(await rooms.alertKinds()).toEqual(['contradiction']);
      await ours.close();
    });

    it('wait where AWS gives no answer, and are asked about again', async () => {
      const fault = rooms.simulator.faults.add({ kind: 'error500Before', operation: 'DescribeAgreement' });
      rooms.clock.advance(2 * HOUR_MS);
      await replica.reconciliation.run();
      expect(await stateOf(other.agreementId)).toEqual(['waiting']);
      fault.remove();
      await rooms.query(
        `UPDATE marketplace.inbox_message SET next_attempt_at = next_attempt_at - interval '10 minutes'
         WHERE seller_account = $1`,
        [rooms.options.sellerAccount],
      );
      await replica.reconciliation.run();
      expect(await stateOf(other.agreementId)).toEqual(['ignored']);
    });
  });
});

describe('M16: sixty subscriptions on two replicas, within AWS’s quotas', () => {
  it('are all resolved, slowly, with progress', async () => {
    const quotas = {
      SearchAgreements: 5,
      DescribeAgreement: 5,
      GetAgreementTerms: 5,
      GetEntitlements: 20,
      ResolveCustomer: 0,
    };
    rooms = await Rooms.open({ ...FOLLOWED, simulator: { callsPerSecond: quotas } });
    const other = await rooms.replica(FOLLOWED);
    const ids: string[] = [];
    for (let n = 0; n < 60; n += 1) ids.push((await arrived()).id);
    expect(await rooms.reconciliation.progress()).toEqual({ due: 60, underWay: 0 });
    const running = Promise.all([rooms.reconciliation.run(), other.reconciliation.run()]);
    const seen: number[] = [];
    const watch = setInterval(() => void rooms.reconciliation.progress().then(({ due }) => seen.push(due)), 1000);
    await running;
    clearInterval(watch);
    await reconcile();
    expect((await Promise.all(ids.map(stateOf))).filter((state) => state !== 'active')).toEqual([]);
    expect(seen.length).toBeGreaterThan(5);
    expect(seen).toEqual([...seen].sort((a, b) => b - a));
    expect(rooms.simulator.calls().filter(({ statusCode }) => statusCode === 400)).toEqual([]);
    await other.close();
  });
});
