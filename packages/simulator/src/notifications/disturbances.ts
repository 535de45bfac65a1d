import { type Waiting } from './delivery-log.js';
import { type Disturbance, type DisturbanceHandle } from './disturbance.js';
import { passes } from './notification-message.js';
import { type SeededRandom } from '../seeded-random.js';

/** Without those whose conditions are functions: no file can hold them. */
export type DisturbancesSnapshot = readonly { readonly disturbance: Disturbance; readonly hits: number }[];

interface Armed {
  readonly disturbance: Disturbance;
  hits: number;
  /** Of `reorder`: what waits for the others. */
  gathered: Waiting[];
}

/** What becomes of a delivery: `gathered` ones come with others. */
export interface Struck {
  readonly kind: 'due' | 'held' | 'gathered' | 'dropped';
  readonly deliveries: readonly Waiting[];
}

/** The disturbances in force, in the order in which they strike. */
export class Disturbances {
  readonly #armed = new Set<Armed>();

  constructor(private readonly fate: SeededRandom) {}

  /** `freed` gets what it had gathered when it is taken away. */
  add(disturbance: Disturbance, freed: (gathered: readonly Waiting[]) => void): DisturbanceHandle {
    const { probability = 1, count = 1 } = disturbance;
    if (!(probability >= 0 && probability <= 1))
      throw new RangeError(`The probability of a disturbance lies in [0, 1], got ${probability}`);
    if (!(count >= 1)) throw new RangeError(`The count of a disturbance is at least 1, got ${count}`);
    if (disturbance.kind === 'reorder' && !(disturbance.among >= 2))
      throw new RangeError('To reorder takes at least 2 messages');
    const armed: Armed = { disturbance, hits: 0, gathered: [] };
    this.#armed.add(armed);
    return {
      get hits() {
        return armed.hits;
      },
      remove: () => {
        this.#armed.delete(armed);
        freed(armed.gathered.splice(0));
      },
    };
  }

  /** Takes all away. Returns what they had gathered. */
  clear(): Waiting[] {
    const gathered = this.takeGathered();
    this.#armed.clear();
    return gathered;
  }

  gathered(): Waiting[] {
    return [...this.#armed].flatMap((armed) => armed.gathered);
  }

  takeGathered(): Waiting[] {
    return [...this.#armed].flatMap((armed) => armed.gathered.splice(0));
  }

  /** What is gathered for the target. */
  forget(target: string): void {
    for (const armed of this.#armed) armed.gathered = armed.gathered.filter((waiting) => waiting.target !== target);
  }

  snapshot(): DisturbancesSnapshot {
    const kept = [...this.#armed].filter(({ disturbance }) => !disturbance.when);
    return kept.map(({ disturbance, hits }) => ({ disturbance, hits }));
  }

  restore(snapshot: DisturbancesSnapshot): void {
    this.#armed.clear();
    for (const { disturbance, hits } of snapshot) this.#armed.add({ disturbance, hits, gathered: [] });
  }

  strike(delivery: Waiting): Struck {
    let deliveries = [delivery];
    for (const armed of this.#armed) {
      if (!this.#strikes(armed, delivery)) continue;
      armed.hits += 1;
      const { disturbance } = armed;
      switch (disturbance.kind) {
        case 'drop':
          return { kind: 'dropped', deliveries: [] };
        case 'duplicate': {
          const { copies = 2, spreadMs = 0 } = disturbance;
          const more = Array.from({ length: copies - 1 }, () => later(deliveries, this.fate.next() * spreadMs)).flat();
          deliveries = [...deliveries, ...more];
          break;
        }
        case 'delay':
          deliveries = later(deliveries, disturbance.ms + this.fate.next() * (disturbance.jitterMs ?? 0));
          break;
        case 'hold':
          return { kind: 'held', deliveries };
        case 'reorder':
          armed.gathered.push(...deliveries);
          if (armed.gathered.length < disturbance.among) return { kind: 'gathered', deliveries: [] };
          deliveries = this.fate.shuffled(armed.gathered.splice(0));
      }
    }
    return { kind: 'due', deliveries };
  }

  #strikes({ disturbance, hits }: Armed, { message, target }: Waiting): boolean {
    if (disturbance.target !== undefined && disturbance.target !== target) return false;
    if (disturbance.count !== undefined && hits >= disturbance.count) return false;
    if (!passes(message, disturbance)) return false;
    return disturbance.probability === undefined || this.fate.next() < disturbance.probability;
  }
}

function later(deliveries: readonly Waiting[], ms: number): Waiting[] {
  return deliveries.map((waiting) => ({ ...waiting, dueAt: new Date(waiting.dueAt.getTime() + Math.round(ms)) }));
}
