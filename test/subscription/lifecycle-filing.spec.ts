import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Agreement } from 'aws-marketplace-simulator';
import {
  type LifecycleDetails,
  type LifecycleEvent,
  type LifecycleEventType,
  type ReceivedMessage,
  type SpokenOf,
} from '../../src/subscription/inbox/lifecycle-event.js';
import { dropDatabaseOfSuite, HOUR_MS, LEGACY_PRODUCT, LICENSE_PRODUCT, NOON, Rooms } from './rooms.js';

let rooms: Rooms;
beforeEach(async () => {
  rooms = await Rooms.open();
});
afterEach(() => rooms.close());
afterAll(dropDatabaseOfSuite);

const CREATED = { intent: 'NEW', status: 'ACTIVE', startTime: null, endTime: null, previousAgreementId: null, offerId: null };
const after = (minutes: number): Date => new Date(NOON.getTime() + minutes * 60_000);

let ids = 0;
function message<T extends LifecycleEventType>(
  minutes: number,
  type: T,
  about: SpokenOf,
  details: LifecycleDetails[T],
  id?: string,
): ReceivedMessage {
  const event = { type, at: after(minutes), about, details } as unknown as LifecycleEvent;
  return { origin: 'eventBridge', messageId: id ?? `m-${(ids += 1)}`, via: 'test', body: '{}', content: { event } };
}

/** What License events and agreement events say of an agreement: the first name license and product, the second only agreement and buyer. */
const licenseOf = ({ productCode, licenseArn, accountId, agreementId }: Agreement): SpokenOf => ({
  ...{ productCode, agreementId, customerAwsAccountId: accountId },
  // The form in which events print it.
  licenseArn: licenseArn.replace(/^arn:/, '').replace('license-manager::', 'license-manager:us-east-1:').replace(':license:', ':'),
});
const agreementOf = ({ accountId, agreementId }: Agreement): SpokenOf => ({ agreementId, customerAwsAccountId: accountId });
const customerOf = ({ productCode, customerIdentifier }: Agreement): SpokenOf => ({
  productCode,
  customerIdentifier: customerIdentifier ?? '',
});

/** Messages arrive when they are sent, or later: business time never runs behind them. */
async function hear(...messages: ReceivedMessage[]): Promise<void> {
  const sentAt = messages.flatMap(({ content }) => ('event' in content ? [content.event.at.getTime()] : []));
  rooms.clock.set(new Date(Math.max(rooms.clock.now().getTime(), ...sentAt)));
  await rooms.inbox.receive(messages);
  await rooms.filing.run();
}

interface Row {
  id: string;
  state: string;
  tenant_id: string | null;
  license_arn: string | null;
  predecessor_id: string | null;
  life_changed: boolean;
}

const subscriptions = (): Promise<Row[]> =>
  rooms.query<Row>(
    `SELECT id, state, tenant_id, license_arn, predecessor_id, life_changed FROM marketplace.subscription
     WHERE seller_account = $1 AND merged_into IS NULL ORDER BY registered_at, id`,
    [rooms.options.sellerAccount],
  );

const states = async (): Promise<string[]> => (await subscriptions()).map(({ state }) => state);

const inbox = async (): Promise<Record<string, string>[]> =>
  await rooms.query<Record<string, string>>(
    `SELECT type, state, error FROM marketplace.inbox_message WHERE seller_account = $1 ORDER BY received_at, message_id`,
    [rooms.options.sellerAccount],
  );

const told = async (): Promise<string[]> =>
  (
    await rooms.query<{ type: string }>(`SELECT type FROM marketplace.outbox_event WHERE seller_account = $1 ORDER BY position`, [
      rooms.options.sellerAccount,
    ])
  )
    .map(({ type }) => type)
    .filter((type) => type.startsWith('subscription.'));

