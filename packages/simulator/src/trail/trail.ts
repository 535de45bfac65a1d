import { createHash, randomUUID } from 'node:crypto';
import { type CallLog } from '../wire/call-log.js';
import { type JsonObject } from '../wire/input-reader.js';
import { packDates, type PackedDates, unpackDates } from '../packed-dates.js';
import { type SimulatorClock } from '../virtual-clock.js';
import { type Switches } from '../switches.js';
import { type TrailEvent, trailEventOf } from './trail-event.js';
import { type TrailFile, trailFiles, type TrailFileOptions } from './trail-file.js';

/** Events by what they say; all members given must fit. */
export interface TrailScope {
  accountId?: string;
  region?: string;
  eventName?: string;
  eventIds?: readonly string[];
  /** Inclusive. */
  from?: Date;
  /** Exclusive. */
  to?: Date;
}

/** A record that is none of the simulator's own, as CloudTrail would hand it out. */
export interface ForeignRecord {
  /** An object, or any text: what is no JSON either. */
  record: JsonObject | string;
  /** Default: the seller's. */
  accountId?: string;
  /** Default: `awsRegion` of the record, else us-east-1. */
  region?: string;
  /** Default: `eventTime` of the record, else now. */
  at?: Date;
}

export interface TrailSnapshot {
  readonly lost: PackedDates<readonly TrailScope[]>;
  readonly delayed: PackedDates<readonly Delay[]>;
  readonly foreign: PackedDates<readonly Foreign[]>;
  readonly tokens: number;
}

type Delay = TrailScope & { readonly byMs: number };

interface Foreign {
  readonly eventId: string;
  readonly text: string;
  readonly accountId: string;
  readonly region: string;
  readonly time: Date;
}

/**
 * What CloudTrail has of the metering service, and what it has lost. Calls stand in the trail of the account that made
 * them, in the region called.
 */
export class Trail {
  #lost: TrailScope[] = [];
  #delayed: Delay[] = [];
  #foreign: Foreign[] = [];
  #tokens = 0;

  constructor(
    private readonly sellerAccountId: string,
    private readonly log: CallLog,
    private readonly clock: SimulatorClock,
    private readonly switches: Readonly<Switches>,
  ) {}

  /** Events that are never shown, nor written to files: a gap. */
  lose(scope: TrailScope): void {
    this.#lost.push(scope);
  }

  /** Events that are shown and written so many milliseconds later than others. */
  delay(scope: TrailScope, byMs: number): void {
    this.#delayed.push({ ...scope, byMs });
  }

  /** Records of other services, of calls that the simulator never saw, or broken ones. Returns the event's id. */
  insert({ record, ...where }: ForeignRecord): string {
    const members = typeof record === 'string' ? {} : record;
    const text = (name: string): string | undefined => (typeof members[name] === 'string' ? members[name] : undefined);
    const eventTime = new Date(text('eventTime') ?? NaN);
    const foreign = {
      eventId: text('eventID') ?? randomUUID(),
      text: typeof record === 'string' ? record : JSON.stringify(record),
      accountId: where.accountId ?? this.sellerAccountId,
      region: where.region ?? text('awsRegion') ?? 'us-east-1',
      time: where.at ?? (Number.isNaN(eventTime.getTime()) ? this.clock.now() : eventTime),
    };
    this.#foreign.push(foreign);
    return foreign.eventId;
  }

  /** No NextToken that was given out before is good any more. */
  expireTokens(): void {
    this.#tokens += 1;
  }

  /** Raised by `expireTokens`. */
  get tokens(): number {
    return this.#tokens;
  }

  /** No gaps, delays or foreign records any more. */
  clear(): void {
    this.#lost = [];
    this.#delayed = [];
    this.#foreign = [];
  }

