/**
 * A small deterministic generator (mulberry32), so that a run can be repeated from its seed.
 *
 * Each concern takes its own named stream: adding a fault must not change the ids that come after it.
 */
export class SeededRandom {
  #state: number;

  constructor(seed: number, stream = '') {
    this.#state = mixed(seed, stream);
  }

  /** Where the stream stands; `restore` goes on from there. */
  snapshot(): number {
    return this.#state;
  }

  restore(snapshot: number): void {
    this.#state = snapshot;
  }

  /** A number in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** A whole number in [0, below). */
  integer(below: number): number {
    return Math.floor(this.next() * below);
  }

  /** `length` characters, each drawn from `alphabet`. */
  text(length: number, alphabet: string): string {
    let text = '';
    for (let i = 0; i < length; i += 1) text += alphabet.charAt(this.integer(alphabet.length));
    return text;
  }

  /** A UUID of version 4. */
  uuid(): string {
    const hex = (length: number): string => this.text(length, '0123456789abcdef');
    return `${hex(8)}-${hex(4)}-4${hex(3)}-${this.text(1, '89ab')}${hex(3)}-${hex(12)}`;
  }

  /** A new array with the same items in a drawn order. */
  shuffled<T>(items: readonly T[]): T[] {
    return items
      .map((item) => ({ item, rank: this.next() }))
      .sort((a, b) => a.rank - b.rank)
      .map(({ item }) => item);
  }
}

function mixed(seed: number, stream: string): number {
  let hash = (2_166_136_261 ^ Math.trunc(seed)) | 0;
  for (const char of stream) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 16_777_619);
  return hash;
}
