/** One use, as the host wrote it down before it recorded it. */
export interface JournalEntry {
  readonly key: string;
  readonly tenantId: string;
  readonly quantity: number;
  /** Business time; the ledger's date of it lies between this and the answer. */
  readonly usedAt: Date;
  /** `open`: nobody has answered. */
  state: 'open' | 'acknowledged' | 'refused';
  code?: string;
  answeredAt?: Date;
}

/** The host's own book of what it used, and of what the module has said of it: the oracle of the soak. */
export class Journal {
  private readonly byKey = new Map<string, JournalEntry>();

  constructor(private readonly now: () => Date) {}

  write(tenantId: string, quantity: number): JournalEntry {
    const entry: JournalEntry = {
      key: `use-${this.byKey.size + 1}`,
      tenantId,
      quantity,
      usedAt: this.now(),
      state: 'open',
    };
    this.byKey.set(entry.key, entry);
    return entry;
  }

  /** Once acknowledged, for ever: a refusal of a repeat takes nothing back. */
  acknowledge(key: string): void {
    const entry = this.byKey.get(key);
    if (!entry) return;
    entry.state = 'acknowledged';
    entry.answeredAt ??= this.now();
  }

  refuse(key: string, code: string): void {
    const entry = this.byKey.get(key);
    if (entry?.state !== 'open') return;
    entry.state = 'refused';
    entry.code = code;
  }

  get entries(): JournalEntry[] {
    return [...this.byKey.values()];
  }

  count(state: JournalEntry['state']): number {
    return this.entries.filter((entry) => entry.state === state).length;
  }
}
