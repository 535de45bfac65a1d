import { type InputReader } from './input-reader.js';
import { ServiceError } from './service-error.js';
import { type Switches } from '../switches.js';

/** A UsageRecord as it came over the wire [BOTO]. */
export interface UsageRecord {
  /** Epoch seconds, possibly with a fraction. */
  readonly Timestamp: number;
  readonly Dimension: string;
  /** 0 to 2147483647. Absent means 0. */
  readonly Quantity?: number;
  readonly CustomerIdentifier?: string;
  readonly CustomerAWSAccountId?: string;
  readonly LicenseArn?: string;
  readonly UsageAllocations?: readonly UsageAllocation[];
}

export interface UsageAllocation {
  /** 0 to 2147483647. */
  readonly AllocatedUsageQuantity: number;
  /** Absent in the untagged bucket. */
  readonly Tags?: readonly { readonly Key: string; readonly Value: string }[];
}

/** A record that satisfies the model, in the simulator's own terms. */
export interface CheckedRecord {
  /** As received, for the echo in the answer. */
  readonly wire: UsageRecord;
  /** Epoch milliseconds. */
  readonly timestamp: number;
  readonly dimension: string;
  readonly quantity: number;
  readonly customerIdentifier: string | undefined;
  readonly accountId: string | undefined;
  readonly licenseArn: string | undefined;
  readonly allocations: readonly UsageAllocation[] | undefined;
}

const int32Max = 2_147_483_647;
const allocationsMax = 2500;
const tagsMax = 5;
// The ` -=` in the model's pattern is a range (0x20 to 0x3D), read here as a regular expression engine reads it [BOTO].
const tagPatterns = { range: /^[a-zA-Z0-9+ -=._:/@]*$/, literal: /^[a-zA-Z0-9+\- =._:/@]*$/ };
const licenseArnPattern =
  /^arn:aws[a-zA-Z-]*:[A-Za-z0-9][A-Za-z0-9_/.-]{0,62}:[A-Za-z0-9_/.-]{0,63}:[A-Za-z0-9_/.-]{0,63}:[A-Za-z0-9][A-Za-z0-9:_/+=,@.-]{0,1023}$/;

/** A product code on the wire [BOTO]. */
export const productCodeRule = { max: 255, pattern: /^[-a-zA-Z0-9/=:_.@]*$/ };

type TagSwitches = Pick<Switches, 'tagLimit' | 'tagCharacters' | 'emptyTagValue'>;

/**
 * Holds one record against the lengths, ranges and patterns of the model, and its allocations against the rules of
 * vendor-metered tagging.
 */
export function checkRecord(reader: InputReader, switches: TagSwitches): CheckedRecord {
  const timestamp = reader.required('Timestamp', reader.timestamp('Timestamp'));
  const dimension = reader.required('Dimension', reader.text('Dimension', { min: 1, max: 255 }));
  const quantity = checkQuantity(reader, 'Quantity');
  const customerIdentifier = reader.text('CustomerIdentifier', { max: 255 });
  const accountId = reader.text('CustomerAWSAccountId', { min: 1, max: 255, pattern: /^[0-9]+$/ });
  const licenseArn = reader.text('LicenseArn', { pattern: licenseArnPattern });
  const allocations = checkAllocations(reader, quantity, switches);
  const wire = reader.object as unknown as UsageRecord;
  return { wire, timestamp, dimension, quantity, customerIdentifier, accountId, licenseArn, allocations };
}

/** Absent means 0. */
export function checkQuantity(reader: InputReader, member: string): number {
  return reader.integer(member, { min: 0, max: int32Max }) ?? 0;
}

/** Two sets of allocations are the same when each tag set has the same quantity, in whatever order. */
export function allocationsKey(allocations: readonly UsageAllocation[] | undefined): string {
  return JSON.stringify(
    (allocations ?? []).map((allocation) => [tagSetKey(allocation), allocation.AllocatedUsageQuantity]).sort(),
  );
}

/** The UsageAllocations of a record or request: their sum, their tag sets and their tags. */
export function checkAllocations(
  reader: InputReader,
  quantity: number,
  switches: TagSwitches,
): UsageAllocation[] | undefined {
  const readers = reader.list('UsageAllocations', { min: 1, max: Infinity });
  if (!readers) return undefined;
  if (readers.length > allocationsMax)
    throw invalidAllocations(`A record can have at most ${allocationsMax} usage allocations.`);
  const allocations = readers.map((allocation) => checkAllocation(allocation, switches));
  if (new Set(allocations.map(tagSetKey)).size < allocations.length) {
    throw invalidAllocations('Each usage allocation must have a unique set of tags; at most one may have none.');
  }
  const sum = allocations.reduce((total, allocation) => total + allocation.AllocatedUsageQuantity, 0);
  if (sum !== quantity)
    throw invalidAllocations(`The usage allocations sum to ${sum}, the record's quantity is ${quantity}.`);
  const keys = new Set(allocations.flatMap((allocation) => (allocation.Tags ?? []).map((tag) => tag.Key)));
  if (switches.tagLimit === 'perRecord' && keys.size > tagsMax)
    throw invalidTag(`A record can have at most ${tagsMax} tag keys.`);
  return allocations;
}

function checkAllocation(reader: InputReader, switches: TagSwitches): UsageAllocation {
  const quantity = reader.integer('AllocatedUsageQuantity', { min: 0, max: int32Max });
  const allocation = { AllocatedUsageQuantity: reader.required('AllocatedUsageQuantity', quantity) };
  const tags = reader
    .list('Tags', { min: 0, max: Infinity })
    ?.map((tag) => ({ Key: tag.text('Key') ?? '', Value: tag.text('Value') ?? '' }));
  if (!tags) return allocation;
  if (tags.length < 1 || tags.length > tagsMax)
    throw invalidTag(`A usage allocation has 1 to ${tagsMax} tags, or no Tags at all.`);
  const pattern = tagPatterns[switches.tagCharacters];
  const valueMin = switches.emptyTagValue === 'accepted' ? 0 : 1;
  for (const { Key, Value } of tags) {
    if (Key.length < 1 || Key.length > 100 || !pattern.test(Key)) {
      throw invalidTag('A tag key has 1 to 100 characters: letters, digits, space and + - = . _ : / @');
    }
    if (Value.length < valueMin || Value.length > 256 || !pattern.test(Value)) {
      throw invalidTag(`A tag value has ${valueMin} to 256 characters: letters, digits, space and + - = . _ : / @`);
    }
  }
  if (new Set(tags.map((tag) => tag.Key)).size < tags.length)
    throw invalidTag('A tag key can stand only once in a usage allocation.');
  return { ...allocation, Tags: tags };
}

function tagSetKey(allocation: UsageAllocation): string {
  return JSON.stringify((allocation.Tags ?? []).map((tag) => [tag.Key, tag.Value]).sort());
}

function invalidAllocations(message: string): ServiceError {
  return new ServiceError('InvalidUsageAllocationsException', message);
}

function invalidTag(message: string): ServiceError {
  return new ServiceError('InvalidTagException', message);
}
