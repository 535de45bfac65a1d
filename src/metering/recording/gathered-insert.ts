// One INSERT for the callers who wait in the gatherer, and the answer that each of them gets.
import { type Client } from 'pg';
import { type LedgerDatabase, type LedgerSql } from '../../database/ledger-database.js';
import { countMetric } from '../../runtime/metrics.js';
import { clearTimeout, setTimeout } from '../../runtime/real-time.js';
import { type RecordingFailure, recordingFailureOf } from './recording-failure.js';
import { conflictProblem, differences } from './usage-comparison.js';
import { findUsage, insertUsage, NamedStatements } from './usage-event.sql.js';
import { resultOf } from './usage-placement.js';
import { refusalOf } from './usage-refusal.js';
import { unanswered, type WaitingCall } from './waiting-call.js';

/** Why callers are left without an answer. */
export interface InsertFailure {
  kind: RecordingFailure;
  error: unknown;
}

/** Writes the events of waiting callers in one statement, and answers the callers. */
export class GatheredInsert {
  private readonly statements = new NamedStatements();

  constructor(
    private readonly ledger: LedgerDatabase,
    private readonly timeoutMs: number,
  ) {}

  /**
   * One statement for all; a second one only when keys were taken, to tell a repetition from a conflict. Answers whom
   * it can.
   */
  async attempt(calls: readonly WaitingCall[], patienceMs: number): Promise<InsertFailure | null> {
    if (calls.length === 0) return null;
    // Callers of one key in one batch: the first is written, the others find it.
    const first = new Map<string, WaitingCall>();
    for (const call of calls) if (!first.has(call.id)) first.set(call.id, call);
    try {
      await this.onOwnConnection(async (connection) => {
        for (const call of calls) call.inFlight = true;
        const usages = [...first.values()].map((call) => call.usage);
        const inserted = await insertUsage(connection, usages, 'binary', patienceMs);
        for (const id of inserted) {
          const call = first.get(id);
          call?.settle?.(resultOf(call.usage, 'recorded'));
        }
        if (inserted.size > 0) countMetric('marketplace.usage.recorded', inserted.size, { outcome: 'recorded' });
        const taken = calls.filter((call) => call.settle !== null);
        if (taken.length === 0) return;

        const found = await findUsage(connection, [...new Set(taken.map((call) => call.id))]);
        for (const call of taken) {
          const earlier = found.get(call.id);
          if (!earlier) continue;
          const fields = differences(call.usage, earlier);
          // After a lost answer the event that is found may be this very call's.
          const outcome = fields.length > 0 ? 'conflict' : call.lost || call.usage.isMinted ? 'recorded' : 'duplicate';
          countMetric('marketplace.usage.recorded', 1, { outcome });
          call.settle?.(
            outcome === 'conflict'
              ? refusalOf([conflictProblem(call.usage, fields)])
              : { ...resultOf(call.usage, outcome), subscriptionId: earlier.subscriptionId },
          );
        }
      });
      const rest = unanswered(calls);
      return rest.length === 0
        ? null
        : {
            kind: 'unavailable',
            error: new Error('an event whose id is taken is not there: it was removed meanwhile'),
          };
    } catch (error) {
      const kind = recordingFailureOf(error);
      for (const call of unanswered(calls)) {
        call.lastError = error;
        call.lost ||= call.inFlight && kind === 'unavailable';
      }
      return { kind, error };
    } finally {
      for (const call of calls) call.inFlight = false;
    }
  }

  /**
   * A connection whose statement is given up after the time that a caller waits: a server that went silent must not
   * stop the lane for good.
   */
  private async onOwnConnection(work: (connection: LedgerSql) => Promise<void>): Promise<void> {
    await this.ledger.onConnection(async (_runner, client: Client) => {
      const watchdog = setTimeout(() => void client.end(), this.timeoutMs);
      try {
        await work(this.statements.on(client));
      } finally {
        clearTimeout(watchdog);
      }
    });
  }
}
