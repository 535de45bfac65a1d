import {
  type AcceptedTerm,
  type AgreementViewSummary,
  type DescribeAgreementOutput,
  type Filter,
  type MarketplaceAgreementClient,
} from '@aws-sdk/client-marketplace-agreement';
import { Injectable } from '@nestjs/common';
import { mainRegionOf } from '../options/partition.js';
import { AwsClients } from './aws-clients.js';
import { type CallFailure, pagesWithoutEnd } from './aws-error.js';
import { CallPermission, isDenial } from './call-permission.js';
import { durationMsOf, type FoundAgreement, foundOf } from './found-agreement.js';
import { PacedCalls, type Patience } from './paced-calls.js';
import { type SdkAnswer } from './sdk-call.js';

/**
 * Which agreements: all of one buyer, at one product where its entity id is known; or those of one license. Only
 * filters that every revision of AWS's own texts has: which of them may be combined is told differently, so the rest is
 * sorted out by the caller.
 */
export type AgreementSearch = { customerAwsAccountId: string; productId?: string | undefined } | { licenseArn: string };

/** `denied`: we are not permitted to ask. */
export type AgreementsAnswer =
  { kind: 'answered'; agreements: FoundAgreement[] } | { kind: 'denied' } | { kind: 'failed'; failure: CallFailure };

/** `unknown`: AWS does not know it, or it is none of ours to see (a reseller's). That says nothing about its life. */
export type AgreementAnswer =
  { kind: 'answered'; agreement: FoundAgreement } | { kind: 'unknown' } | { kind: 'failed'; failure: CallFailure };

/** Its free trial; null where its terms hold none, so it is paid for from the start. */
export type TermsAnswer =
  | { kind: 'answered'; trial: TrialTerm | null }
  | { kind: 'unknown' | 'denied' }
  | { kind: 'failed'; failure: CallFailure };

export interface TrialTerm {
  /** From the agreement's start. Null where the term names no duration. */
  durationMs: number | null;
  /** It is the only thing that the agreement sells: it lasts until the agreement ends. */
  isOnlyPrice: boolean;
}

const PAGES_MAX = 100;
const PAGE_SIZE = 50;

/**
 * The Agreement API as the proposer. Needs `aws-marketplace:SearchAgreements`, `DescribeAgreement` and
 * `GetAgreementTerms`, which not every seller grants: a denied call is an answer like any other. Never throws for what
 * AWS does.
 */
@Injectable()
export class AgreementGateway {
  constructor(
    private readonly clients: AwsClients,
    private readonly calls: PacedCalls,
    private readonly permission: CallPermission,
  ) {}

  async search(region: string, search: AgreementSearch, patience: Patience = {}): Promise<AgreementsAnswer> {
    const served = mainRegionOf(region);
    if (await this.permission.isDenied(served, 'SearchAgreements')) return { kind: 'denied' };
    const filters = filtersOf(search);
    const agreements: FoundAgreement[] = [];
    let nextToken: string | undefined;
    for (let page = 1; page <= PAGES_MAX; page += 1) {
      const request = {
        catalog: 'AWSMarketplace',
        filters,
        maxResults: PAGE_SIZE,
        ...(nextToken === undefined ? {} : { nextToken }),
      };
      const answer = await this.calls.ask(
        'SearchAgreements',
        served,
        async (leave, abortSignal) => {
          const { SearchAgreementsCommand } = await import('@aws-sdk/client-marketplace-agreement');
          const command = new SearchAgreementsCommand(request);
          leave(command);
          return (await this.client(region)).send(command, { abortSignal });
        },
        patience,
      );
      const isDenied = await this.permission.note(
        served,
        'SearchAgreements',
        answer.kind === 'failed' ? answer.failure : null,
      );
      if (answer.kind === 'failed') return isDenied ? { kind: 'denied' } : answer;
      agreements.push(
        ...(answer.output.agreementViewSummaries ?? []).flatMap((summary: AgreementViewSummary) => foundOf(summary)),
      );
      nextToken = answer.output.nextToken;
      if (nextToken === undefined || nextToken === '') return { kind: 'answered', agreements };
    }
    return { kind: 'failed', failure: pagesWithoutEnd(PAGES_MAX, 'agreements') };
  }

