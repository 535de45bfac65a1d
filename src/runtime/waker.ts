import { Injectable } from '@nestjs/common';

/**
 * Wakes a job of this process ahead of its tick. A lost wake-up costs a tick, never a unit: whatever a job must know
 * stands in the database.
 */
@Injectable()
export class Waker {
  private readonly listeners = new Map<string, Set<() => void>>();

  onWake(job: string, listener: () => void): () => void {
    const listeners = this.listeners.get(job) ?? new Set();
    this.listeners.set(job, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  wake(job: string): void {
    for (const listener of this.listeners.get(job) ?? []) listener();
  }
}
