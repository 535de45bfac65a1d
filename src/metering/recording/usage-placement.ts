// From a read event to a row: under which name it is recorded, and under which id and key. Pure.
import { type ResolvedProduct } from '../../options/resolved-options.js';
import { type SubjectName } from '../../subscription/chain/subject-directory.js';
import { subscriptionIdOf } from '../../subscription/subscription.js';
import { eventIdOf, isMinted, type KeyScope, mintedKeyOf, mintEventId } from './event-id.js';
import { type RecordResult } from './usage-event.js';
import { type CheckedUsage, shown, type UsageContent } from './usage-reading.js';
import { type CodedProblem } from './usage-refusal.js';

/** An event as it will stand in the ledger. */
export interface PlacedUsage extends CheckedUsage {
  id: string;
  /** The given key, or the minted one. */
  idempotencyKey: string;
  /** Nobody else can hold its id: the caller gave no key. */
  isMinted: boolean;
  subject: number;
  dimensionId: number;
}

/** The listed products, as the catalogue holds them. */
export interface Listing {
  get(productCode: string): ResolvedProduct | undefined;
  withDimension(name: string): readonly ResolvedProduct[];
  installationOf(product: ResolvedProduct): string | null;
}

/** Why an event has no place: a mistake in the call, or a name that nobody of ours has. */
export interface Misplaced {
  problem: CodedProblem;
  isUnknown: boolean;
}

/**
 * Under which name an event is recorded: a pure function of the event and the options, so that a retry finds the same.
 */
export function subjectNameOf(usage: CheckedUsage, listing: Listing): SubjectName | Misplaced {
  const { tenantId, productCode } = usage;
  const named = productCode === null ? null : (listing.get(productCode) ?? null);
  if (productCode !== null && named === null) {
    return unlisted(usage, 'productCode', productCode);
  }
  if (usage.subscriptionId !== null) {
    const subscriptionId = subscriptionIdOf(usage.subscriptionId);
    return subscriptionId === null ? unknownSubject(usage) : { productCode, tenantId, subscriptionId };
  }
  if (named !== null) return nameAt(named, tenantId, listing);
  const [only, ...others] = listing.withDimension(usage.dimension);
  if (!only)
    return misplaced(
      usage,
      'DIMENSION_UNDECLARED',
      'dimension',
      `"${shown(usage.dimension)}" is declared for no listed product; ${DECLARE}`,
    );
  if (others.length > 0) {
    const codes = [only, ...others].map((product) => `"${product.productCode}"`).join(' and ');
    return misplaced(
      usage,
      'PRODUCT_AMBIGUOUS',
      'productCode',
      `"${shown(usage.dimension)}" is declared for ${codes}; say which in productCode`,
    );
  }
  return nameAt(only, tenantId, listing);
}

/** A product in its buyer's account has one customer, the installation; the tenant is null there. */
function nameAt(product: ResolvedProduct, tenantId: string | null, listing: Listing): SubjectName {
  return { productCode: product.productCode, tenantId, subscriptionId: listing.installationOf(product) };
}

/** Where AWS would take the event, but not its tags. */
export function untaggable(usage: CheckedUsage): Misplaced {
  const message = 'AWS takes no tags on Amazon Bedrock AgentCore; leave them out';
  return misplaced(usage, 'USAGE_INVALID', 'tags', message);
}

/** A typo, or a product that was taken off the list while usage of it still comes. */
function unlisted(usage: CheckedUsage, field: string, productCode: string): Misplaced {
  const message =
    `product "${shown(productCode)}" is not listed (any more); correct it, or list it in products ` +
    `(MARKETPLACE_PRODUCTS): with mode "off" its usage is kept in the ledger and not billed`;
  return misplaced(usage, 'PRODUCT_UNKNOWN', field, message);
}

const DECLARE = 'correct it, or add it to products[].dimensions (MARKETPLACE_PRODUCTS)';

export function unknownSubject(usage: CheckedUsage): Misplaced {
  const { tenantId, subscriptionId } = usage;
  if (tenantId === null) {
    const message = `"${shown(subscriptionId ?? '')}" is no subscription; give the id that claim() returned`;
    return { ...misplaced(usage, 'SUBSCRIPTION_UNKNOWN', 'subscriptionId', message), isUnknown: true };
  }
  if (subscriptionId !== null) {
    const message =
      `"${shown(subscriptionId)}" was never claimed by tenant "${shown(tenantId)}"; leave it out to have the payer ` +
      'chosen at sealing';
    return { ...misplaced(usage, 'SUBSCRIPTION_UNKNOWN', 'subscriptionId', message), isUnknown: true };
  }
  const message =
    `"${shown(tenantId)}" has claimed no subscription of the product; give the id that claim() was given; where only ` +
    `some tenants are AWS customers, recording.unknownTenants: 'ignore' (MARKETPLACE_RECORDING_UNKNOWN_TENANTS)`;
  return { ...misplaced(usage, 'TENANT_UNKNOWN', 'tenantId', message), isUnknown: true };
}

export function undeclaredDimension(
  usage: CheckedUsage,
  productCode: string,
  product: ResolvedProduct | undefined,
): Misplaced {
  const { dimension } = usage;
  if (!product) return unlisted(usage, 'subscriptionId', productCode);
  const message = product.dimensions.includes(dimension)
    ? `"${shown(dimension)}" of product ${productCode} is not in the ledger yet: the module writes it at its ` +
      'start, so let a replica with these options start'
    : `"${shown(dimension)}" is not declared for product ${productCode}; give one of ` +
      `${product.dimensions.map((name) => `"${name}"`).join(', ')}, or add it to products[].dimensions (MARKETPLACE_PRODUCTS)`;
  return misplaced(usage, 'DIMENSION_UNDECLARED', 'dimension', message);
}

function misplaced(usage: CheckedUsage, code: CodedProblem['code'], field: string, message: string): Misplaced {
  return { problem: { code, index: usage.index, field, message }, isUnknown: false };
}

export function isMisplaced(answer: SubjectName | Misplaced): answer is Misplaced {
  return 'problem' in answer;
}

/** Gives an event its id and key. */
export function identify(
  usage: CheckedUsage,
  sellerAccount: string,
): Pick<PlacedUsage, 'id' | 'idempotencyKey' | 'isMinted'> {
  const { key } = usage;
  if (key === null) {
    const id = mintEventId();
    return { id, idempotencyKey: mintedKeyOf(id), isMinted: true };
  }
  return { id: eventIdOf({ sellerAccount, scope: scopeOf(usage), key }), idempotencyKey: key, isMinted: false };
}

function scopeOf({ tenantId, subscriptionId }: UsageContent): KeyScope {
  if (tenantId !== null) return { kind: 'tenant', name: tenantId };
  // Two spellings of one uuid are one subscription.
  return { kind: 'subscription', name: (subscriptionId ?? '').toLowerCase() };
}

/** The key as it stands in the row: a minted one is the id itself. */
export function keptKeyOf({ key }: CheckedUsage): string | null {
  return key === null || isMinted(key) ? null : key;
}

/** The answer for an event as it was given. */
export function resultOf(usage: PlacedUsage, outcome: RecordResult['outcome']): RecordResult {
  return {
    eventId: usage.id,
    idempotencyKey: usage.idempotencyKey,
    outcome,
    subscriptionId: usage.subscriptionId,
  };
}
