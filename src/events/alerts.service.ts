import { Inject, Injectable, Logger } from '@nestjs/common';
import { LedgerDatabase, type LedgerSql } from '../database/ledger-database.js';
import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { redactedText } from '../runtime/redaction.js';
import { isStorable } from '../runtime/storable-text.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { endsBy } from './alert-board.js';
import { ALERT_CATALOGUE, type AlertKind } from './alert-catalogue.js';
import { insertAction } from './operator-action.sql.js';

/** Which alert: there is one open for each kind and subject. */
export interface AlertKey {
  kind: string;
  /** As hosts are told it, or as it is listed, where digits that may be an account id are hidden. */
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

/** Stands in a listed subject for the digits before the last four. */
const HIDDEN = '…';
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
  async acknowledge(alert: AlertKey, { by, note }: Acknowledgement): Promise<AcknowledgedAlert> {
    const { kind } = alert;
    requireText('by', by, BY_MAX);
    requireText('note', note, NOTE_MAX);
    const { sellerAccount, clock } = this.options;
    const now = clock.now();
    const isEnd = isKind(kind) && endsBy(kind, 'acknowledgement');
    const subject = await this.database.transaction(async (tx) => {
      const [row] = await tx.query<{ subject: string }>(
        `UPDATE marketplace.alert SET acknowledged_at = $4, acknowledged_by = $5, acknowledgement = $6, tell_at = NULL,
           resolved_at = CASE WHEN $7 THEN $4::timestamptz END
         WHERE seller_account = $1 AND kind = $2 AND subject = $3 AND resolved_at IS NULL RETURNING subject`,
        [sellerAccount, kind, await this.wholeSubjectOf(tx, alert), now.toISOString(), by, note, isEnd],
      );
      if (!row) return null;
      const target = { kind, subject: row.subject };
      const action = { action: 'alert.acknowledged', target, result: { open: !isEnd } } as const;
      await insertAction(tx, sellerAccount, { ...action, by, reason: note, at: now });
      return row.subject;
    });
    if (subject === null)
      throw new MarketplaceMeteringError('NOT_FOUND', `There is no open alert ${kind} of ${alert.subject}.`);
    this.logger.log('alert acknowledged', { kind, subject: redactedText(subject), by });
    return { open: !isEnd };
  }

  private async wholeSubjectOf(tx: LedgerSql, { kind, subject }: AlertKey): Promise<string> {
    if (!subject.includes(HIDDEN)) return subject;
    const open = await tx.query<{ subject: string }>(
      `SELECT subject FROM marketplace.alert WHERE seller_account = $1 AND kind = $2 AND resolved_at IS NULL`,
      [this.options.sellerAccount, kind],
    );
    const [found, another] = open.filter((one) => redactedText(one.subject) === subject);
    return another === undefined ? (found?.subject ?? subject) : subject;
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
