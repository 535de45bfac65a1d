import { Inject, Injectable } from '@nestjs/common';
import { AgreementGateway, type TrialTerm } from '../../aws/agreement-gateway.js';
import { type CallFailure } from '../../aws/aws-error.js';
import { isDenial } from '../../aws/call-permission.js';
import { EntitlementGateway, type EntitlementHolder, type HeldEntitlement } from '../../aws/entitlement-gateway.js';
import { type FoundAgreement } from '../../aws/found-agreement.js';
import { type Patience } from '../../aws/paced-calls.js';
import { type ResolvedProduct, type ResolvedOptions } from '../../options/resolved-options.js';
import { plusMs } from '../../runtime/clock.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { type AgreementTerms } from '../agreements/agreement-fact.js';
import { type AskedBuyer } from './asked-buyer.js';
import { type BuyerAnswer, ofProduct, unheardOf, wantsTerms } from './buyer-answer.js';

export type BuyerAnswered = { kind: 'answered'; answer: BuyerAnswer } | { kind: 'failed'; failure: CallFailure };

/** All agreements of an account; without one, those of the licenses that are known. */
interface Listed {
  agreements: FoundAgreement[];
  /** Null: nobody knows it yet. */
  account: string | null;
  isDenied: boolean;
}

/** Ends the asking of one buyer: AWS could not be asked, so nothing is concluded from what it did say. */
class AskingFailed extends Error {
  constructor(readonly failure: CallFailure) {
    super(failure.message);
  }
}

/**
 * What AWS is asked about one buyer at one product: all his agreements; each that is known and was not listed, by its
 * own id; what still nobody spoke of, by entitlements; and of what runs, the terms. Each question waits for its turn
 * within its quota.
 */
