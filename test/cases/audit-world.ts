import { BatchMeterUsageCommand, MarketplaceMeteringClient } from '@aws-sdk/client-marketplace-metering';
import { expect } from '@jest/globals';
import { MarketplaceAudit } from '../../src/index.js';
import { lockRecords } from '../../src/metering/settlement/metering-record.sql.js';
import { RecordTransitions } from '../../src/metering/settlement/record-transition.js';
import { type Buyer } from '../support/buyer.js';
import { expectTablesConserved } from '../support/conservation.js';
import { SELLER } from '../support/market.js';
import { testCredentials } from '../support/replica-options.js';
import { PRODUCT_CODE, type World, type WorldOptions } from '../support/world.js';
import { at } from './routes.js';

const AUDITED: WorldOptions = {
  ways: ['eventBridge'],
  lists: [PRODUCT_CODE],
  options: { audit: { lookupEvents: 'saas' }, aws: { callsPerSecond: { lookupEvents: 1000 } } },
};

export function audited(over: WorldOptions = {}): WorldOptions {
  const options = { ...AUDITED.options, ...over.options };
  return { ...AUDITED, ...over, options };
}

export const auditOf = (world: World): MarketplaceAudit => world.app.get(MarketplaceAudit);

/** Another system of the same seller, which knows nothing of the ledger. */
export async function otherSystem(
  world: World,
  usage: { licenseArn?: string | undefined; accountId: string; hour: string; quantity: number; dimension?: string },
  region = 'us-east-1',
  productCode?: string,
): Promise<string | undefined> {
  const client = new MarketplaceMeteringClient({
    ...{ region, endpoint: world.simulator.url, credentials: testCredentials, maxAttempts: 1 },
  });
  const { licenseArn, accountId, hour, quantity, dimension = 'requests' } = usage;
  const answer = await client.send(
    new BatchMeterUsageCommand({
      ...(productCode === undefined ? {} : { ProductCode: productCode }),
      UsageRecords: [
        {
          ...{ Timestamp: at(hour), Dimension: dimension, Quantity: quantity, CustomerAWSAccountId: accountId },
          ...(licenseArn === undefined ? {} : { LicenseArn: licenseArn }),
        },
      ],
    }),
  );
  client.destroy();
  const [result] = answer.Results ?? [];
  expect(result?.Status).toBe('Success');
  return result?.MeteringRecordId;
}

export interface AttemptRow {
  evidence: string;
  decided_by: string | null;
  metering_record_id: string | null;
  detail: { cloudTrail?: { eventId: string; requestId: string; matchedBy: string } } | null;
}

export const attemptsOf = (world: World, recordId: string): Promise<AttemptRow[]> =>
  world.database.query<AttemptRow>(
    `SELECT e.evidence, e.decided_by, e.metering_record_id, e.detail FROM marketplace.attempt_record e
     JOIN marketplace.attempt a ON a.id = e.attempt_id WHERE e.record_id = $1 ORDER BY a.position`,
    [recordId],
  );

export interface RecordRow {
  id: string;
  state: string;
  reason: string | null;
  disposition: string | null;
  quantity: string;
  settled_quantity: string | null;
  metering_record_id: string | null;
  closed_by: string | null;
}

/** Usage whose call AWS takes, and whose answer is lost; until its cutoff AWS cannot be reached any more. */
export async function loseTheAnswer(world: World, quantity = 5): Promise<Buyer> {
  const buyer = await world.join('acme');
  await world.goTo('2026-11-11T10:20:00Z');
  await buyer.use(quantity);
  await world.goTo('2026-11-11T11:12:00Z');
  expect(world.simulator.bill()).toHaveLength(1);
  return buyer;
}

/** As its cutoff does: trying is over. */
export async function giveUp(world: World): Promise<void> {
  const to = { state: 'unknown', reason: 'expired', message: 'Its time is over.' } as const;
  await world.database.transaction(async (tx) => {
    const ids = (await world.records<RecordRow>(`state = 'pending'`)).map(({ id }) => id);
    const records = await lockRecords(tx, SELLER, ids);
    const transitions = records.map((record) => ({ record, to }));
    await world.app.get(RecordTransitions).apply(tx, transitions, world.now());
  });
  expect((await world.records<RecordRow>(`state = 'unknown'`)).length).toBeGreaterThan(0);
}

/** Invariant I1 where another system has billed what the ledger knows nothing of. */
export async function expectLedgerConserved(world: World): Promise<void> {
  expect((await world.metering.balance()).filter(({ conserved }) => !conserved)).toEqual([]);
  await expectTablesConserved(world.database);
}

export const lookups = (world: World) => world.simulator.calls({ operation: 'LookupEvents' });