describe('an agreement by license', () => {
  it('is active when the license says so, whether the buyer or the message came first', async () => {
    const first = rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT });
    await rooms.arrive(first);
    expect(await states()).toEqual(['registered']);
    await hear(message(5, 'license.updated', licenseOf(first), { offerId: null }));
    expect(await states()).toEqual(['active']);
    expect(await told()).toEqual(['subscription.registered', 'subscription.activated']);

    const second = rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT, accountId: first.accountId });
    await hear(message(6, 'license.updated', licenseOf(second), { offerId: null }));
    const [, made] = await subscriptions();
    // Known, and not billable: an event's form of the license is never sent.
    expect(made).toMatchObject({ state: 'active', license_arn: null });
    await rooms.arrive(second);
    expect(await subscriptions()).toMatchObject([{ state: 'active' }, { id: made?.id, state: 'active', license_arn: second.licenseArn }]);
  });

  it('D36: remembers the end of an agreement that nobody knows yet, and lets it win over a late start', async () => {
    const agreement = rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT });
    await hear(message(30, 'agreement.ended', agreementOf(agreement), { status: 'CANCELLED', endTime: null }));
    expect(await inbox()).toMatchObject([{ type: 'agreement.ended', state: 'waiting' }]);
    await rooms.arrive(agreement);
    await hear(message(10, 'license.updated', licenseOf(agreement), { offerId: null }));
    await rooms.filing.run();
    expect(await states()).toEqual(['ending']);
    await hear(message(9, 'agreement.created', agreementOf(agreement), CREATED));
    expect(await states()).toEqual(['ending']);
    expect((await inbox()).every(({ state }) => state === 'applied')).toBe(true);
  });

  it('D37: the same message is entered once, however often and from whichever replica it comes', async () => {
    const agreement = rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT });
    await rooms.arrive(agreement);
    const other = await rooms.replica();
    const updated = message(5, 'license.updated', licenseOf(agreement), { offerId: null });
    const receptions = await Promise.all(Array.from({ length: 8 }, (_, index) => (index % 2 ? other : rooms).inbox.receive([updated])));
    expect(receptions.reduce((sum, { received }) => sum + received, 0)).toBe(1);
    await Promise.all([rooms.filing.run(), other.filing.run()]);
    expect(await told()).toEqual(['subscription.registered', 'subscription.activated']);
    await other.close();
  });

  it('whose buyer and messages come at the same moment, to several replicas, is one subscription', async () => {
    const replicas = [rooms, await rooms.replica(), await rooms.replica()];
    const agreements = Array.from({ length: 12 }, () => rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT }));
    await Promise.all(
      agreements.flatMap((agreement, index) => {
        const replica = replicas[index % replicas.length] ?? rooms;
        const messages = [
          message(0, 'license.updated', licenseOf(agreement), { offerId: null }),
          message(0, 'agreement.created', agreementOf(agreement), CREATED),
        ];
        return [
          replica.arrive(agreement),
          ...messages.map((one) => rooms.inbox.receive([one])),
          ...replicas.map((each) => each.filing.run()),
          rooms.arrive(agreement),
        ];
      }),
    );
    await rooms.filing.run();
    expect(await states()).toEqual(agreements.map(() => 'active'));
    expect((await inbox()).every(({ state }) => state === 'applied')).toBe(true);
    await Promise.all(replicas.slice(1).map((replica) => replica.close()));
  });

  it('is renewed into another license as a subscription of its own, linked, with the tenant', async () => {
    const old = rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT });
    await rooms.registration.claim(await rooms.arrive(old), { tenantId: 'tenant' });
    await hear(message(1, 'license.updated', licenseOf(old), { offerId: null }));
    const renewed = rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT, accountId: old.accountId });
    const renewal = { ...CREATED, intent: 'RENEW', previousAgreementId: old.agreementId };
    await hear(
      message(60, 'agreement.created', agreementOf(renewed), renewal),
      message(60, 'agreement.ended', agreementOf(old), { status: 'RENEWED', endTime: null }),
      message(61, 'license.updated', licenseOf(renewed), { offerId: null }),
    );
    await rooms.filing.run();
    const [before, now] = await subscriptions();
    expect(now).toMatchObject({ state: 'active', predecessor_id: before?.id, tenant_id: 'tenant' });
    expect(before).toMatchObject({ state: 'ending' });
    expect(await told()).toContain('subscription.succeeded');
  });

  it('is renewed with the same license as the same subscription, and does not end with its old agreement', async () => {
    const old = rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT });
    await rooms.arrive(old);
    await hear(message(1, 'license.updated', licenseOf(old), { offerId: null }));
    const renewed = { ...old, agreementId: 'agmt-renewed' };
    await hear(
      message(60, 'license.updated', licenseOf(renewed), { offerId: null }),
      message(60, 'agreement.created', agreementOf(renewed), { ...CREATED, intent: 'RENEW', previousAgreementId: old.agreementId }),
      message(60, 'agreement.ended', agreementOf(old), { status: 'RENEWED', endTime: null }),
    );
    expect(await states()).toEqual(['active']);
    await hear(message(120, 'license.deprovisioned', licenseOf(renewed), { offerId: null }));
    expect(await states()).toEqual(['ending']);
  });

  it('whose trial becomes another license under the same agreement is two subscriptions, the second the successor of none', async () => {
    const trial = rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT, freeTrial: true });
    await rooms.intake.receive({ token: rooms.simulator.registrationToken(trial), offerType: 'free-trial', fields: {} });
    await hear(message(1, 'license.updated', licenseOf(trial), { offerId: null }));
    expect(await states()).toEqual(['trial']);
    const paid = {
      ...rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT, accountId: trial.accountId }),
      agreementId: trial.agreementId,
    };
    await hear(
      message(60, 'license.updated', licenseOf(paid), { offerId: null }),
      message(60, 'license.deprovisioned', licenseOf(trial), { offerId: null }),
    );
    expect((await states()).sort()).toEqual(['active', 'ending']);
    await hear(message(90, 'agreement.ended', agreementOf(paid), { status: 'CANCELLED', endTime: null }));
    expect(await states()).toEqual(['ending', 'ending']);
  });

  it('starts on its day when it is dated ahead', async () => {
    const agreement = rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT });
    await rooms.arrive(agreement);
    await hear(message(1, 'entitlement.updated', licenseOf(agreement), {}));
    const startTime = after(24 * 60).toISOString();
    await hear(message(2, 'agreement.created', agreementOf(agreement), { ...CREATED, startTime }));
    expect(await states()).toEqual(['registered']);
    rooms.clock.advance(25 * HOUR_MS);
    await rooms.filing.run();
    expect(await states()).toEqual(['active']);
    const [row] = await rooms.query<{ starts_at: Date }>('SELECT starts_at FROM marketplace.subscription WHERE seller_account = $1', [
      rooms.options.sellerAccount,
    ]);
    expect(row?.starts_at).toEqual(new Date(after(24 * 60).getTime() + 1000));
  });
});