@Injectable()
export class BuyerQuestions {
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly agreements: AgreementGateway,
    private readonly entitlements: EntitlementGateway,
  ) {}

  /** Never throws for what AWS does. */
  async ask(buyer: AskedBuyer, product: ResolvedProduct, patience: Patience = {}): Promise<BuyerAnswered> {
    const askedAt = this.options.clock.now();
    try {
      const productId = product.productId ?? buyer.productId;
      const listed = await this.list(buyer, product, productId, patience);
      const { found, isDenied } = await this.describe(buyer, product, { listed, productId }, patience);
      const held = await this.entitled(buyer, product, ofProduct(buyer, found, productId), patience);
      const unlisted = held.licenses.filter((arn) => !found.some(({ licenseArns }) => licenseArns.includes(arn)));
      const licensed = isDenied ? [] : await this.byLicense(product, unlisted, patience);
      const agreements = ofProduct(buyer, [...found, ...licensed], productId, held.licenses);
      const terms = await this.terms(buyer, product, { agreements, askedAt }, patience);
      const mayNotAsk = isDenied && held.isDenied && agreements.length === 0;
      return { kind: 'answered', answer: { askedAt, agreements, terms, entitlements: held.entitlements, mayNotAsk } };
    } catch (error) {
      if (error instanceof AskingFailed) return { kind: 'failed', failure: error.failure };
      throw error;
    }
  }

  private async list(
    buyer: AskedBuyer,
    product: ResolvedProduct,
    productId: string | null,
    patience: Patience,
  ): Promise<Listed> {
    const { customerAwsAccountId } = buyer;
    if (customerAwsAccountId !== null) return this.byAccount(product, customerAwsAccountId, productId, patience);
    const licenses = [...new Set(buyer.agreements.flatMap(({ licenseArns }) => licenseArns))];
    const agreements = await this.byLicense(product, licenses, patience);
    const account = accountIn(agreements);
    if (account === null) return { agreements, account, isDenied: false };
    const ofAccount = await this.byAccount(product, account, productId, patience);
    return { ...ofAccount, agreements: [...agreements, ...ofAccount.agreements] };
  }

  private async byAccount(
    product: ResolvedProduct,
    account: string,
    productId: string | null,
    patience: Patience,
  ): Promise<Listed> {
    const search = { customerAwsAccountId: account, productId: productId ?? undefined };
    const answer = await this.agreements.search(product.region, search, patience);
    if (answer.kind === 'failed') throw new AskingFailed(answer.failure);
    if (answer.kind === 'denied') return { agreements: [], account, isDenied: true };
    return { agreements: answer.agreements, account, isDenied: false };
  }

  /** The filter by license is the youngest: where AWS refuses it, nothing is learned. */
  private async byLicense(
    product: ResolvedProduct,
    licenseArns: readonly string[],
    patience: Patience,
  ): Promise<FoundAgreement[]> {
    const found: FoundAgreement[] = [];
    for (const licenseArn of licenseArns) {
      const answer = await this.agreements.search(product.region, { licenseArn }, patience);
      if (answer.kind === 'answered') found.push(...answer.agreements);
      if (answer.kind === 'failed' && answer.failure.kind !== 'culprit') throw new AskingFailed(answer.failure);
    }
    return found;
  }

  /** Each that is known and was not listed; where that tells whose it is, all others of his, too. */
  private async describe(
    buyer: AskedBuyer,
    product: ResolvedProduct,
    { listed, productId }: { listed: Listed; productId: string | null },
    patience: Patience,
  ): Promise<{ found: FoundAgreement[]; isDenied: boolean }> {
    const named: FoundAgreement[] = [];
    for (const { agreementId, found: before } of unheardOf(buyer, ofProduct(buyer, listed.agreements, productId))) {
      // What AWS called over once is over.
      if (agreementId === null || (before?.details.status ?? 'ACTIVE') !== 'ACTIVE') continue;
      const answer = await this.agreements.describe(product.region, agreementId, patience);
      if (answer.kind === 'failed') throw new AskingFailed(answer.failure);
      if (answer.kind === 'answered') named.push(answer.agreement);
    }
    const found = [...listed.agreements, ...named];
    const account = listed.account === null ? accountIn(named) : null;
    if (account === null) return { found, isDenied: listed.isDenied };
    const { agreements, isDenied } = await this.byAccount(product, account, productId, patience);
    return { found: [...found, ...agreements], isDenied };
  }

  /**
   * A reseller's agreement is not listed for the manufacturer; what it entitles to is. None is no answer: a listing
   * that sells usage alone never has any. Licenses that entitlements name and nobody knows are worth a search.
   */
  private async entitled(
    buyer: AskedBuyer,
    product: ResolvedProduct,
    found: readonly FoundAgreement[],
    patience: Patience,
  ): Promise<{ entitlements: HeldEntitlement[]; licenses: string[]; isDenied: boolean }> {
    const unheard = unheardOf(buyer, found).filter(
      ({ found: before }) => (before?.details.status ?? 'ACTIVE') === 'ACTIVE',
    );
    if (unheard.length === 0 && found.length > 0) return { entitlements: [], licenses: [], isDenied: false };
    const entitlements: HeldEntitlement[] = [];
    let isDenied = false;
    for (const holder of holdersOf(buyer, unheard, product)) {
      const answer = await this.entitlements.get(product.region, product.productCode, holder, patience);
      if (answer.kind === 'answered') entitlements.push(...answer.entitlements);
      else if (isDenial(answer.failure)) isDenied = true;
      else if (answer.failure.kind !== 'culprit') throw new AskingFailed(answer.failure);
    }
    const now = this.options.clock.now();
    const inForce = entitlements.filter(({ expiresAt }) => expiresAt === null || expiresAt > now);
    const heard = new Set([
      ...found.flatMap((one) => one.licenseArns),
      ...buyer.agreements.flatMap(({ licenseArns }) => licenseArns),
    ]);
    const licenses = inForce.flatMap(({ licenseArn }) =>
      licenseArn === null || heard.has(licenseArn) ? [] : [licenseArn],
    );
    return { entitlements: inForce, licenses: [...new Set(licenses)], isDenied };
  }

  private async terms(
    buyer: AskedBuyer,
    product: ResolvedProduct,
    { agreements, askedAt }: Pick<BuyerAnswer, 'agreements' | 'askedAt'>,
    patience: Patience,
  ): Promise<Map<string, AgreementTerms>> {
    const terms = new Map<string, AgreementTerms>();
    for (const agreement of agreements.filter((one) => wantsTerms(buyer, one, askedAt))) {
      const answer = await this.agreements.trialOf(product.region, agreement.agreementId, patience);
      if (answer.kind === 'failed' && answer.failure.kind !== 'unrecognised') throw new AskingFailed(answer.failure);
      if (answer.kind !== 'answered') continue;
      const trial = trialOf(agreement, answer.trial);
      if (trial !== undefined) terms.set(agreement.agreementId, { trial });
    }
    return terms;
  }
}

function accountIn(found: readonly FoundAgreement[]): string | null {
  return found.find(({ customerAwsAccountId }) => customerAwsAccountId !== null)?.customerAwsAccountId ?? null;
}

/**
 * Where only names of the buyer are known, the buyer; else each license. Several licenses of one account are several
 * agreements.
 */
function holdersOf(
  buyer: AskedBuyer,
  unheard: readonly { licenseArns: readonly string[] }[],
  product: ResolvedProduct,
): EntitlementHolder[] {
  const licenses = [...new Set(unheard.flatMap(({ licenseArns }) => licenseArns))];
  if (product.identity === 'license' && licenses.length > 0) return licenses.map((licenseArn) => ({ licenseArn }));
  if (buyer.customerAwsAccountId !== null) return [{ customerAwsAccountId: buyer.customerAwsAccountId }];
  return buyer.customerIdentifier === null ? [] : [{ customerIdentifier: buyer.customerIdentifier }];
}

/**
 * Undefined of a trial that neither lasts as long as its agreement nor says how long: nobody could tell when it is
 * over.
 */
function trialOf({ startTime }: FoundAgreement, trial: TrialTerm | null): AgreementTerms['trial'] | undefined {
  if (trial === null) return null;
  if (trial.isOnlyPrice) return { until: null };
  if (trial.durationMs === null || startTime === null) return undefined;
  return { until: plusMs(startTime, trial.durationMs).toISOString() };
}
