import { type ScenarioInput } from './control/scenario.js';
import { type PresetName, type Switches } from './switches.js';
import { type SimulatorClock } from './virtual-clock.js';
import { type CallQuotas } from './wire/call-quota.js';

export interface SimulatorOptions {
  /** Default 0: any free port. */
  port?: number;
  /** Address to listen on. Default `127.0.0.1`. */
  host?: string;
  /** A whole number. The same seed and the same calls give the same ids, tokens, faults and orders. Default 1. */
  seed?: number;
  /** A whole set of readings of AWS's open questions. Default `strict`. */
  preset?: PresetName;
  /** Readings that differ from the preset's. */
  switches?: Partial<Switches>;
  /** Default: a VirtualClock at wall time and wall speed. */
  clock?: SimulatorClock;
  /**
   * Calls per second of wall time, per operation, account and region, 0 = unlimited: one number for all operations, or
   * by operation. Default: AWS's own. 10; RegisterUsage, SearchAgreements and DescribeAgreement 5, GetEntitlements 20,
   * LookupEvents 2, GetAgreementTerms by switch.
   */
  callsPerSecond?: number | Partial<CallQuotas>;
  /**
   * What the seconds of the quota are: those of the `wall`, or those of the simulator's `clock`, for a crowd whose
   * retries are played in virtual time. A clock that stands still then refills nothing. Default `wall`.
   */
  quotaTime?: 'wall' | 'clock';
  /**
   * The account that published the products: the one that calls and events are recorded under. Default `123456789012`.
   */
  sellerAccountId?: string;
  /**
   * Products, buyers, switches and faults to begin with, and what happens when the clock comes to it; as JSON has it.
   */
  scenario?: ScenarioInput;
  /**
   * A file in which the world is kept: read at the start if it is there, and written before each answer, so that not
   * even `kill -9` loses what a client was told. A file that this version cannot read keeps the simulator from
   * starting, and is left as it is. What the file holds wins over `clock`, `seed`, `preset`, `switches`, and the
   * beginning of the `scenario`.
   */
  stateFile?: string;
  /** How many of the latest calls `calls` remembers. Default 100000. */
  callLogLimit?: number;
}
