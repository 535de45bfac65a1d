import { createHash } from 'node:crypto';
import { type HeldEntitlement } from '../../aws/entitlement-gateway.js';
import { type FoundAgreement } from '../../aws/found-agreement.js';
import { isRenewedAhead } from '../agreements/planned-end.js';
import { type AgreementTerms } from '../agreements/agreement-fact.js';
import { dateOf } from '../agreements/agreement-life.js';
import { agreementKeyOf, digestOf, licenseIdOf } from '../chain/aws-names.js';
import { type LifecycleDetails, type SpokenOf } from '../inbox/lifecycle-event.js';
import { type AskedBuyer, type KnownAgreement } from './asked-buyer.js';
import { byText } from '../../runtime/order.js';

/** All that AWS said when it was asked about a buyer. */
export interface BuyerAnswer {
  /** When it was asked: what happened later it may not have known. */
  askedAt: Date;
  /** Agreements of the buyer at the product, each once. */
  agreements: readonly FoundAgreement[];
  /** By agreement id. Absent: not known. */
  terms: ReadonlyMap<string, AgreementTerms>;
  /** In force by GetEntitlements, of agreements of which the Agreement API said nothing. */
  entitlements: readonly HeldEntitlement[];
  /** Nothing that could have answered may be called. */
  mayNotAsk: boolean;
}

/** One thing that AWS said, as a message says it. */
export interface Finding {
  about: SpokenOf;
  details: LifecycleDetails['agreement.found'];
}

/**
 * An end this young may not have reached the index that AWS answers from: what it says is asked for again, so it must
 * be entered again, too.
 */
const STALE_INDEX_MS = 10 * 60_000;
const IN_FORCE = 'ACTIVE';

/**
 * Pure. What of an answer is news to the ledger: a message each. Positive words only; that something was not listed
 * says nothing.
 */
export function findingsOf(buyer: AskedBuyer, answer: BuyerAnswer, identity: 'license' | 'legacy'): Finding[] {
  const known = new Map(
    buyer.agreements.flatMap((agreement) => namesOf(agreement).map((name) => [name, agreement] as const)),
  );
  const knownOf = (found: FoundAgreement): KnownAgreement | undefined =>
    [agreementName(found.agreementId), ...found.licenseArns.map(licenseName)]
      .map((name) => known.get(name))
      .find((row) => row !== undefined);
  const chains = new Set(
    answer.agreements
      .filter((found) => knownOf(found) !== undefined || isOurs(found, buyer, identity, answer.askedAt))
      .map((found) => found.initialAgreementId),
  );
  // The older first: what follows finds what it follows.
  const byAgreement = [...answer.agreements]
    .sort(byStart)
    .filter((found) => chains.has(found.initialAgreementId))
    .flatMap((found): Finding[] => {
      const finding = findingOf(buyer, found, answer);
      return isNews(finding, knownOf(found), answer.askedAt) ? [finding] : [];
    });
  return [...byAgreement, ...entitledOf(buyer, answer, known)];
}

function byStart(a: FoundAgreement, b: FoundAgreement): number {
  return Number(a.startTime ?? Infinity) - Number(b.startTime ?? Infinity) || byText(a.agreementId, b.agreementId);
}

/**
 * Ended agreements of a license product that nobody knows are of no concern: neither they nor their chain was ever ours
 * to meter. Unless a message waits: then it was bought, and ended before AWS listed it.
 */
function isOurs(found: FoundAgreement, buyer: AskedBuyer, identity: 'license' | 'legacy', askedAt: Date): boolean {
  if (identity === 'legacy' || isRunning(found, askedAt)) return true;
  return buyer.awaited.includes(digestOf(agreementKeyOf(found.agreementId)));
}

function isRunning({ status, endTime }: Pick<FoundAgreement, 'status' | 'endTime'>, at: Date): boolean {
  return status === IN_FORCE || isRenewedAhead(status, endTime, at);
}

function findingOf(buyer: AskedBuyer, found: FoundAgreement, { agreements, terms }: BuyerAnswer): Finding {
  const { agreementId, status, startTime, endTime, initialAgreementId, offerId } = found;
  const [licenseArn] = found.licenseArns;
  // Of several products in one agreement nobody tells which is ours.
  const productId = found.productIds.find((id) => id === buyer.productId) ?? onlyOf(found.productIds);
  const customerAwsAccountId = found.customerAwsAccountId ?? buyer.customerAwsAccountId;
  return {
    about: {
      ...{ productCode: buyer.productCode, agreementId },
      ...(productId === undefined ? {} : { productId }),
      ...(licenseArn === undefined ? {} : { licenseArn }),
      ...(customerAwsAccountId === null ? {} : { customerAwsAccountId }),
    },
    details: {
      ...{ status, startTime: isoOf(startTime), endTime: isoOf(endTime) },
      ...{ terms: terms.get(agreementId) ?? null, entitled: null },
      ...{ previousAgreementId: previousOf(found, agreements), initialAgreementId, offerId },
      lastUpdateTime: isoOf(found.lastUpdateTime),
    },
  };
}

