import { Inject, Injectable } from '@nestjs/common';
import { LedgerDatabase } from '../database/ledger-database.js';
import { type Alert, AlertBoard } from '../events/alert-board.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { HourComparisons } from './hour-comparison.js';
import { type Incident } from './incident.js';
import { byKey } from '../runtime/order.js';

/** Incidents that an alert names; the report has all. */
const NAMED_MAX = 20;

interface HourIncident extends Incident {
  hour: Date;
}

/**
 * Tells a person of what AWS bills and the ledger does not account for. Nothing is corrected by itself: which side is
 * right, the log does not say.
 */
@Injectable()
export class IncidentWatch {
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly alerts: AlertBoard,
    private readonly comparisons: HourComparisons,
  ) {}

  /** @param hours of usage that was just read of the log */
  async look(hours: readonly Date[]): Promise<void> {
    const found = new Map<string, { alert: 'unknownUsage' | 'doubleBill'; incidents: HourIncident[] }>();
    for (const hour of hours) {
      for (const incident of (await this.comparisons.of(hour)).incidents) {
        const alert =
          incident.kind === 'twoIdentities' || incident.kind === 'twoRegions' ? 'doubleBill' : 'unknownUsage';
        const key = `${alert}/${incident.productCode}/${incident.dimension}`;
        const group = found.get(key) ?? { alert, incidents: [] };
        group.incidents.push({ ...incident, hour });
        found.set(key, group);
      }
    }
    for (const [, { alert, incidents }] of [...found].sort(byKey)) await this.raise(alertOf(alert, incidents));
  }

  /** An incident is told once, also if its hour is read again, or a person has dealt with it. */
  private async raise(alert: Alert<'auditUnknownUsage' | 'auditDoubleBill'>): Promise<void> {
    const [told] = await this.database.query<{ details: { incidents?: string[] } }>(
      `SELECT details FROM marketplace.alert WHERE seller_account = $1 AND kind = $2 AND subject = $3`,
      [this.options.sellerAccount, alert.kind, alert.subject],
    );
    const known = told?.details.incidents ?? [];
    const now = (alert.details?.incidents ?? []) as string[];
    if (now.every((one) => known.includes(one))) return;
    const incidents = [...new Set([...known, ...now])].sort();
    await this.alerts.raise(this.database, { ...alert, details: { incidents } });
  }
}

function alertOf(
  which: 'unknownUsage' | 'doubleBill',
  incidents: readonly HourIncident[],
): Alert<'auditUnknownUsage' | 'auditDoubleBill'> {
  const { productCode = '', dimension = '' } = incidents[0] ?? {};
  const about = {
    subject: `${productCode}/${dimension}`,
    severity: 'critical',
    details: { incidents: incidents.map(keyOf) },
  } as const;
  const named = incidents.slice(0, NAMED_MAX).map(textOf).join('; ') + (incidents.length > NAMED_MAX ? '; …' : '');
  if (which === 'doubleBill') {
    return {
      ...about,
      kind: 'auditDoubleBill',
      message:
        `By CloudTrail AWS has taken usage of ${dimension} (product ${productCode}) twice: ${named}. Two identities or ` +
        'regions are two bills. Nothing was corrected: stop one of the two senders, and refund through AWS Marketplace ' +
        'what is there twice.',
    };
  }
  return {
    ...about,
    kind: 'auditUnknownUsage',
    message:
      `CloudTrail has usage of ${dimension} (product ${productCode}) that the ledger does not account for: ${named}. ` +
      'Another system meters this product, or the ledger was restored. Nothing was corrected.',
  };
}

function keyOf({ kind, hour, taken }: HourIncident): string {
  return `${kind} ${hour.toISOString()} ${taken.map(({ eventId, meteringRecordId }) => meteringRecordId ?? eventId).join('+')}`;
}

function textOf({ kind, hour, taken, ledgerUnits }: HourIncident): string {
  const sides = taken.map(
    ({ units, identity, region, meteringRecordId, eventId }) =>
      `${units} by ${identity} in ${region} (record ${meteringRecordId ?? 'unnamed'}, event ${eventId})`,
  );
  const ours = kind === 'otherQuantity' ? `, the ledger has ${ledgerUnits ?? 0}` : '';
  return `${hour.toISOString()}: ${sides.join(' and ')}${ours}`;
}
