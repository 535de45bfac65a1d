import { type MarketplaceEventType } from './marketplace-event.js';

/** A week: whoever answers for the bill has looked once. */
export const ALERT_EXPIRES_AFTER_MS = 7 * 24 * 3_600_000;

export type AlertEnding = 'cause' | 'expiry' | 'acknowledgement';

/** What a person needs to know of a kind of alert. docs/alerts.md is made of it. */
export interface AlertDescription {
  /** How urgent it may be. `critical`: units may be lost, billed twice or refused if nobody acts. */
  severity: readonly ('warning' | 'critical')[];
  /** What `subject` names: there is one open alert for each. */
  subject: string;
  /** What has happened. */
  meaning: string;
  /** What it costs, now and if nobody acts. */
  cost: string;
  /** What a person should do. */
  action: string;
  /** When it is resolved. */
  ends: string;
  /**
   * What resolves it. `cause`: what it tells of is gone. `expiry`: it tells of what has happened, not of what is; a
   * warning that was not raised again for `ALERT_EXPIRES_AFTER_MS` has been read or never will be. `acknowledgement`:
   * only a person can say that it is dealt with.
   */
  endsBy: readonly AlertEnding[];
  /** Events that tell hosts of the single records or messages concerned, besides `alert.raised`. */
  events: readonly MarketplaceEventType[];
}

/** Of kinds that tell of what is: they end with it. */
export const BY_CAUSE = ['cause'] as const;
/** Of kinds that tell of a finding: it stays one until a person has dealt with it. */
export const BY_PERSON = ['acknowledgement'] as const;
export const WHEN_ACKNOWLEDGED = 'when a person acknowledges it; the same finding does not open it again';
