/** How many may be at it, and how many may wait. */
export interface TurnBounds {
  /** At once, of all askers. */
  atOnce: () => number;
  atOncePerAsker: number;
  waiting: number;
  waitingPerAsker: number;
}

/** Called without effect a second time. */
export type EndTurn = () => void;

/**
 * Turns at work that strangers can cause: few at once, and askers are served one after the other, however many of one
 * of them wait. Who finds the lines full is told so at once.
 */
export class FairTurns {
  /** In the order in which askers are served next. */
  private readonly lines = new Map<string, (() => void)[]>();
  private readonly busy = new Map<string, number>();
  private active = 0;
  private waiting = 0;

  constructor(private readonly bounds: TurnBounds) {}

  /** @returns null: the lines are full, or the turn did not come within `patienceMs` */
  async take(asker: string, patienceMs: number): Promise<EndTurn | null> {
    if (this.waiting === 0 && this.isFree(asker)) return this.begin(asker);
    const line = this.lines.get(asker) ?? [];
    if (this.waiting >= this.bounds.waiting || line.length >= this.bounds.waitingPerAsker) return null;
    this.lines.set(asker, line);
    this.waiting += 1;
    const turn = new Promise<EndTurn | null>((resolve) => {
      const called = (): void => {
        clearTimeout(timer);
        resolve(this.begin(asker));
      };
      const timer = setTimeout(() => {
        this.leave(asker, called);
        resolve(null);
      }, patienceMs);
      line.push(called);
    });
    this.callNext();
    return turn;
  }

  private isFree(asker: string): boolean {
    return this.active < this.bounds.atOnce() && (this.busy.get(asker) ?? 0) < this.bounds.atOncePerAsker;
  }

  private begin(asker: string): EndTurn {
    this.active += 1;
    this.busy.set(asker, (this.busy.get(asker) ?? 0) + 1);
    let hasEnded = false;
    return () => {
      if (hasEnded) return;
      hasEnded = true;
      this.active -= 1;
      const left = (this.busy.get(asker) ?? 1) - 1;
      if (left === 0) this.busy.delete(asker);
      else this.busy.set(asker, left);
      this.callNext();
    };
  }

  private callNext(): void {
    for (const [asker, line] of this.lines) {
      if (this.active >= this.bounds.atOnce()) return;
      if (!this.isFree(asker)) continue;
      const called = line.shift();
      // Behind all others, for its next one.
      this.lines.delete(asker);
      if (line.length > 0) this.lines.set(asker, line);
      if (called === undefined) continue;
      this.waiting -= 1;
      called();
    }
  }

  private leave(asker: string, called: () => void): void {
    const line = this.lines.get(asker);
    if (!line) return;
    const place = line.indexOf(called);
    if (place < 0) return;
    line.splice(place, 1);
    this.waiting -= 1;
    if (line.length === 0) this.lines.delete(asker);
  }
}
