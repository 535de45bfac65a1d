import { type SeededRandom } from '../support/market.js';
import { type SoakWorld } from './soak-world.js';

const MINUTE_MS = 60_000;
/** How often what comes, per step of a quarter of a second. */
const ODDS = {
  kill: 0.012,
  pause: 0.02,
  freeze: 0.008,
  restart: 0.003,
  clock: 0.01,
  fault: 0.03,
  message: 0.02,
  life: 0.02,
} as const;
type Kind = keyof typeof ODDS;

const LOSING = ['resetBefore', 'resetAfter', 'error500Before', 'error500After', 'cutAnswer', 'throttle'] as const;
const OFFSETS_MINUTES = [-180, -45, -8, 8, 45, 180, 3 * 1440];

/** All that befalls a host, drawn from a seed. What has begun ends by itself, or at `end`. */
export class Disasters {
  readonly counts: Record<Kind, number> = {
    kill: 0,
    pause: 0,
    freeze: 0,
    restart: 0,
    clock: 0,
    fault: 0,
    message: 0,
    life: 0,
  };
  private readonly undo: { at: number; work: () => void }[] = [];
  private newcomers = 0;

  constructor(
    private readonly world: SoakWorld,
    private readonly random: SeededRandom,
  ) {}

  async step(): Promise<void> {
    this.runDue(Date.now());
    for (const kind of Object.keys(ODDS) as Kind[]) {
      if (this.random.next() >= ODDS[kind]) continue;
      this.counts[kind] += 1;
      await this[kind]();
    }
  }

  async end(): Promise<void> {
    this.runDue(Infinity);
    this.world.simulator.notifications.undisturb();
    await Promise.resolve();
  }

  /** One that starts is let come up: else, on a slow machine, nobody ever does. */
  private kill(): void {
    const replica = this.replica();
    if (replica.url !== null) replica.signal('SIGKILL');
  }

  /** Longer than its leases, now and then. */
  private pause(): void {
    const replica = this.replica();
    if (replica.isStopped) return;
    replica.signal('SIGSTOP');
    this.later(500 + this.random.integer(9000), () => {
      replica.signal('SIGCONT');
    });
  }

  private freeze(): void {
    const { proxy } = this.world;
    proxy.freeze('silent');
    this.later(500 + this.random.integer(8000), () => {
      proxy.thaw();
    });
  }

  private restart(): Promise<void> {
    return this.world.restartPostgres();
  }

  private clock(): void {
    const replica = this.replica();
    const minutes = OFFSETS_MINUTES[this.random.integer(OFFSETS_MINUTES.length)] ?? 0;
    replica.ask({ kind: 'clock', offsetMs: minutes * MINUTE_MS });
    this.later(1000 + this.random.integer(9000), () => {
      replica.ask({ kind: 'clock', offsetMs: 0 });
    });
  }

  private fault(): void {
    const { faults } = this.world.simulator;
    const choice = this.random.integer(LOSING.length + 3);
    const operation = 'BatchMeterUsage';
    const count = 1 + this.random.integer(4);
    if (choice === LOSING.length) faults.add({ kind: 'unprocessed', subset: 3, operation, count });
    else if (choice === LOSING.length + 1) faults.add({ kind: 'truncateResults', drop: 2, operation, count });
    else if (choice === LOSING.length + 2) faults.add({ kind: 'hang', afterEffect: true, operation, count: 1 });
    else faults.add({ kind: LOSING[choice] ?? 'resetAfter', count });
  }

  private message(): void {
    const { notifications } = this.world.simulator;
    const kinds = [
      { kind: 'drop' },
      { kind: 'duplicate', copies: 3, spreadMs: 20 * MINUTE_MS },
      { kind: 'delay', ms: 30 * MINUTE_MS, jitterMs: 60 * MINUTE_MS },
      { kind: 'reorder', among: 2 },
    ] as const;
    const disturbance = notifications.disturb({ ...kinds[this.random.integer(kinds.length)]!, count: 2 });
    this.later(10_000, () => {
      disturbance.remove();
    });
  }

  /** Agreements renew, are replaced, or end; and new buyers come. */
  private async life(): Promise<void> {
    const { simulator, agreements } = this.world;
    const tenants = [...agreements.keys()];
    const tenantId = tenants[this.random.integer(tenants.length)] ?? '';
    const agreement = agreements.get(tenantId);
    const choice = this.random.integer(4);
    if (choice === 3 || !agreement) {
      this.newcomers += 1;
      // What befalls the office at its desk is tried again by the buyer, as another one.
      await this.world.join(`newcomer-${this.newcomers}`).catch(() => undefined);
      return;
    }
    const current = simulator.agreement(agreement);
    if (current.status !== 'ACTIVE') return;
    if (choice === 0) agreements.set(tenantId, simulator.renew(current));
    else if (choice === 1) agreements.set(tenantId, simulator.replace(current));
    else if (tenants.length > 8) simulator.end(current);
  }

  private replica(): SoakWorld['replicas'][number] {
    const { replicas } = this.world;
    const replica = replicas[this.random.integer(replicas.length)];
    if (!replica) throw new Error('there are no replicas');
    return replica;
  }

  private later(ms: number, work: () => void): void {
    this.undo.push({ at: Date.now() + ms, work });
  }

  private runDue(now: number): void {
    for (const due of this.undo.filter(({ at }) => at <= now)) {
      this.undo.splice(this.undo.indexOf(due), 1);
      due.work();
    }
  }
}