describe('a legacy customer', () => {
  it('who re-subscribes before the end goes on', async () => {
    const agreement = rooms.simulator.subscribe({ productCode: LEGACY_PRODUCT });
    await rooms.arrive(agreement);
    const about = customerOf(agreement);
    await hear(message(1, 'subscription.succeeded', about, { isFreeTrial: null, offerId: null }));
    await hear(message(60, 'subscription.unsubscribePending', about, { offerId: null }));
    expect(await states()).toEqual(['ending']);
    await hear(message(90, 'subscription.succeeded', about, { isFreeTrial: null, offerId: 'offer-2' }));
    expect(await subscriptions()).toMatchObject([{ state: 'active', life_changed: true }]);
    expect(await told()).toEqual(['subscription.registered', 'subscription.activated', 'subscription.ending', 'subscription.activated']);
  });

  it('who comes back after the end is a new subscription that succeeds the old one', async () => {
    const agreement = rooms.simulator.subscribe({ productCode: LEGACY_PRODUCT });
    await rooms.registration.claim(await rooms.arrive(agreement), { tenantId: 'tenant' });
    const about = customerOf(agreement);
    await hear(
      message(1, 'subscription.succeeded', about, { isFreeTrial: null, offerId: null }),
      message(60, 'subscription.unsubscribed', about, { offerId: null }),
    );
    await rooms.query(`UPDATE marketplace.subscription SET state = 'ended' WHERE seller_account = $1`, [rooms.options.sellerAccount]);
    // A late word of the old life wakes nobody.
    await hear(message(2, 'subscription.succeeded', about, { isFreeTrial: null, offerId: 'late' }));
    expect(await states()).toEqual(['ended']);
    await hear(message(500, 'subscription.succeeded', about, { isFreeTrial: null, offerId: 'new' }));
    const [old, successor] = await subscriptions();
    expect(old).toMatchObject({ state: 'ended' });
    expect(successor).toMatchObject({ state: 'active', predecessor_id: old?.id, tenant_id: 'tenant' });
    // A registration finds the one that lives.
    await rooms.arrive(agreement);
    expect(await subscriptions()).toHaveLength(2);
  });

  it('who registers anew after the end is a new subscription, once for each token', async () => {
    const agreement = rooms.simulator.subscribe({ productCode: LEGACY_PRODUCT });
    await rooms.arrive(agreement);
    const [row] = await subscriptions();
    await rooms.subscriptions.end(row?.id ?? '');
    await rooms.query(`UPDATE marketplace.subscription SET state = 'ended' WHERE seller_account = $1`, [rooms.options.sellerAccount]);
    await rooms.arrive(agreement);
    await rooms.arrive(agreement);
    expect(await states()).toEqual(['ended', 'registered']);
  });

  it('is found by agreement events, which name no product code, where the options name the listing (productId)', async () => {
    const agreement = rooms.simulator.subscribe({ productCode: LEGACY_PRODUCT });
    await rooms.arrive(agreement);
    const named = await rooms.replica({
      products: [{ productCode: LEGACY_PRODUCT, productId: 'prod-legacy', dimensions: ['requests'], identity: 'legacy' }],
    });
    await rooms.inbox.receive([message(1, 'agreement.created', { ...agreementOf(agreement), productId: 'prod-legacy' }, CREATED)]);
    await named.filing.run();
    expect(await states()).toEqual(['active']);
    await named.close();
  });

  it('whose purchase failed has failed, until one succeeds', async () => {
    const agreement = rooms.simulator.subscribe({ productCode: LEGACY_PRODUCT });
    await rooms.arrive(agreement);
    await hear(message(1, 'subscription.failed', customerOf(agreement), { offerId: null }));
    expect(await states()).toEqual(['failed']);
    await hear(message(9, 'subscription.succeeded', customerOf(agreement), { isFreeTrial: null, offerId: null }));
    expect(await states()).toEqual(['active']);
  });
});

