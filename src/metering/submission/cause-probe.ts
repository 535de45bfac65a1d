// The probe: one record of a quarantined cause, taken to be tried alone.
import { Inject, Injectable } from '@nestjs/common';
import { type LedgerSql } from '../../database/ledger-database.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { HOUR_MS, plusMs } from '../../runtime/clock.js';
import { type MeteringOperation } from '../settlement/deadlines.js';
import { RecordTransitions, REQUEUED } from '../settlement/record-transition.js';
import { type ClaimCandidate, type ClaimTime, isSpent, isUrgent, lockProbe } from './claim.sql.js';
import { Quarantine } from './quarantine.js';
import { claimCause, hastenProbe, isAwaited, type QuarantinedCause } from './quarantine.sql.js';

/** A quarantined cause is probed at least this often, in multiples of the probe interval. */
const PROBE_CAP_FACTOR = 6;
/**
 * While a record that was not tried yet comes to its due time within so long, probes do not become rarer: in the hour
 * after an end there would be two. Business time.
 */
const URGENT_MS = HOUR_MS;

/** A cause whose time has come, and the record that tries it: none where others are at them, or none is left. */
export interface Probe {
  cause: QuarantinedCause;
  records: ClaimCandidate[];
}

@Injectable()
export class CauseProbe {
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly transitions: RecordTransitions,
    private readonly quarantine: Quarantine,
  ) {}

  /**
   * Takes the cause whose probe is longest due, and locks a record of it. One that has no record left to be tried ends
   * here, as what waits because of it would wait for a probe that never comes; unless that waits until AWS takes other
   * usage of the cause.
   */
  async take(tx: LedgerSql, productCode: string, operation: MeteringOperation, time: ClaimTime): Promise<Probe | null> {
    const { sellerAccount, submission } = this.options;
    const pace = { intervalMs: submission.probeIntervalMs, capMs: submission.probeIntervalMs * PROBE_CAP_FACTOR };
    const cause = await claimCause(tx, sellerAccount, time.retryBefore, productCode, pace);
    if (cause === undefined) return null;
    const candidate = await lockProbe(tx, time, cause, operation);
    if (candidate === undefined) {
      const mayEnd = (await isSpent(tx, time, cause)) && !(await isAwaited(tx, sellerAccount, cause));
      if (mayEnd) await this.quarantine.lift(tx, cause);
      return { cause, records: [] };
    }
    const { record } = candidate;
    if (await isUrgent(tx, time, cause, plusMs(time.now, URGENT_MS)))
      await hastenProbe(tx, sellerAccount, cause, submission.probeIntervalMs);
    // A probe takes the drawn way: blocked, pending, sending.
    if (record.state === 'blocked') {
      const to = { ...REQUEUED, message: 'Probes its quarantined cause.' };
      await this.transitions.apply(tx, [{ record, to }], time.now);
    }
    return { cause, records: [candidate] };
  }
}
