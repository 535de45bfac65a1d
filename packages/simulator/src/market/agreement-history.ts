import { type Agreement } from './agreement.js';

/**
 * The longest that anything lags behind (switches `searchIndexDelayMs`, `agreementTermsDelayMs` and
 * `entitlementChangesAfterMs`).
 */
const keptMs = 3_600_000;

/** What agreements were before their latest changes, as far back as somebody may still see them so. */
export class AgreementHistory {
  /** By agreement, older first. Each version stood from its `updatedAt` until that of the next. */
  readonly #versions = new Map<string, Agreement[]>();

  list(): Agreement[] {
    return [...this.#versions.values()].flat();
  }

  restore(versions: readonly Agreement[]): void {
    this.#versions.clear();
    for (const version of versions)
      this.#versions.set(version.agreementId, [...(this.#versions.get(version.agreementId) ?? []), version]);
  }

  /** Keeps what is about to change. */
  keep(version: Agreement, now: Date): void {
    const oldest = now.getTime() - keptMs;
    const versions = [...(this.#versions.get(version.agreementId) ?? []), version];
    const first = Math.max(
      0,
      versions.findLastIndex(({ updatedAt }) => updatedAt.getTime() <= oldest),
    );
    this.#versions.set(version.agreementId, versions.slice(first));
  }

  /** The agreement as it was first, as far as it is kept. */
  beginningOf(agreement: Agreement): Agreement {
    return this.#versions.get(agreement.agreementId)?.[0] ?? agreement;
  }

  /** The agreement as it stood at the moment; undefined where it was not there yet. */
  asOf(agreement: Agreement, moment: Date): Agreement | undefined {
    const versions = [...(this.#versions.get(agreement.agreementId) ?? []), agreement];
    return versions.findLast(({ updatedAt }) => updatedAt <= moment);
  }
}
