import { HOUR_MS, hourOf, plusMs } from '../../src/runtime/clock.js';
import { type Buyer } from '../support/buyer.js';
import { type World } from '../support/world.js';

/** A usage record as it went over the wire. */
export interface SentRecord {
  LicenseArn: string;
  Dimension: string;
  /** Epoch seconds. */
  Timestamp: number;
  Quantity: number;
}

/** Everything that was ever sent to AWS of one buyer's agreement, repetitions included, in order. */
export function sentOf({ world, agreement: { licenseArn } }: Buyer): SentRecord[] {
  return world.simulator
    .calls({ operation: 'BatchMeterUsage' })
    .flatMap((call) => (call.request as { UsageRecords: SentRecord[] }).UsageRecords)
    .filter((record) => record.LicenseArn === licenseArn);
}

/** AWS's bill of one buyer's agreement: `<dimension> <hour>` to units. */
export function billOf({ world, agreement: { licenseArn } }: Buyer): Record<string, number> {
  return Object.fromEntries(
    world.simulator.bill({ licenseArn }).map((line) => [`${line.dimension} ${line.hour}`, line.quantity]),
  );
}

export function recordsOf<Row = Record<string, unknown>>(
  { world, subscriptionId }: Buyer,
  where = 'true',
): Promise<Row[]> {
  return world.records<Row>(`subscription_id = '${subscriptionId}' AND ${where}`);
}

let tenants = 0;

/** A new buyer, and business time at the start of the next hour, so that each test says which hour it speaks of. */
export async function buyerInNewHour(world: World): Promise<{ buyer: Buyer; hour: Date }> {
  tenants += 1;
  const buyer = await world.join(`tenant-${tenants}`);
  return { buyer, hour: nextHour(world) };
}

export function nextHour(world: World): Date {
  const hour = plusMs(hourOf(world.now()), HOUR_MS);
  world.clock.set(hour);
  return hour;
}

export function advance(world: World, hours: number): void {
  world.clock.advance(Math.round(hours * HOUR_MS));
}
