import { uuidv7 } from 'uuidv7';
import { NOON, type Rooms } from './rooms.js';

/** A metering record as the sealer would write it, so that a subscription has sealed. */
export async function sealRecord(rooms: Rooms, subscriptionId: string, hour = NOON): Promise<void> {
  await rooms.query(
    `INSERT INTO marketplace.metering_record (seller_account, id, kind, subscription_id, product_code, dimension, hour, "timestamp", quantity,
       event_sum, event_count, carry_in, carry_out, operation, region, mode, identity, customer_aws_account_id, sealed_at, state, due_at, cutoff_at)
     SELECT seller_account, $2, 'hour', id, product_code, 'requests', $3, $3, 1, 1, 1, 0, 0, 'BatchMeterUsage', 'us-east-1', 'live', 'legacy',
       '012345678901', $3, 'pending', $3, $3
     FROM marketplace.subscription WHERE id = $1`,
    [subscriptionId, uuidv7(), hour.toISOString()],
  );
}
