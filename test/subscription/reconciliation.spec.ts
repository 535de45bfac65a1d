import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Agreement } from 'aws-marketplace-simulator';
import { licenseIdOf } from '../../src/subscription/chain/subscription-aliases.js';
import { dropDatabaseOfSuite, HOUR_MS, LEGACY_PRODUCT, LICENSE_PRODUCT, Rooms } from './rooms.js';

/** A secret makes the module follow the lifecycle; nothing is sent here. */
const FOLLOWED = { notifications: { eventBridgeSecrets: ['a-secret-of-twenty-four-or-more'] }, reconcileAfterMs: 24 * HOUR_MS };

let rooms: Rooms;
beforeEach(async () => {
  rooms = await Rooms.open(FOLLOWED);
});
afterEach(() => rooms.close());
afterAll(dropDatabaseOfSuite);

async function arrived(productCode = LICENSE_PRODUCT): Promise<{ id: string; agreement: Agreement }> {
  const agreement = rooms.simulator.subscribe({ productCode });
  const { subscriptionId } = await rooms.registration.inspect(await rooms.arrive(agreement));
  return { id: subscriptionId, agreement };
}

async function reconcile(): Promise<void> {
  await rooms.reconciliation.run();
  await rooms.filing.run();
}

const stateOf = async (id: string): Promise<string | undefined> => (await rooms.subscriptions.get(id))?.state;
const searches = (): number => rooms.simulator.calls({ operation: 'SearchAgreements' }).length;
const openAlerts = async (): Promise<string[]> =>
  (
    await rooms.query<{ kind: string }>(
      `SELECT kind FROM marketplace.alert WHERE seller_account = $1 AND resolved_at IS NULL ORDER BY kind`,
      [rooms.options.sellerAccount],
    )
  ).map(({ kind }) => kind);

