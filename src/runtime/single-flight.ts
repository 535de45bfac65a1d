/**
 * Whoever asks for the same at the same time shares one question and its answer, or its failure. Nothing is kept after.
 */
export class SingleFlight<Answer> {
  private readonly underWay = new Map<string, Promise<Answer>>();

  /** How many questions are under way. */
  get size(): number {
    return this.underWay.size;
  }

  has(key: string): boolean {
    return this.underWay.has(key);
  }

  /** The answer under way for the key; `ask` is called where there is none. */
  share(key: string, ask: () => Promise<Answer>): Promise<Answer> {
    const known = this.underWay.get(key);
    if (known) return known;
    const answer = ask().finally(() => this.underWay.delete(key));
    this.underWay.set(key, answer);
    return answer;
  }
}