describe('what cannot be filed', () => {
  it('of a product that is not listed is kept and ignored', async () => {
    await hear(
      message(
        1,
        'license.updated',
        { productCode: 'not-listed-here', licenseArn: 'arn:aws:license-manager::111122223333:license:l-1' },
        { offerId: null },
      ),
    );
    expect(await inbox()).toMatchObject([{ state: 'ignored', error: expect.stringContaining('not-listed-here') }]);
    expect(await subscriptions()).toEqual([]);
  });

  it('contradicts the ledger is tried again, then parked with an alert, and holds up nothing else', async () => {
    const impatient = await rooms.replica({ notifications: { parkAfterAttempts: 1 } });
    const agreement = rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT });
    await rooms.arrive(agreement);
    const stranger = { ...licenseOf(agreement), customerAwsAccountId: '999999999999' };
    await rooms.inbox.receive([
      message(1, 'license.updated', stranger, { offerId: null }, 'a-bad'),
      message(2, 'license.updated', licenseOf(agreement), { offerId: null }, 'b-good'),
    ]);
    await impatient.filing.run();
    expect(await inbox()).toMatchObject([
      { state: 'parked', error: expect.stringContaining('another product, license or buyer') },
      { state: 'applied' },
    ]);
    expect(await states()).toEqual(['active']);
    const alerts = await rooms.query(`SELECT kind FROM marketplace.alert WHERE seller_account = $1`, [rooms.options.sellerAccount]);
    expect(alerts).toEqual([{ kind: 'messageParked' }]);
    await impatient.close();
  });
});

