import { createHash } from 'node:crypto';
import { type Operation } from '../wire/api-operation.js';
import { type ProductIdentity } from '../market/listing.js';
import { type SeededRandom } from '../seeded-random.js';
import { type Switches } from '../switches.js';
import { allocationsKey, type UsageAllocation } from '../wire/usage-record.js';

/** What AWS would charge for one hour of one dimension. A quantity of 0 is a line too. */
export interface BillLine {
  /**
   * What brought it in: the seller's record, the software's own record, or the time that a registered container ran.
   */
  readonly operation: Extract<Operation, 'BatchMeterUsage' | 'MeterUsage' | 'RegisterUsage'>;
  readonly productCode: string;
  /** Region whose API took the record: each region deduplicates for itself. */
  readonly region: string;
  /** How the record named its buyer; `resource`: by the credentials of the software that sent it. */
  readonly identity: ProductIdentity | 'resource';
  readonly agreementId: string;
  /** License identity only. */
  readonly licenseArn?: string;
  readonly customerAWSAccountId?: string;
  /** Legacy identity only. */
  readonly customerIdentifier?: string;
  /** Resource identity only. */
  readonly resourceId?: string;
  readonly dimension: string;
  /** Start of the UTC hour, ISO 8601. */
  readonly hour: string;
  /** Units; for RegisterUsage hours, prorated to the second. */
  readonly quantity: number;
  readonly meteringRecordId: string;
  readonly usageAllocations?: readonly UsageAllocation[];
}

export type BillFilter = Partial<
  Pick<
    BillLine,
    | 'operation'
    | 'productCode'
    | 'region'
    | 'identity'
    | 'agreementId'
    | 'licenseArn'
    | 'customerAWSAccountId'
    | 'resourceId'
    | 'dimension'
    | 'hour'
  >
>;

/** A record on its way into the book: a line without an id. */
export type BillEntry = Omit<BillLine, 'meteringRecordId'>;

/**
 * What became of a record: the line it made, or the line that holds its place, with the `same` usage or with `other`.
 */
export interface Entry {
  readonly found: 'nothing' | 'same' | 'other';
  readonly line: BillLine;
}

/** When a record took effect. Epoch milliseconds. */
export interface Acceptance {
  /** As the record has it; its hour is that of the line. */
  readonly timestamp: number;
  readonly acceptedAt: number;
}

export interface AcceptedLine extends Acceptance {
  readonly line: BillLine;
}

export interface UsageBookSnapshot {
  readonly lines: readonly (readonly [grain: string, accepted: AcceptedLine])[];
}

/** All usage that is effective. In each grain the first write wins; nothing is ever changed or removed. */
export class UsageBook {
  readonly #lines = new Map<string, AcceptedLine>();

  constructor(
    private readonly random: SeededRandom,
    private readonly switches: Readonly<Pick<Switches, 'otherAllocations'>>,
    private readonly sellerAccountId: string,
  ) {}

  /**
   * The grain: region, product, identity, buyer or resource, dimension and hour; with a `token` each token is a grain
   * of its own.
   */
  enter(entry: BillEntry, when: Acceptance, token?: string): Entry {
    const grain = grainOf(entry, token);
    const first = this.#lines.get(grain)?.line;
    if (first) return { found: this.#sameUsage(first, entry) ? 'same' : 'other', line: first };
    const line = { ...entry, meteringRecordId: this.#idOf(grain) };
    this.#lines.set(grain, { line, ...when });
    return { found: 'nothing', line };
  }

  /**
   * AWS's ids are unique in the world. The seed’s are not: those of two marketplaces of one seed, or of one that has begun
   * anew beside a ledger that has not, are told apart by what they are of.
   */
  #idOf(grain: string): string {
    const place = createHash('sha256').update(`${this.sellerAccountId} ${grain}`).digest('hex');
    return this.random.uuid().slice(0, -12) + place.slice(0, 12);
  }

  lines(): BillLine[] {
    return [...this.#lines.values()].map(({ line }) => line);
  }

  /** In the order in which they were accepted. */
  accepted(): AcceptedLine[] {
    return [...this.#lines.values()];
  }

  snapshot(): UsageBookSnapshot {
    return { lines: [...this.#lines] };
  }

  restore({ lines }: UsageBookSnapshot): void {
    this.#lines.clear();
    for (const [grain, accepted] of lines) this.#lines.set(grain, accepted);
  }

  #sameUsage(first: BillLine, entry: BillEntry): boolean {
    if (first.quantity !== entry.quantity) return false;
    if (this.switches.otherAllocations === 'identical') return true;
    return allocationsKey(first.usageAllocations) === allocationsKey(entry.usageAllocations);
  }
}

/** Whether a line is one that the filter asks for; a member that is absent or undefined asks for nothing. */
export function billed(line: BillLine, filter: BillFilter): boolean {
  const wanted = Object.entries(filter).filter(([, value]) => (value as string | undefined) !== undefined);
  return wanted.every(([key, value]) => line[key as keyof BillFilter] === value);
}

/**
 * Two records of one grain are the same usage, or a conflict. Legacy customers are one by their account, whichever of
 * their two ids the record used.
 */
export function grainOf(entry: BillEntry, token?: string): string {
  const buyer = entry.resourceId ?? entry.licenseArn ?? entry.customerAWSAccountId;
  return JSON.stringify([entry.region, entry.productCode, entry.identity, buyer, entry.dimension, token ?? entry.hour]);
}