/** The agreement that was renewed or replaced by this one: of its chain the one that started last before it. */
export function previousOf(found: FoundAgreement, agreements: readonly FoundAgreement[]): string | null {
  const { agreementId, initialAgreementId, startTime } = found;
  if (initialAgreementId === agreementId || startTime === null) return null;
  const before = agreements.filter(
    (other) =>
      other.initialAgreementId === initialAgreementId &&
      other.startTime !== null &&
      // Replaced at the very instant of its start: the one that the chain began with is the one before.
      (other.startTime < startTime || (other.agreementId === initialAgreementId && other.startTime <= startTime)),
  );
  return (
    before.sort((a, b) => Number(b.startTime) - Number(a.startTime) || byText(a.agreementId, b.agreementId))[0]
      ?.agreementId ?? null
  );
}

/**
 * One finding for each license that entitlements name; without a license, one for the buyer if only one agreement of
 * his could be meant.
 */
function entitledOf(
  buyer: AskedBuyer,
  { askedAt, agreements, entitlements }: BuyerAnswer,
  known: ReadonlyMap<string, KnownAgreement>,
): Finding[] {
  const spokenOf = new Set<string | null>(agreements.flatMap(({ licenseArns }) => licenseArns.map(licenseName)));
  const licenses = new Map<string | null, HeldEntitlement>();
  for (const held of entitlements) {
    const key = held.licenseArn === null ? null : licenseName(held.licenseArn);
    if (!licenses.has(key) && !spokenOf.has(key)) licenses.set(key, held);
  }
  return [...licenses].flatMap(([name, held]): Finding[] => {
    const row = name === null ? onlyOf(buyer.agreements) : known.get(name);
    if (name === null && !row) return [];
    if (row && mayBeOfBefore(row, buyer, askedAt)) return [];
    const { licenseArn } = held;
    const customerAwsAccountId = held.customerAwsAccountId ?? buyer.customerAwsAccountId;
    const finding: Finding = {
      about: {
        productCode: buyer.productCode,
        ...(row === undefined || row.agreementId === null ? {} : { agreementId: row.agreementId }),
        ...(licenseArn === null ? {} : { licenseArn }),
        ...(customerAwsAccountId === null ? {} : { customerAwsAccountId }),
        ...(buyer.customerIdentifier === null ? {} : { customerIdentifier: buyer.customerIdentifier }),
      },
      details: { ...NOTHING, entitled: true },
    };
    return isNews(finding, row, askedAt) ? [finding] : [];
  });
}

/**
 * Of an agreement that has just been heard of, and keeps the license of another: what its buyer is entitled to may be
 * by that one, while this one lies ahead. AWS is asked again when its Created, which tells, has had its time.
 */
function mayBeOfBefore(row: KnownAgreement, { agreements }: AskedBuyer, askedAt: Date): boolean {
  const keeps = agreements.some(
    ({ id, licenseDigests }) => id !== row.id && licenseDigests.some((digest) => row.licenseDigests.includes(digest)),
  );
  return keeps && row.found === null && mayBeStale(row, askedAt);
}

const NOTHING: LifecycleDetails['agreement.found'] = {
  ...{ status: null, startTime: null, endTime: null, terms: null, entitled: null },
  ...{ previousAgreementId: null, initialAgreementId: null, offerId: null, lastUpdateTime: null },
};

/**
 * The same words again are none, unless something else was heard since, an announced end has passed, or the words came
 * so soon after it that they may be older.
 */
function isNews({ about, details }: Finding, known: KnownAgreement | undefined, askedAt: Date): boolean {
  if (!known?.found) return true;
  if (about.agreementId !== undefined && known.agreementDigests.length === 0) return true;
  if (about.licenseArn !== undefined && !isFormKnown(about.licenseArn, known)) return true;
  const { at, details: before } = known.found;
  if (hasHeardSince(known, at)) return true;
  if (isInForce(details, askedAt) && (mayBeStale(known, at) || hasPassedEnd(known, at, askedAt))) return true;
  const isSame =
    details.status === before.status &&
    details.startTime === before.startTime &&
    details.endTime === before.endTime &&
    details.entitled === before.entitled &&
    // A later answer tells by it whether the agreement has changed since.
    (details.lastUpdateTime === null || details.lastUpdateTime === before.lastUpdateTime) &&
    (details.terms === null || JSON.stringify(trialOf(details.terms)) === JSON.stringify(trialOf(known.terms))) &&
    (details.previousAgreementId === null ||
      digestOf(agreementKeyOf(details.previousAgreementId)) === before.previousDigest) &&
    (details.initialAgreementId === null ||
      digestOf(agreementKeyOf(details.initialAgreementId)) === before.initialDigest);
  return !isSame;
}

