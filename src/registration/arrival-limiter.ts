import { isIPv6 } from 'node:net';
import { performance } from 'node:perf_hooks';
import { Inject, Injectable } from '@nestjs/common';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';

const WINDOW_MS = 60_000;
const CLIENTS_MAX = 10_000;

interface Tally {
  windowStart: number;
  current: number;
  previous: number;
}

/**
 * How often one client may knock, by a sliding window of two counters: the part of the last minute that still counts is
 * estimated from its share. In this process only, on the monotonic clock; the memory it takes is bounded, the client
 * not heard of for longest is forgotten first.
 */
@Injectable()
export class ArrivalLimiter {
  private readonly tallies = new Map<string, Tally>();

  constructor(@Inject(RESOLVED_OPTIONS) private readonly options: Pick<ResolvedOptions, 'registrationsPerMinute'>) {}

  /**
   * Counts an arrival.
   * @returns null when it may go on, else the seconds until it may.
   */
  admit(address: string, nowMs: number = performance.now()): number | null {
    const client = clientOf(address);
    const tally = this.tallyOf(client, nowMs);
    const elapsed = (nowMs - tally.windowStart) / WINDOW_MS;
    const free = freeAt(tally, this.options.registrationsPerMinute);
    // A refused arrival is not counted, so waiting always helps.
    if (elapsed < free) return Math.max(1, Math.ceil(((free - elapsed) * WINDOW_MS) / 1000));
    tally.current += 1;
    return null;
  }

  private tallyOf(client: string, nowMs: number): Tally {
    const known = this.tallies.get(client);
    this.tallies.delete(client);
    const tally = known ? rolled(known, nowMs) : { windowStart: nowMs, current: 0, previous: 0 };
    const [oldest] = this.tallies.size >= CLIENTS_MAX ? this.tallies.keys() : [];
    if (oldest !== undefined) this.tallies.delete(oldest);
    this.tallies.set(client, tally);
    return tally;
  }
}

/**
 * When there is room for one more, in windows since the start of the present one: the count of the window before fades
 * evenly.
 */
function freeAt({ current, previous }: Tally, limit: number): number {
  const room = limit - current - 1;
  if (room >= 0) return previous <= room ? 0 : 1 - room / previous;
  return 2 - (limit - 1) / current;
}

function rolled(tally: Tally, nowMs: number): Tally {
  const windows = Math.floor((nowMs - tally.windowStart) / WINDOW_MS);
  if (windows === 0) return tally;
  return {
    windowStart: tally.windowStart + windows * WINDOW_MS,
    current: 0,
    previous: windows === 1 ? tally.current : 0,
  };
}

/** One IPv6 customer has a whole /64: counting addresses would count nothing. */
function clientOf(address: string): string {
  if (!isIPv6(address) || address.startsWith('::ffff:')) return address;
  const [head = '', tail = ''] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === '' ? [] : tail.split(':');
  const groups = address.includes('::')
    ? [...left, ...Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right]
    : left;
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`;
}