describe('reconciliation', () => {
  it('finds out that a subscription of which nothing was heard is active, and leaves the others in peace', async () => {
    const { id, agreement } = await arrived();
    await reconcile();
    expect(searches()).toBe(0);
    rooms.clock.advance(2 * HOUR_MS);
    await reconcile();
    expect(await stateOf(id)).toBe('active');
    const [row] = await rooms.query<{ starts_at: Date }>(`SELECT starts_at FROM marketplace.subscription WHERE id = $1`, [id]);
    expect(row?.starts_at).toEqual(new Date(agreement.startsAt.getTime() + 1000));
    const before = searches();
    await reconcile();
    rooms.clock.advance(2 * HOUR_MS);
    await reconcile();
    expect(searches()).toBe(before);
  });

  it('learns the name of the agreement, and applies what waited for it', async () => {
    const { id, agreement } = await arrived();
    const about = { agreementId: agreement.agreementId, customerAwsAccountId: agreement.accountId };
    const at = new Date(rooms.clock.now().getTime() + 3 * HOUR_MS);
    const event = { type: 'agreement.ended' as const, at, about, details: { status: 'CANCELLED', endTime: null } };
    await rooms.inbox.receive([{ origin: 'eventBridge', messageId: 'ended', via: 'test', body: '{}', content: { event } }]);
    await rooms.filing.run();
    expect(await stateOf(id)).toBe('registered');
    rooms.clock.advance(2 * HOUR_MS);
    await reconcile();
    await rooms.filing.run();
    expect(await stateOf(id)).toBe('ending');
  });

  it('repairs an end whose message was lost, and tells of it', async () => {
    const { id, agreement } = await arrived();
    rooms.clock.advance(2 * HOUR_MS);
    await reconcile();
    rooms.clock.advance(HOUR_MS);
    rooms.simulator.cancel(agreement);
    rooms.clock.advance(26 * HOUR_MS);
    await reconcile();
    expect(await stateOf(id)).toBe('ending');
    const events = await rooms.query<{ type: string }>(
      `SELECT type FROM marketplace.outbox_event WHERE subscription_id = $1 ORDER BY position`,
      [id],
    );
    expect(events.map(({ type }) => type)).toEqual(expect.arrayContaining(['subscription.repaired', 'subscription.ending']));
  });

  it('asks GetEntitlements where the Agreement API is not permitted: a contract shows that it is active, a usage listing shows nothing', async () => {
    rooms.simulator.faults.add({ operation: 'SearchAgreements', kind: 'accessDenied' });
    const contract = await arrived();
    rooms.simulator.setEntitlements(contract.agreement, [{ dimension: 'seats', value: 3 }]);
    const usage = await arrived();
    rooms.clock.advance(2 * HOUR_MS);
    await reconcile();
    expect(await stateOf(contract.id)).toBe('active');
    expect(await stateOf(usage.id)).toBe('registered');
    // The refusal is remembered: one question, not one for each subscription.
    expect(searches()).toBe(1);
    expect(await openAlerts()).toEqual([]);
  });

  it('reports a subscription that AWS knows nothing of, until it does', async () => {
    const { id } = await arrived();
    await rooms.query(
      `UPDATE marketplace.subscription SET license_arn = 'arn:aws:license-manager::111122223333:license:l-none' WHERE id = $1`,
      [id],
    );
    rooms.clock.advance(2 * HOUR_MS);
    await reconcile();
    expect(await openAlerts()).toEqual(['contradiction']);
    expect(await stateOf(id)).toBe('registered');
  });

  it('reports that AWS calls an agreement active and refuses its usage', async () => {
    const { id, agreement } = await arrived();
    rooms.clock.advance(2 * HOUR_MS);
    await reconcile();
    await rooms.alerts.raise(rooms.database, { kind: 'notSubscribed', subject: id, severity: 'critical', message: 'refused' });
    rooms.clock.advance(2 * HOUR_MS);
    await reconcile();
    expect(await openAlerts()).toEqual(['contradiction', 'notSubscribed']);
    await rooms.alerts.resolve(rooms.database, 'notSubscribed', id);
    rooms.clock.advance(30 * HOUR_MS);
    await reconcile();
    expect(await openAlerts()).toEqual([]);
    expect(agreement.suspended).toBe(false);
  });

  it('gives a renewal that no buyer has registered the license in the form that the API takes', async () => {
    const { id, agreement } = await arrived();
    const renewed = rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT, accountId: agreement.accountId });
    const about = {
      ...{ productCode: LICENSE_PRODUCT, agreementId: renewed.agreementId, customerAwsAccountId: renewed.accountId },
      licenseArn: `aws:license-manager:us-east-1:111122223333:${licenseIdOf(renewed.licenseArn)}`,
    };
    const event = { type: 'license.updated' as const, at: rooms.clock.now(), about, details: { offerId: null } };
    await rooms.inbox.receive([{ origin: 'eventBridge', messageId: 'renewed', via: 'test', body: '{}', content: { event } }]);
    await rooms.filing.run();
    rooms.clock.advance(2 * HOUR_MS);
    await reconcile();
    const rows = await rooms.query<{ license_arn: string }>(
      `SELECT license_arn FROM marketplace.subscription WHERE seller_account = $1 AND id <> $2`,
      [rooms.options.sellerAccount, id],
    );
    expect(rows).toEqual([{ license_arn: renewed.licenseArn }]);
  });

  it('links a renewal whose message was lost to the subscription before it, by the chain that AWS keeps', async () => {
    rooms.simulator.setSwitches({ renewalLicense: 'newLicense' });
    const { id, agreement } = await arrived();
    rooms.clock.advance(2 * HOUR_MS);
    await reconcile();
    const renewed = rooms.simulator.renew(agreement);
    const { subscriptionId } = await rooms.registration.inspect(await rooms.arrive(renewed));
    rooms.clock.advance(2 * HOUR_MS);
    await reconcile();
    await rooms.filing.run();
    const rows = await rooms.query(`SELECT id, state, predecessor_id FROM marketplace.subscription WHERE seller_account = $1 ORDER BY id`, [
      rooms.options.sellerAccount,
    ]);
    expect(rows).toMatchObject([
      { id, state: 'ending' },
      { id: subscriptionId, state: 'active', predecessor_id: id },
    ]);
  });

  it('tells of messages that wait for a buyer who never came, until one comes', async () => {
    const agreement = rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT });
    const about = { agreementId: agreement.agreementId };
    const event = {
      type: 'agreement.amended' as const,
      at: rooms.clock.now(),
      about,
      details: { intent: null, status: null, endTime: null, offerId: null },
    };
    await rooms.inbox.receive([{ origin: 'eventBridge', messageId: 'early', via: 'test', body: '{}', content: { event } }]);
    await rooms.filing.run();
    rooms.clock.advance(2 * HOUR_MS);
    await reconcile();
    expect(await openAlerts()).toEqual(['contradiction']);
    await rooms.arrive(agreement);
    rooms.clock.advance(2 * HOUR_MS);
    await reconcile();
    await rooms.reconciliation.run();
    expect(await openAlerts()).toEqual([]);
  });

  it('does nothing where the application follows no lifecycle', async () => {
    const plain = await rooms.replica();
    await arrived(LEGACY_PRODUCT);
    rooms.clock.advance(30 * HOUR_MS);
    await plain.reconciliation.run();
    expect(searches()).toBe(0);
    await plain.close();
  });
});
