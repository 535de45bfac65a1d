import { type ProductIdentity } from '../market/listing.js';
import { type SeededRandom } from '../seeded-random.js';
import { type Switches } from '../switches.js';
import { allocationsKey, type UsageAllocation } from './usage-record.js';

/** What AWS would charge for one hour of one dimension: the first record accepted in its grain. A quantity of 0 is a line too. */
export interface BillLine {
  readonly productCode: string;
  /** Region whose API took the record: each region deduplicates for itself. */
  readonly region: string;
  readonly identity: ProductIdentity;
  readonly agreementId: string;
  /** License identity only. */
  readonly licenseArn?: string;
  readonly customerAWSAccountId?: string;
  /** Legacy identity only. */
  readonly customerIdentifier?: string;
  readonly dimension: string;
  /** Start of the UTC hour, ISO 8601. */
  readonly hour: string;
  readonly quantity: number;
  readonly meteringRecordId: string;
  readonly usageAllocations?: readonly UsageAllocation[];
}

export type BillFilter = Partial<
  Pick<BillLine, 'productCode' | 'region' | 'identity' | 'agreementId' | 'licenseArn' | 'customerAWSAccountId' | 'dimension' | 'hour'>
>;

/** A record on its way into the book: a line without an id. */
export type BillEntry = Omit<BillLine, 'meteringRecordId'>;

export interface Entry {
  readonly status: 'Success' | 'DuplicateRecord';
  readonly meteringRecordId?: string;
}

/** All usage that is effective. Per region, identity, dimension and UTC hour the first write wins; nothing is ever changed or removed. */
export class UsageBook {
  readonly #lines = new Map<string, BillLine>();

  constructor(
    private readonly random: SeededRandom,
    private readonly switches: Readonly<Switches>,
  ) {}

  enter(entry: BillEntry): Entry {
    const key = grainOf(entry);
    const first = this.#lines.get(key);
    if (!first) {
      const line = { ...entry, meteringRecordId: this.random.uuid() };
      this.#lines.set(key, line);
      return { status: 'Success', meteringRecordId: line.meteringRecordId };
    }
    if (this.#identical(first, entry) && this.switches.identicalResend === 'success') {
      return { status: 'Success', meteringRecordId: first.meteringRecordId };
    }
    const original = this.switches.duplicateMeteringRecordId === 'original';
    return { status: 'DuplicateRecord', ...(original && { meteringRecordId: first.meteringRecordId }) };
  }

  lines(filter: BillFilter = {}): BillLine[] {
    const wanted = Object.entries(filter).filter(([, value]) => (value as string | undefined) !== undefined);
    return [...this.#lines.values()].filter((line) => wanted.every(([key, value]) => line[key as keyof BillFilter] === value));
  }

  #identical(first: BillLine, entry: BillEntry): boolean {
    if (first.quantity !== entry.quantity) return false;
    if (this.switches.otherAllocations === 'identical') return true;
    return allocationsKey(first.usageAllocations) === allocationsKey(entry.usageAllocations);
  }
}

/** Legacy customers are one by their account, whichever of their two ids the record used. */
function grainOf(entry: BillEntry): string {
  const customer = entry.licenseArn ?? entry.customerAWSAccountId;
  return JSON.stringify([entry.region, entry.productCode, entry.identity, customer, entry.dimension, entry.hour]);
}
