import { type MessageFilter } from './notification-message.js';

/**
 * What goes wrong on the way to a target. Those that match a message strike one after the other, in the order they were
 * added.
 */
export type Disturbance = MessageFilter & {
  /** Id of the target. Default: every target. */
  target?: string;
  /** In [0, 1], drawn from the seed per message and target. Default 1. */
  probability?: number;
  /** How many deliveries it strikes before it is spent. Default: no limit. */
  count?: number;
} & DisturbanceEffect;

export type DisturbanceEffect =
  /** Never delivered. */
  | { kind: 'drop' }
  /**
   * Delivered `copies` times (default 2), the later ones up to `spreadMs` of the simulator's clock later (default 0).
   */
  | { kind: 'duplicate'; copies?: number; spreadMs?: number }
  /** Delivered `ms` of the simulator's clock late, plus up to `jitterMs` (default 0). */
  | { kind: 'delay'; ms: number; jitterMs?: number }
  /** Waits until `among` of them (>= 2) have come together; they are then delivered in a drawn order. */
  | { kind: 'reorder'; among: number }
  /** Waits for `release()`. */
  | { kind: 'hold' };

export interface DisturbanceHandle {
  /** Deliveries struck so far. */
  readonly hits: number;
  remove(): void;
}
