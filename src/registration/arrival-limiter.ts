import { performance } from 'node:perf_hooks';

const WINDOW_MS = 60_000;
const CLIENTS_MAX = 10_000;

interface Tally {
  windowStart: number;
  current: number;
  previous: number;
}

/**
 * How often one client may bring what leads nowhere, by a sliding window of two counters: the part of the last minute
 * that still counts is estimated from its share. In this process only, on the monotonic clock; the memory it takes is
 * bounded, the client not heard of for longest is forgotten first.
 */
export class ArrivalLimiter {
  private readonly tallies = new Map<string, Tally>();

  constructor(private readonly perMinute: number) {}

  /** @returns null when the client may go on, else the seconds until it may. */
  waitOf(client: string, nowMs: number = performance.now()): number | null {
    const tally = this.tallyOf(clientOf(client), nowMs);
    const elapsed = (nowMs - tally.windowStart) / WINDOW_MS;
    const free = freeAt(tally, this.perMinute);
    return elapsed < free ? Math.max(1, Math.ceil(((free - elapsed) * WINDOW_MS) / 1000)) : null;
  }

  /** Counts what led nowhere. */
  count(client: string, nowMs: number = performance.now()): void {
    this.tallyOf(clientOf(client), nowMs).current += 1;
  }

  private tallyOf(client: string, nowMs: number): Tally {
    const known = this.tallies.get(client);
    this.tallies.delete(client);
    const tally = known ? rolled(known, nowMs) : { windowStart: nowMs, current: 0, previous: 0 };
    for (const oldest of this.tallies.keys()) {
      if (this.tallies.size < CLIENTS_MAX) break;
      this.tallies.delete(oldest);
    }
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
  if (room < 0) return 2 - (limit - 1) / current;
  // Stryker disable next-line ConditionalExpression,EqualityOperator: the division, too, names no time ahead then.
  return previous <= room ? 0 : 1 - room / previous;
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
  // The platform's parser has one spelling for each address. The zone is the host's, and says nothing of the customer.
  const url = `http://[${address.replace(/%.*/, '')}]`;
  if (!URL.canParse(url)) return address;
  const host = new URL(url).hostname.slice(1, -1);
  // An IPv4 address, of a socket that listens for both.
  if (host.startsWith('::ffff:')) return host;
  const zeros = '0:'.repeat(8 - groupsOf(host).length);
  const groups = groupsOf(host.replace('::', `:${zeros}`));
  return `${groups.slice(0, 4).join(':')}::/64`;
}

function groupsOf(address: string): string[] {
  return address.split(':').filter((group) => group !== '');
}