describe('whatever the order, the repeats and the losses', () => {
  it('D36: a life by license, told in any order around the registration, comes out as it was told in order', async () => {
    const steps = ['registration', 'created', 'updated', 'amended', 'ended', 'deprovisioned'] as const;
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray([...steps], { minLength: steps.length, maxLength: steps.length }),
        fc.subarray(['created', 'updated', 'ended', 'deprovisioned'] as const),
        async (order, twice) => {
          const agreement = rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT });
          const messages: Partial<Record<(typeof steps)[number], ReceivedMessage>> = {
            created: message(0, 'agreement.created', agreementOf(agreement), CREATED),
            updated: message(1, 'license.updated', licenseOf(agreement), { offerId: null }),
            amended: message(30, 'agreement.amended', agreementOf(agreement), {
              intent: 'AMEND',
              status: 'ACTIVE',
              endTime: null,
              offerId: null,
            }),
            ended: message(60, 'agreement.ended', agreementOf(agreement), { status: 'CANCELLED', endTime: null }),
            deprovisioned: message(62, 'license.deprovisioned', licenseOf(agreement), { offerId: null }),
          };
          for (const step of [...order, ...twice]) {
            const said = messages[step];
            if (said) await hear(said);
            else await rooms.arrive(agreement);
          }
          await rooms.filing.run();
          const [row] = await rooms.query<Record<string, unknown>>(
            `SELECT state, starts_at, ends_at, first_end_sign_at FROM marketplace.subscription WHERE seller_account = $1 AND license_arn = $2`,
            [rooms.options.sellerAccount, agreement.licenseArn],
          );
          expect(row).toEqual({
            state: 'ending',
            starts_at: new Date(after(0).getTime() + 1000),
            ends_at: after(60),
            first_end_sign_at: after(60),
          });
        },
      ),
      { numRuns: 15 },
    );
  });

  it('whatever of a life is lost, its last word decides', async () => {
    const lossy = fc.subarray(['created', 'updated', 'ended', 'deprovisioned'] as const, { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(lossy, async (heard) => {
        const agreement = rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT });
        await rooms.arrive(agreement);
        // The license event that names both is what joins agreement and license; without it agreement events wait, and say so.
        await hear(message(0, 'entitlement.updated', licenseOf(agreement), {}));
        const all = {
          created: message(0, 'agreement.created', agreementOf(agreement), CREATED),
          updated: message(1, 'license.updated', licenseOf(agreement), { offerId: null }),
          ended: message(60, 'agreement.ended', agreementOf(agreement), { status: 'EXPIRED', endTime: null }),
          deprovisioned: message(62, 'license.deprovisioned', licenseOf(agreement), { offerId: null }),
        };
        await hear(...heard.map((name) => all[name]));
        const [row] = await rooms.query<{ state: string }>(
          `SELECT state FROM marketplace.subscription WHERE seller_account = $1 AND license_arn = $2`,
          [rooms.options.sellerAccount, agreement.licenseArn],
        );
        const hasEnd = heard.some((name) => name === 'ended' || name === 'deprovisioned');
        expect(row?.state).toBe(hasEnd ? 'ending' : 'active');
      }),
      { numRuns: 10 },
    );
  });
});
