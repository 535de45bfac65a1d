import { type Options, type StaticOptions } from '../../src/index.js';

/** What a replica of the soak is told on its standard input, once. */
export interface SoakOrder {
  databaseUrl: string;
  awsEndpoint: string;
  /** Business time: from `startsAt` at the wall time `anchoredAt`, `rate` times as fast. */
  clock: { startsAt: string; anchoredAt: string; rate: number };
  options: Options & StaticOptions;
}

/** What a replica is asked while it runs. */
export type SoakRequest =
  | { kind: 'record'; key: string; tenantId: string; quantity: number }
  /** The clock of its machine is off by so much from now on. */
  | { kind: 'clock'; offsetMs: number };

/** What it says. */
export type SoakReply =
  | { kind: 'ready'; url: string }
  | { kind: 'recorded'; key: string; outcome: string }
  | { kind: 'refused'; key: string; code: string };
