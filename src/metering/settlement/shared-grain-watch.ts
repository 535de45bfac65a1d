import { Inject, Injectable } from '@nestjs/common';
import { LedgerDatabase } from '../../database/ledger-database.js';
import { type Alert, AlertBoard } from '../../events/alert-board.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { HOUR_MS, plusMs } from '../../runtime/clock.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { selectSharedGrains, type SharedGrain } from './shared-grain.sql.js';

const KIND = 'sharedGrain';
/** A bill of AWS is of a month: what lies further back is in one that was sent. */
const LOOK_BACK_MS = 31 * 24 * HOUR_MS;
const NAMED_MAX = 5;

/**
 * A legacy buyer was metered under two names before AWS told that they are one. Whether AWS billed both records of an
 * hour or one, its answers do not tell (`Success` answers an identical resend, too), so neither is annulled: a person
 * is told.
 */
@Injectable()
export class SharedGrainWatch {
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly alerts: AlertBoard,
  ) {}

  async run(): Promise<void> {
    const { sellerAccount, clock } = this.options;
    const grains = await selectSharedGrains(this.database, sellerAccount, plusMs(clock.now(), -LOOK_BACK_MS));
    const byBuyer = new Map<string, SharedGrain[]>();
    for (const grain of grains) {
      const subject = `${grain.productCode} ${grain.buyerId}`;
      byBuyer.set(subject, [...(byBuyer.get(subject) ?? []), grain]);
    }
    const open = await this.database.query<{ subject: string; details: { recordIds?: string[] } }>(
      `SELECT subject, details FROM marketplace.alert WHERE seller_account = $1 AND kind = $2 AND resolved_at IS NULL`,
      [sellerAccount, KIND],
    );
    for (const [subject, own] of byBuyer) {
      const alert = alertOf(subject, own);
      const known = open.find((row) => row.subject === subject)?.details.recordIds ?? [];
      if (JSON.stringify(known) !== JSON.stringify(alert.details?.recordIds))
        await this.alerts.raise(this.database, alert);
    }
    const over = open.map(({ subject }) => subject).filter((subject) => !byBuyer.has(subject));
    if (over.length > 0) await this.alerts.resolve(this.database, KIND, over);
  }
}

function alertOf(subject: string, grains: readonly SharedGrain[]): Alert<'sharedGrain'> {
  const hours = grains.map(
    ({ dimension, hour, records }) =>
      `${records.map(({ quantity }) => quantity).join(' and ')} of ${dimension} (${hour.toISOString()})`,
  );
  return {
    kind: 'sharedGrain',
    subject,
    severity: 'critical',
    message:
      `A buyer of product ${grains[0]?.productCode ?? ''} was metered under both its names in one hour, before it ` +
      `was known that they are one: ${hours.slice(0, NAMED_MAX).join('; ')}${hours.length > NAMED_MAX ? '; …' : ''}. ` +
      'AWS has taken the records; it may have billed both or only one of each hour. Compare them with what AWS has on ' +
      'file (CloudTrail, the billing reports); where one is missing or one is too many, have AWS Marketplace Seller ' +
      'Operations correct it.',
    details: { recordIds: grains.flatMap(({ records }) => records.map(({ id }) => id)) },
  };
}
