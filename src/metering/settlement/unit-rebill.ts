import { Inject, Injectable } from '@nestjs/common';
import { type LedgerSql } from '../../database/ledger-database.js';
import { MarketplaceMeteringError } from '../../errors/marketplace-metering-error.js';
import { billedDimensionsOf } from '../../options/included-pairing.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { plusMs } from '../../runtime/clock.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { insertSubjects } from '../../subscription/chain/subject.sql.js';
import { isOtherUnit } from '../../subscription/dimension-unit.js';
import { eventIdOf } from '../recording/event-id.js';
import { type LockedRecord } from './metering-record.sql.js';
import { RecordTransitions } from './record-transition.js';
import { requirePast } from './resolution-refusal.js';
import { insertRebilledUsage, selectSold, selectSubscription, selectUnits } from './unit-rebill.sql.js';

/** Who is to pay for rebilled units, and when they count as used. */
export interface RebillTarget {
  subscriptionId: string;
  occurredAt: Date;
}

/**
 * Bills the units of a record anew: the record is void, and its units one new usage event with a key of its own and a
 * reason, in one transaction. Balances of its period stay as they are; the event is priced by the agreement of its own
 * instant.
 */
@Injectable()
export class UnitRebill {
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly transitions: RecordTransitions,
  ) {}

  /**
   * @param record locked, known not to be billed, with a quantity above zero
   * @returns the id of the new event
   */
  async rebill(
    tx: LedgerSql,
    record: LockedRecord,
    target: RebillTarget,
    signed: { by: string; reason: string },
  ): Promise<string> {
    const { sellerAccount, clock, recording } = this.options;
    requirePast(target.occurredAt, plusMs(clock.now(), recording.futureSkewMs));
    const subscription = await selectSubscription(tx, sellerAccount, target.subscriptionId);
    if (subscription?.product_code !== record.product_code) {
      throw new MarketplaceMeteringError(
        'TRANSITION_REFUSED',
        `subscriptionId: ${target.subscriptionId} is no subscription of product ${record.product_code}; name one ` +
          'that is to pay for these units.',
      );
    }
    await this.requireSameUnits(tx, record);
    const key = `rebill:${record.id}`;
    const id = eventIdOf({ sellerAccount, scope: { kind: 'subscription', name: subscription.id }, key });
    const reason = `rebilled by ${signed.by} from record ${record.id}: ${signed.reason}`;
    const message = `Rebilled as event ${id} of subscription ${subscription.id}: ${signed.reason}`;
    await this.transitions.apply(
      tx,
      [
        {
          record,
          to: { state: 'closed', disposition: 'void', reason: 'rebilled', message, by: signed.by, isExpired: false },
        },
      ],
      clock.now(),
    );
    const { product_code: productCode, customer_id: customerId } = subscription;
    await insertSubjects(tx, sellerAccount, [
      { productCode, customerId, tenantId: null, subscriptionId: subscription.id },
    ]);
    const { dimension } = record;
    const quantity = await selectUnits(tx, sellerAccount, record.id);
    const usage = {
      id,
      key,
      productCode,
      subscriptionId: subscription.id,
      dimension,
      quantity,
      occurredAt: target.occurredAt,
      reason,
    };
    await insertRebilledUsage(tx, sellerAccount, usage);
    return id;
  }

  /** What was used is counted otherwise now: each unit of it would be billed as one of another kind. */
  private async requireSameUnits(tx: LedgerSql, record: LockedRecord): Promise<void> {
    const { sellerAccount, products } = this.options;
    const { product_code: productCode, dimension } = record;
    const product = products.find((listed) => listed.productCode === productCode);
    const sold = await selectSold(tx, sellerAccount, record);
    const isBilled = product && billedDimensionsOf(product).includes(dimension);
    if (isBilled ? !isOtherUnit(sold, product.includedUnits) : sold.block === 1) return;
    const { block, covers } = sold;
    const of = block === 1 ? 'are of that dimension itself' : `of which ${block} are one of dimension ${dimension}`;
    throw new MarketplaceMeteringError(
      'TRANSITION_REFUSED',
      `Record ${record.id} counts units ${of}, and the options do not say so any more: each would be billed as one of ` +
        `another kind. Name ${dimension} in includedUnits[].excessDimension of product ${productCode} as before` +
        `${covers === null ? '' : ` (for ${covers.join(', ')})`}, or record what is to be billed as usage of another ` +
        'dimension and write this one off.',
    );
  }
}
