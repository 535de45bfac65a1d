import { styleText } from 'node:util';
import { type ApiCall, type MarketplaceSimulator } from 'aws-marketplace-simulator';
import { outcomeOf } from './control-panel/flow.view.js';
import { type LedgerReader, type LedgerRecord } from './control-panel/ledger-reader.js';
import { instantText } from './web/instant.js';

const INTERVAL_MS = 400;
const RECORDS_WATCHED = 200;

type Tone = Parameters<typeof styleText>[0];

const TONES: Readonly<Record<string, Tone>> = { metered: 'green', blocked: 'red', unknown: 'yellow', sealed: 'blue' };

/** Tells on the terminal what happens to usage: sealed, sent, metered, refused. */
export class Narrator {
  private readonly states = new Map<string, string>();
  private readonly alerts = new Set<string>();
  private lastCall: string | null = null;
  private timer: NodeJS.Timeout | null = null;
  private looking: Promise<void> = Promise.resolve();

  constructor(
    private readonly ledger: LedgerReader,
    private readonly simulator: MarketplaceSimulator,
    private readonly write: (line: string) => void,
  ) {}

  start(): void {
    this.timer = setInterval(() => {
      this.looking = this.looking
        .then(() => this.look())
        .catch((error: unknown) => {
          this.write(`  the account pauses: ${String(error)}`);
        });
    }, INTERVAL_MS);
  }

  async stop(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    await this.looking;
  }

  private async look(): Promise<void> {
    const records = await this.ledger.records({ limit: RECORDS_WATCHED });
    this.tellChanges(
      records.filter(({ id }) => !this.states.has(id)),
      () => 'sealed',
    );
    for (const call of this.newCalls()) this.tellCall(call);
    const changed = records.filter(
      (record) => WORTH_TELLING.has(record.state) && this.states.get(record.id) !== record.state,
    );
    this.tellChanges(changed, (record) =>
      record.state === 'closed' ? (record.disposition ?? 'closed') : record.state,
    );
    // Records that have left the view are done with.
    this.states.clear();
    for (const { id, state } of records) this.states.set(id, state);
    await this.tellAlerts();
  }

  /** One line per customer, hour and kind of news. */
  private tellChanges(records: readonly LedgerRecord[], newsOf: (record: LedgerRecord) => string): void {
    const lines = new Map<string, LedgerRecord[]>();
    for (const record of [...records].reverse()) {
      const line = `${record.hour?.toISOString() ?? ''} ${record.customerId} ${newsOf(record)}`;
      lines.set(line, [...(lines.get(line) ?? []), record]);
    }
    for (const group of lines.values()) {
      const [first] = group;
      if (!first) continue;
      const units = group
        .toReversed()
        .map(({ quantity, dimension }) => `${quantity} ${dimension}`)
        .join(', ');
      const why = first.state === 'blocked' || first.state === 'closed' ? ` (${first.reason ?? 'no reason'})` : '';
      this.tell(
        first.hour ?? this.simulator.clock.now(),
        newsOf(first),
        `${first.company ?? 'a buyer'}: ${units}${why}`,
      );
    }
  }

  private tellCall(call: ApiCall): void {
    const outcome = outcomeOf(call);
    this.tell(
      call.at,
      outcome === 'accepted' ? 'sent' : 'failed',
      `${call.records} record${call.records === 1 ? '' : 's'} to AWS: ${outcome}`,
    );
  }

  private async tellAlerts(): Promise<void> {
    const open = await this.ledger.alerts();
    const keys = open.map(({ kind, message }) => `${kind} ${message}`);
    for (const [index, alert] of open.entries()) {
      if (!this.alerts.has(keys[index] ?? '')) this.tell(alert.raisedAt, 'alert', `${alert.kind}: ${alert.message}`);
    }
    this.alerts.clear();
    for (const key of keys) this.alerts.add(key);
  }

  /** Calls that have ended since the last look, in the order they came. One under way holds back those after it. */
  private newCalls(): ApiCall[] {
    const calls = this.simulator.calls({ operation: 'BatchMeterUsage' });
    const next = calls.findIndex(({ requestId }) => requestId === this.lastCall) + 1;
    const open = calls.findIndex((call, index) => index >= next && call.outcome === 'inFlight');
    const ended = calls.slice(next, open === -1 ? undefined : open);
    this.lastCall = ended.at(-1)?.requestId ?? this.lastCall;
    return ended;
  }

  private tell(at: Date, what: string, text: string): void {
    const tone = TONES[what] ?? (what === 'alert' || what === 'failed' ? 'red' : 'dim');
    this.write(`  ${styleText('dim', instantText(at).padEnd(13))}  ${styleText(tone, what.padEnd(9))} ${text}`);
  }
}

/** What a record becomes that somebody waits to hear. */
const WORTH_TELLING: ReadonlySet<string> = new Set(['metered', 'blocked', 'unknown', 'closed']);
