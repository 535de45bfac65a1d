import { Inject, Injectable, Logger } from '@nestjs/common';
import { LedgerDatabase } from '../database/ledger-database.js';
import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { isStorable } from '../runtime/storable-text.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { endsBy } from './alert-board.js';
import { ALERT_CATALOGUE, type AlertKind } from './alert-catalogue.js';
import { insertAction } from './operator-action.sql.js';

/** Which alert: there is one open for each kind and subject. */
export interface AlertKey {
  kind: string;
  subject: string;
}

/** Who takes it on, and what they found or do: 1 to 255 and 1 to 1,000 characters. */
export interface Acknowledgement {
  by: string;
  note: string;
}

/** Whether the alert is open still: until its cause is gone, or, of kinds that only a person can end, not any more. */
export interface AcknowledgedAlert {
  open: boolean;
}

const BY_MAX = 255;
const NOTE_MAX = 1000;

/** What people do about alerts. */
@Injectable()
export class Alerts {
  private readonly logger = new Logger('MarketplaceAlerts');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
  ) {}

  /**
   * A person takes an open alert on: hosts are told of it no more while it lasts, unless it becomes critical. Kinds
   * that only a person can end (docs/alerts.md) are resolved by it. Another acknowledgement replaces the one before;
   * both stay in the trail.
   * @throws MarketplaceMeteringError `NOT_FOUND` where no such alert is open, `TRANSITION_REFUSED` where `by` or `note`
   * is no text of that length
   */
  async acknowledge({ kind, subject }: AlertKey, { by, note }: Acknowledgement): Promise<AcknowledgedAlert> {
    requireText('by', by, BY_MAX);
    requireText('note', note, NOTE_MAX);
    const { sellerAccount, clock } = this.options;
    const now = clock.now();
    const isEnd = isKind(kind) && endsBy(kind, 'acknowledgement');
    const isFound = await this.database.transaction(async (tx) => {
      const rows = await tx.query(
        `UPDATE marketplace.alert SET acknowledged_at = $4, acknowledged_by = $5, acknowledgement = $6, tell_at = NULL,
           resolved_at = CASE WHEN $7 THEN $4::timestamptz END
         WHERE seller_account = $1 AND kind = $2 AND subject = $3 AND resolved_at IS NULL RETURNING kind`,
        [sellerAccount, kind, subject, now.toISOString(), by, note, isEnd],
      );
      if (rows.length === 0) return false;
      const action = { action: 'alert.acknowledged', target: { kind, subject }, result: { open: !isEnd } } as const;
      await insertAction(tx, sellerAccount, { ...action, by, reason: note, at: now });
      return true;
    });
    if (!isFound) throw new MarketplaceMeteringError('NOT_FOUND', `There is no open alert ${kind} of ${subject}.`);
    this.logger.log('alert acknowledged', { kind, subject, by });
    return { open: !isEnd };
  }
}

function isKind(kind: string): kind is AlertKind {
  return Object.hasOwn(ALERT_CATALOGUE, kind);
}

function requireText(name: string, value: unknown, lengthMax: number): void {
  const isText = typeof value === 'string' && value.trim() !== '' && value.length <= lengthMax && isStorable(value);
  if (isText) return;
  throw new MarketplaceMeteringError(
    'TRANSITION_REFUSED',
    `Give ${name} as a text of 1 to ${lengthMax} characters without NUL: who takes an alert on is named, and what they found.`,
  );
}
