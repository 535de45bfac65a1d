import { monotonicMs } from '../../runtime/real-time.js';

/** How long a miss is believed. Usage of a tenant that another process has just claimed may be ignored that long. */
const BELIEVED_MS = 1_000;
/** How long a claim may stand in a transaction of the host before it is committed. */
const CLAIM_OPEN_MS = 60_000;
const KEPT_MAX = 100_000;

/**
 * Names of which the database has just said that nobody has them: for hosts that record for tenants who are no customers
 * of AWS Marketplace, so that each such call costs no look-up. A tenant that this process claims is believed missing no
 * more, not even while the claim is uncommitted.
 */
export class MissedNames {
  private readonly until = new Map<string, number>();
  private readonly claimed = new Map<string, number>();

  has(key: string): boolean {
    const until = this.until.get(key);
    if (until === undefined) return false;
    if (until > monotonicMs()) return true;
    this.until.delete(key);
    return false;
  }

  /** @param askedAt when the database was asked: a claim since then has made the answer worthless. */
  add(key: string, tenantId: string, askedAt: number): void {
    const openUntil = this.claimed.get(tenantId);
    if (openUntil !== undefined) {
      if (openUntil > askedAt) return;
      this.claimed.delete(tenantId);
    }
    if (this.until.size >= KEPT_MAX) this.until.clear();
    this.until.set(key, askedAt + BELIEVED_MS);
  }

  /** The tenant is being claimed: nothing that was missed counts any longer. */
  claim(tenantId: string): void {
    this.until.clear();
    if (this.claimed.size >= KEPT_MAX) this.claimed.clear();
    this.claimed.set(tenantId, monotonicMs() + CLAIM_OPEN_MS);
  }
}
