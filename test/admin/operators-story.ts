import { expect } from '@jest/globals';
import { Injectable, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { AlertBoard } from '../../src/events/alert-board.js';
import {
  EventDeliveries,
  MarketplaceMeteringModule,
  OnMarketplaceEvent,
  RegistrationService,
} from '../../src/index.js';
import { agreementEvent, eventBridgeEvent, type Json, licenseEvent } from '../notifications/messages.js';
import { type Buyer } from '../support/buyer.js';
import { replicaOptions } from '../support/replica-options.js';
import { DIMENSIONS, LEGACY_CODE, PRODUCT_CODE, SECRET, World } from '../support/world.js';

export const TOKEN = 'operators-only-0123456789abcdef';
/** What must never be shown: an account id, here in whatever a host may put it. */
export const ACCOUNT = '210987654321';
export const ORDER_KEY = `order-${ACCOUNT}-1795392000000`;
export const REHEARSAL = 'rehearsal';
const STRANGER = 'other-seller';

/** A handler that works, and two that do not. */
@Injectable()
class Handlers {
  @OnMarketplaceEvent('subscription.claimed', { id: 'mail' })
  mail(): void {
    return;
  }

  @OnMarketplaceEvent('subscription.activated', { id: `page-${ACCOUNT}` })
  page(): never {
    throw new Error(`account ${ACCOUNT} is not known`);
  }

  @OnMarketplaceEvent('subscription.converted', { id: 'provisioning' })
  provision(): never {
    throw new Error('no room');
  }
}

/**
 * A day and a half of a seller, with something in every state that operators are shown, and another seller in the same
 * database.
 */
export class OperatorsStory {
  private constructor(
    readonly world: World,
    readonly apps: Record<'Express' | 'Fastify', INestApplication>,
    readonly buyers: Record<'alpha' | 'beta' | 'rehearsing' | 'trying' | 'folded' | 'gone', Buyer>,
    /** Event ids. */
    readonly events: Record<'first' | 'late' | 'running' | 'stranger', string>,
    readonly stranger: { subscriptionId: string },
    /** The id that was folded into that of `buyers.folded`. */
    readonly newcomerId: string,
  ) {}

  static async play(): Promise<OperatorsStory> {
    const world = await World.start({
      startAt: new Date('2026-11-11T10:00:00Z'),
      parts: { providers: [Handlers] },
      options: {
        adminToken: TOKEN,
        products: [
          { productCode: PRODUCT_CODE, dimensions: DIMENSIONS, zeroRecords: 'off' },
          { productCode: LEGACY_CODE, dimensions: DIMENSIONS, zeroRecords: 'off', identity: 'legacy' },
          { productCode: REHEARSAL, dimensions: DIMENSIONS, zeroRecords: 'off', mode: 'dry-run' },
        ],
        handlers: { deadLetterAfterAttempts: 1 },
      },
    });
    try {
      return await OperatorsStory.in(world);
    } catch (error) {
      await world.stop();
      throw error;
    }
  }

  private static async in(world: World): Promise<OperatorsStory> {
    const { simulator } = world;
    for (const productCode of [REHEARSAL, 'unlisted']) simulator.createProduct({ productCode, dimensions: DIMENSIONS });
    const other = await world.addReplica({ sellerAccount: STRANGER });
    const stranger = await arriveAt(world, other);

    const alpha = await world.join('tenant-a');
    const beta = await world.join(ACCOUNT, { productCode: LEGACY_CODE });
    const rehearsing = await world.join('tenant-r', { productCode: REHEARSAL });
    const gone = await world.join('tenant-g');
    await world.goTo('2026-11-11T10:05:00Z');
    const { eventId: first } = await alpha.use('7.5', {
      idempotencyKey: ORDER_KEY,
      tags: { AccountId: ACCOUNT, user: 'ada' },
    });
    await beta.use(4);
    await rehearsing.use(2);
    await gone.use(10);
    const [strange] = await world.recordAll([{ subscriptionId: stranger.subscriptionId, quantity: 1000 }], {}, other);
    await world.pass(1.5);

    // 11:35. Late usage of an hour that is sealed; a dimension that AWS does not take; a correction beyond what there
    // is, and an end.
    const { eventId: late } = await alpha.use('0.210987654321', { occurredAt: new Date('2026-11-11T10:30:00Z') });
    await alpha.use('2.5');
    const refused = {
      kind: 'unknownError',
      name: 'InvalidUsageDimensionException',
      operation: 'BatchMeterUsage',
    } as const;
    simulator.faults.add({ ...refused, when: { dimension: 'storage' } });
    await alpha.use('1.25', { dimension: 'storage' });
    await gone.use(-30, { reason: `credit for ${ACCOUNT}` });
    await world.pass(1);
    gone.cancel();
    await world.pass(2);
    await gone.use(50);

    // A replaced agreement, of which the buyer tells before AWS does: what arrives as a newcomer turns out to be the
    // same subscription.
    const trying = await world.join('tenant-t', { freeTrial: true });
    const folded = await world.join('tenant-f');
    await folded.use(3);
    const before = folded.subscriptionId;
    await world.goTo('2026-11-11T14:45:00Z');
    world.mailbox.hold();
    folded.replace();
    await folded.arrive();
    const newcomer = folded.subscriptionId;
    await world.record({ subscriptionId: newcomer, quantity: 4 });
    await world.mailbox.release();
    await world.hear();
    folded.subscriptionId = before;
    // More of what AWS does not take, so that something is left to be tried when the first of it expires.
    await world.pass(15, 3);
    await alpha.use(2, { dimension: 'storage' });
    await world.pass(15, 3);

    // 2026-11-12T20:35. What is under way at the moment that the operators look.
    simulator.suspend(beta.agreement);
    await beta.use(6);
    await alpha.use(5);
    const second = await world.join('tenant-t', { accountId: trying.accountId });
    expect(second.subscriptionId).not.toBe(trying.subscriptionId);
    await trying.use(11);
    await world.pass(1);
    simulator.faults.add({ kind: 'throttle', operation: 'BatchMeterUsage' });
    await alpha.use(8);
    await world.pass(1);
    const { eventId: running } = await alpha.use('0.25');

    await tell(world, eventBridgeEvent('EC2 Instance State-change Notification', {}, { source: 'aws.ec2' }));
    await tell(world, agreementEvent('Purchase Agreement Created - Manufacturer', { status: ACCOUNT }));
    await tell(world, eventBridgeEvent(`Purchase Agreement Created of ${ACCOUNT}`, {}, { resources: [] }));
    await world.run('inbox', 'deliver');
    await tell(world, licenseEvent('License Updated - Manufacturer'));
    await decide(world);
    const fastify = await NestFactory.create(
      MarketplaceMeteringModule.forRoot({
        ...replicaOptions({ databaseUrl: world.postgres.url, awsEndpoint: simulator.url, clock: world.clock }),
        ...{ sellerAccount: '123456789012', adminToken: TOKEN, products: world.products() },
      }),
      new FastifyAdapter(),
      { logger: false, abortOnError: false },
    );
    await fastify.listen(0, '127.0.0.1');
    world.apps.push(fastify);
    return new OperatorsStory(
      world,
      { Express: world.app, Fastify: fastify },
      { alpha, beta, rehearsing, trying, folded, gone },
      { first, late, running, stranger: strange!.eventId },
      stranger,
      newcomer,
    );
  }
}

/** A buyer of the other seller. */
async function arriveAt(world: World, app: INestApplication): Promise<{ subscriptionId: string }> {
  const agreement = world.purchase({ productCode: PRODUCT_CODE });
  const response = await world.post(world.simulator.registrationForm(agreement), await app.getUrl());
  const code = new URL(response.headers.get('location') ?? '').searchParams.get('registrationCode') ?? '';
  return app.get(RegistrationService).inspect(code);
}

/** AWS says something that the simulator does not. */
async function tell(world: World, event: Json): Promise<void> {
  const response = await fetch(`${await world.app.getUrl()}/marketplace/notifications`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-marketplace-secret': SECRET },
    body: JSON.stringify(event),
  });
  expect(response.status).toBe(200);
}

/** What a person decides: a delivery is skipped, an alert is over. */
async function decide(world: World): Promise<void> {
  const deliveries = world.app.get(EventDeliveries);
  const [failed] = await deliveries.list({ state: 'deadLettered' });
  await deliveries.skip(failed!.id, { by: 'ada', reason: `done by hand for ${ACCOUNT}` });
  const alert = {
    kind: 'setupError',
    subject: 'us-east-1',
    severity: 'critical',
    message: `account ${ACCOUNT} needs a look`,
  } as const;
  const board = world.app.get(AlertBoard);
  await board.raise(world.database, { ...alert, details: { account: ACCOUNT, quantity: '0.210987654321' } });
  await board.resolve(world.database, alert.kind, alert.subject);
}