  /** All events that fit, however late they show, oldest first. */
  events(scope: TrailScope = {}): TrailEvent[] {
    const own = this.log
      .calls()
      // Looked at before an event is made of it: a page of LookupEvents must not cost what the whole log does.
      .filter(({ accountId, region, at, operation, eventId }) =>
        fits(scope, { accountId, region, time: at, eventName: operation, eventId }),
      )
      .map((call) => trailEventOf(call, this.switches));
    const foreign = this.#foreign.map(foreignEvent).filter((event) => fits(scope, event));
    return [...own, ...foreign]
      .filter((event) => event !== undefined)
      .filter((event) => !this.#lost.some((lost) => fits(lost, event)))
      .sort((a, b) => a.time.getTime() - b.time.getTime());
  }

  /** What LookupEvents shows by now of what fits, oldest first. */
  shown(scope: TrailScope, now: Date): TrailEvent[] {
    const { cloudTrailDelayMs } = this.switches;
    return this.events(scope).filter((event) => this.#latenessOf(event) + cloudTrailDelayMs <= age(event, now));
  }

  /** What the trail has put into its bucket by now: files as their paths and bodies. */
  files(options: TrailFileOptions = {}): TrailFile[] {
    return [...this.#files(options)];
  }

  /** Writes the files below the folder, and returns their paths in it. */
  async deliver(folder: string, options: TrailFileOptions = {}): Promise<string[]> {
    const { mkdir, writeFile } = await import('node:fs/promises');
    const paths: string[] = [];
    for (const { path, body } of this.#files(options)) {
      const target = `${folder}/${path}`;
      await mkdir(target.slice(0, target.lastIndexOf('/')), { recursive: true });
      await writeFile(target, body);
      paths.push(path);
    }
    return paths;
  }

  snapshot(): TrailSnapshot {
    return {
      lost: packDates(this.#lost),
      delayed: packDates(this.#delayed),
      foreign: packDates(this.#foreign),
      tokens: this.#tokens,
    };
  }

  restore({ lost, delayed, foreign, tokens }: TrailSnapshot): void {
    this.#lost = unpackDates<TrailScope[]>(lost);
    this.#delayed = unpackDates<Delay[]>(delayed);
    this.#foreign = unpackDates<Foreign[]>(foreign);
    this.#tokens = tokens;
  }

  #files(options: TrailFileOptions): Iterable<TrailFile> {
    const now = this.clock.now();
    const { accountId = options.organizationId === undefined ? this.sellerAccountId : undefined } = options;
    const scope = { ...options, ...(accountId !== undefined && { accountId }) };
    const delivered = this.events(scope).filter((event) => this.#latenessOf(event) <= age(event, now));
    return trailFiles(delivered, options, now);
  }

  /** Beyond what is usual, in milliseconds. */
  #latenessOf(event: TrailEvent): number {
    const { cloudTrailDelaySpreadMs: spread } = this.switches;
    const delays = this.#delayed.filter((delay) => fits(delay, event)).map(({ byMs }) => byMs);
    return (spread === 0 ? 0 : Math.round(spread * shareOf(event.eventId))) + Math.max(0, ...delays);
  }
}

type Facts = Readonly<Record<'accountId' | 'region' | 'eventName' | 'eventId', string | undefined>> & {
  readonly time: Date;
};

function fits({ accountId, region, eventName, eventIds, from, to }: TrailScope, event: Facts): boolean {
  if (accountId !== undefined && accountId !== event.accountId) return false;
  if (region !== undefined && region !== event.region) return false;
  if (eventName !== undefined && eventName !== event.eventName) return false;
  if (eventIds && !eventIds.includes(event.eventId ?? '')) return false;
  return !(from && event.time < from) && !(to && event.time >= to);
}

/** In [0, 1), the same for the same event. */
function shareOf(eventId: string): number {
  return createHash('sha256').update(eventId).digest().readUInt32BE() / 2 ** 32;
}

function age({ time }: TrailEvent, now: Date): number {
  return now.getTime() - time.getTime();
}

/** What LookupEvents finds it by is read from the record, as far as there is one. */
function foreignEvent({ text, ...foreign }: Foreign): TrailEvent {
  let members: JsonObject = {};
  try {
    members = (JSON.parse(text) ?? {}) as JsonObject;
  } catch {
    // Broken on purpose.
  }
  const named = (name: string): string => (typeof members[name] === 'string' ? members[name] : '');
  const identity = (members.userIdentity ?? {}) as { accessKeyId?: string; userName?: string };
  return {
    ...foreign,
    eventName: named('eventName'),
    eventSource: named('eventSource'),
    accessKeyId: identity.accessKeyId ?? '',
    userName: identity.userName ?? '',
    record: () => text,
  };
}