  /** A denial here may mean this one agreement: it says nothing about the next. */
  async describe(region: string, agreementId: string, patience: Patience = {}): Promise<AgreementAnswer> {
    const answer: SdkAnswer<DescribeAgreementOutput> = await this.calls.ask(
      'DescribeAgreement',
      mainRegionOf(region),
      async (leave, abortSignal) => {
        const { DescribeAgreementCommand } = await import('@aws-sdk/client-marketplace-agreement');
        const command = new DescribeAgreementCommand({ agreementId });
        leave(command);
        return (await this.client(region)).send(command, { abortSignal });
      },
      patience,
    );
    if (answer.kind === 'failed')
      return isUnknown(answer.failure) || isDenial(answer.failure) ? { kind: 'unknown' } : answer;
    const [agreement] = foundOf(answer.output);
    return agreement ? { kind: 'answered', agreement } : { kind: 'unknown' };
  }

  /**
   * Of an agreement that a search has listed. Trial or paid: DescribeAgreement does not say it, and a value of nothing
   * is that of every agreement that sells usage alone.
   */
  async trialOf(region: string, agreementId: string, patience: Patience = {}): Promise<TermsAnswer> {
    const served = mainRegionOf(region);
    if (await this.permission.isDenied(served, 'GetAgreementTerms')) return { kind: 'denied' };
    const terms: AcceptedTerm[] = [];
    let nextToken: string | undefined;
    for (let page = 1; page <= PAGES_MAX; page += 1) {
      const request = { agreementId, maxResults: PAGE_SIZE, ...(nextToken === undefined ? {} : { nextToken }) };
      const answer = await this.calls.ask(
        'GetAgreementTerms',
        served,
        async (leave, abortSignal) => {
          const { GetAgreementTermsCommand } = await import('@aws-sdk/client-marketplace-agreement');
          const command = new GetAgreementTermsCommand(request);
          leave(command);
          return (await this.client(region)).send(command, { abortSignal });
        },
        patience,
      );
      const isDenied = await this.permission.note(
        served,
        'GetAgreementTerms',
        answer.kind === 'failed' ? answer.failure : null,
      );
      if (answer.kind === 'failed')
        return isDenied ? { kind: 'denied' } : isUnknown(answer.failure) ? { kind: 'unknown' } : answer;
      terms.push(...(answer.output.acceptedTerms ?? []));
      nextToken = answer.output.nextToken;
      if (nextToken === undefined || nextToken === '') return { kind: 'answered', trial: trialTermOf(terms) };
    }
    return { kind: 'failed', failure: pagesWithoutEnd(PAGES_MAX, 'terms') };
  }

  private client(region: string): Promise<MarketplaceAgreementClient> {
    return this.clients.agreement(region);
  }
}

function filtersOf(search: AgreementSearch): Filter[] {
  const filters = [
    { name: 'PartyType', values: ['Proposer'] },
    { name: 'AgreementType', values: ['PurchaseAgreement'] },
  ];
  if ('licenseArn' in search) return [...filters, { name: 'LicenseArn', values: [search.licenseArn] }];
  const { customerAwsAccountId, productId } = search;
  const ofBuyer = { name: 'AcceptorAccountId', values: [customerAwsAccountId] };
  return productId === undefined
    ? [...filters, ofBuyer]
    : [...filters, { name: 'ResourceIdentifier', values: [productId] }, ofBuyer];
}

/** Every kind of term that prices something [SDK-A]; the others say how it is paid, supported or renewed. */
const PRICES = [
  ...([
    'usageBasedPricingTerm',
    'configurableUpfrontPricingTerm',
    'fixedUpfrontPricingTerm',
    'recurringPaymentTerm',
  ] as const),
  ...(['byolPricingTerm', 'variablePaymentTerm', 'paymentScheduleTerm'] as const),
];

function trialTermOf(terms: readonly AcceptedTerm[]): TrialTerm | null {
  const trial = terms.map(({ freeTrialPricingTerm }) => freeTrialPricingTerm).find((term) => term !== undefined);
  if (!trial) return null;
  return {
    durationMs: durationMsOf(trial.duration),
    isOnlyPrice: !terms.some((term) => PRICES.some((kind) => term[kind] !== undefined)),
  };
}

/** Not there, or not ours to see: a resold agreement's proposer is the reseller, and nobody else may ask about it. */
function isUnknown({ code, kind }: CallFailure): boolean {
  return code === 'ResourceNotFoundException' || kind === 'culprit';
}
