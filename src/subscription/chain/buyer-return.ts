// Buyers whose names were erased: what of a message may be written down, and what brings them back.
import { type LedgerSql } from '../../database/ledger-database.js';
import { type LifecycleEvent } from '../inbox/lifecycle-event.js';
import { hasErased } from './agreement.sql.js';
import { type AgreementNameKind, type AwsName } from './aws-names.js';
import { selectErasure } from './buyer.sql.js';
import { earlierOf } from './fact-details.js';
import { type Spoken } from './spoken-names.js';

/** What says that somebody buys, or goes on: these make buyers and agreements known, too. */
const SAYS_BUYING: ReadonlySet<string> = new Set([
  'agreement.created',
  'license.updated',
  'agreement.found',
  'buyer.registered',
  'legacy.subscribeSucceeded',
]);
const IN_FORCE = 'ACTIVE';

/**
 * Pure. Whether a message needs the names of a buyer again that were erased at `erasedAt`: it tells of an agreement that
 * nobody knew, whenever that began, or of something that begins or goes on after the erasure. All else is the past
 * that comes late: found by its digests, it is entered like any other, and no name comes back.
 */
export function isBackBy(
  event: Pick<LifecycleEvent, 'type' | 'at' | 'isUntimed' | 'details'>,
  { erasedAt, isUnknownAgreement }: { erasedAt: Date; isUnknownAgreement: boolean },
): boolean {
  // Without a time of its own it may be from before.
  if (event.isUntimed === true || !SAYS_BUYING.has(event.type)) return false;
  if (event.type === 'agreement.found') {
    const { status, entitled } = event.details as { status: string | null; entitled: boolean | null };
    if (status !== IN_FORCE && entitled !== true) return false;
  }
  return isUnknownAgreement || event.at > erasedAt;
}

/**
 * It names an agreement that nobody knew (one of whom a license came to the landing page, and AWS told nothing, is not
 * known yet), or a license that is new to the one it names.
 */
export function isUnknownAgreement({
  names,
  byKey,
  byLicense,
}: Pick<Spoken, 'names' | 'byKey' | 'byLicense'>): boolean {
  const isNamed = (kind: AgreementNameKind): boolean => names.some((name) => name.kind === kind);
  return (isNamed('agreement') && byKey === null) || (isNamed('license') && byLicense.length === 0);
}

/** What may be written down of the names in a message. */
export interface Naming {
  /** None: the buyer's were erased, and the message brings nobody back. */
  isErased: boolean;
  /** The agreement that is named goes on, or begins, after an erasure: its names take their places again. */
  isBack: boolean;
  /** It speaks of what was erased and stays so: the message keeps nothing of what it said. */
  isOfThePast: boolean;
}

export async function namingOf(tx: LedgerSql, sellerAccount: string, buyerId: string, spoken: Spoken): Promise<Naming> {
  const erasure = await selectErasure(tx, sellerAccount, buyerId);
  if (erasure === null) return { isErased: false, isBack: false, isOfThePast: false };
  const isBack = isBackBy(spoken.event, { erasedAt: erasure.at, isUnknownAgreement: isUnknownAgreement(spoken) });
  if (!erasure.isBack) return { isErased: true, isBack: false, isOfThePast: true };
  // What goes on has its own names again by now, and may name what it follows, which stays erased.
  const earlier = earlierOf(spoken.event).map((digest) => ({ kind: 'agreement' as const, digest }));
  const isOfThePast = await hasErased(tx, sellerAccount, [...spoken.names, ...earlier]);
  return { isErased: false, isBack, isOfThePast };
}

/** The digests alone. */
export function withoutNames(names: readonly AwsName<AgreementNameKind>[]): AwsName<AgreementNameKind>[] {
  return names.map((name) => ({ ...name, name: null, eventForm: null }));
}