function isInForce({ status, endTime, entitled }: Finding['details'], askedAt: Date): boolean {
  return status === null ? entitled === true : isRunning({ status, endTime: dateOf(endTime) }, askedAt);
}

/** Between two answers: the earlier one could not know that the agreement goes on. */
function hasPassedEnd({ announcedEnds }: KnownAgreement, answeredAt: Date, askedAt: Date): boolean {
  return announcedEnds.some((end) => end <= askedAt && end.getTime() + STALE_INDEX_MS > answeredAt.getTime());
}

/** What was erased was known, too. */
function isFormKnown(licenseArn: string, { licenseArns, erasedLicenses }: KnownAgreement): boolean {
  return licenseArns.includes(licenseArn) || erasedLicenses.includes(digestOf(licenseIdOf(licenseArn)));
}

function trialOf(terms: AgreementTerms | null): unknown {
  return terms === null ? undefined : terms.trial === null ? null : { until: terms.trial.until };
}

/** The same answer at the same instant is the same message, whichever replica asked. */
export function messageIdOf(finding: Finding, askedAt: Date): string {
  return createHash('sha256')
    .update(JSON.stringify([finding.about, finding.details, askedAt.toISOString()]))
    .digest('hex');
}

/**
 * Whether AWS is asked for an agreement's terms. Of what runs, each time: terms are amended. Of what is over, until
 * nothing was heard of it, and AWS lists no change, that the last answer may not have known.
 */
export function wantsTerms(buyer: AskedBuyer, found: FoundAgreement, askedAt: Date): boolean {
  const known = buyer.agreements.find(({ agreementId }) => agreementId === found.agreementId);
  if (isRunning(found, askedAt) || !known?.found || known.terms === null) return true;
  const hasChanged =
    found.lastUpdateTime !== null && isoOf(found.lastUpdateTime) !== known.found.details.lastUpdateTime;
  return hasChanged || hasHeardSince(known, known.found.at) || mayBeStale(known, known.found.at);
}

function hasHeardSince({ lastHeardAt }: KnownAgreement, at: Date): boolean {
  return lastHeardAt !== null && lastHeardAt > at;
}

/** Its last answer came so soon after the last thing heard, or the change of which it told, that its parts may be older. */
function mayBeStale({ lastFactAt, found }: KnownAgreement, at: Date): boolean {
  const changedAt = Date.parse(found?.details.lastUpdateTime ?? '');
  return [lastFactAt?.getTime() ?? NaN, changedAt].some((last) => last + STALE_INDEX_MS > at.getTime());
}

/** Agreements of which an answer of the Agreement API says nothing: GetEntitlements may know more of them. */
export function unheardOf(buyer: AskedBuyer, found: readonly FoundAgreement[]): KnownAgreement[] {
  const heard = new Set(found.flatMap((one) => [agreementName(one.agreementId), ...one.licenseArns.map(licenseName)]));
  return buyer.agreements.filter((agreement) => !namesOf(agreement).some((name) => heard.has(name)));
}

/**
 * Which of the agreements that AWS listed are the buyer's at this product: those of its listing, where its entity id is
 * known; those that the ledger knows; and those of licenses that GetEntitlements named for the product. The same
 * account may have bought other products of the seller.
 */
export function ofProduct(
  buyer: AskedBuyer,
  found: readonly FoundAgreement[],
  productId: string | null,
  licenseArns: readonly string[] = [],
): FoundAgreement[] {
  const names = new Set([...buyer.agreements.flatMap(namesOf), ...licenseArns.map(licenseName)]);
  const isNamed = (one: FoundAgreement): boolean =>
    names.has(agreementName(one.agreementId)) || one.licenseArns.some((arn) => names.has(licenseName(arn)));
  const ids = new Set([productId, ...found.filter(isNamed).flatMap((one) => one.productIds)]);
  const unique = new Map(found.map((one) => [one.agreementId, one]));
  return [...unique.values()].filter((one) => isNamed(one) || one.productIds.some((id) => ids.has(id)));
}

function namesOf({ agreementDigests, licenseDigests }: KnownAgreement): string[] {
  return [
    ...agreementDigests.map((digest) => `agreement:${digest}`),
    ...licenseDigests.map((digest) => `license:${digest}`),
  ];
}

function agreementName(agreementId: string): string {
  return `agreement:${digestOf(agreementKeyOf(agreementId))}`;
}

function licenseName(licenseArn: string): string {
  return `license:${digestOf(licenseIdOf(licenseArn))}`;
}

function onlyOf<T>(items: readonly T[]): T | undefined {
  return items.length === 1 ? items[0] : undefined;
}

function isoOf(instant: Date | null): string | null {
  return instant?.toISOString() ?? null;
}
