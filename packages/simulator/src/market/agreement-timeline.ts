import { type Agreement } from './agreement.js';
import { type Milestone, milestonesOf } from './agreement-milestone.js';
import { type MarketplaceCatalog } from './marketplace-catalog.js';
import { type Switches } from '../switches.js';
import { type SimulatorClock } from '../virtual-clock.js';

/** Names of the milestones that each agreement has behind it. */
export type LifecycleSnapshot = Readonly<Record<string, readonly string[]>>;

/**
 * Lets the moments of agreements come when the clock reaches them. Which ones lie ahead is computed from the agreement
 * each time it changes, so that nothing but the names of those behind it has to be kept.
 */
export class AgreementTimeline {
  readonly #behind = new Map<string, Set<string>>();
  readonly #alarms = new Map<string, () => void>();

  constructor(
    private readonly catalog: MarketplaceCatalog,
    private readonly clock: SimulatorClock,
    private readonly switches: Readonly<Switches>,
    private readonly reach: (agreement: Agreement, milestone: Milestone) => void,
  ) {}

  snapshot(): LifecycleSnapshot {
    return Object.fromEntries([...this.#behind].map(([agreementId, names]) => [agreementId, [...names]]));
  }

  /** After catalog and clock; what fell due since the snapshot happens now. */
  restore(snapshot: LifecycleSnapshot): void {
    this.#behind.clear();
    for (const [agreementId, names] of Object.entries(snapshot)) this.#behind.set(agreementId, new Set(names));
    this.reschedule();
  }

  /** Computes all moments anew, after a change of switches. */
  reschedule(): void {
    for (const cancel of this.#alarms.values()) cancel();
    this.#alarms.clear();
    for (const { agreementId } of this.catalog.agreements()) this.live(agreementId);
  }

  /** Lets everything happen that is due for the agreement, and sets the alarm for what comes next. */
  live(agreementId: string): Agreement {
    for (let next = this.#next(agreementId); next && next.at <= this.clock.now(); next = this.#next(agreementId)) {
      this.#put(agreementId, next);
      this.reach(this.catalog.agreement(agreementId), next);
    }
    this.#alarms.get(agreementId)?.();
    this.#alarms.delete(agreementId);
    const ahead = this.#next(agreementId);
    if (ahead)
      this.#alarms.set(
        agreementId,
        this.clock.alarm(ahead.at, () => this.live(agreementId)),
      );
    return this.catalog.agreement(agreementId);
  }

  /** Notices that would lie before the agreement or its new end were known are never sent. */
  skipNotices(agreementId: string, now: Date): void {
    const past = this.#milestones(agreementId).filter(
      ({ kind, at }) => (kind === 'ending' || kind === 'lockout') && at <= now,
    );
    for (const milestone of past) this.#put(agreementId, milestone);
  }

  #next(agreementId: string): Milestone | undefined {
    return this.#milestones(agreementId).find(({ name }) => !this.#behind.get(agreementId)?.has(name));
  }

  #milestones(agreementId: string): Milestone[] {
    const agreement = this.catalog.agreement(agreementId);
    return milestonesOf(agreement, this.#inherited(agreement), this.switches);
  }

  /** Whether the agreement that comes after it takes over its license without a gap. */
  #inherited({ nextAgreementId, licenseArn, endsAt }: Agreement): boolean {
    if (nextAgreementId === undefined) return false;
    const next = this.catalog.agreement(nextAgreementId);
    return next.licenseArn === licenseArn && endsAt !== undefined && next.startsAt <= endsAt;
  }

  #put(agreementId: string, { name }: Milestone): void {
    const names = this.#behind.get(agreementId) ?? new Set<string>();
    this.#behind.set(agreementId, names.add(name));
  }
}
