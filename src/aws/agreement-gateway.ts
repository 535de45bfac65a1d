import { type AgreementViewSummary, type SearchAgreementsInput } from '@aws-sdk/client-marketplace-agreement';
import { Inject, Injectable } from '@nestjs/common';
import { type ResolvedOptions } from '../marketplace-metering.options.js';
import { countMetric } from '../runtime/metrics.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { AwsClients } from './aws-clients.js';
import { type CallFailure } from './aws-error.js';
import { callSdk, DEPARTURE } from './sdk-call.js';

/** Which agreements: those of one license, all of one buyer, or a chain of renewals and replacements by the first of it. */
export type AgreementSearch = { licenseArn: string } | { customerAwsAccountId: string } | { initialAgreementId: string };

/** An agreement as AWS lists it, with the parts that the model leaves optional guarded. */
export interface FoundAgreement {
  agreementId: string;
  /** `ACTIVE`, `CANCELLED`, …: open, as AWS may add to it. */
  status: string;
  startTime: Date | null;
  endTime: Date | null;
  /** The first agreement of the chain of renewals and replacements; its own id where there is none before it. */
  initialAgreementId: string;
  licenseArns: readonly string[];
  /** `prod-…` */
  productIds: readonly string[];
}

export type AgreementAnswer = { kind: 'answered'; agreements: FoundAgreement[] } | { kind: 'failed'; failure: CallFailure };

const PAGES_MAX = 100;

/**
 * SearchAgreements as the proposer, all pages. Needs `aws-marketplace:SearchAgreements`, which not every seller grants: a denied call is an answer
 * like any other. Never throws.
 */
@Injectable()
export class AgreementGateway {
  constructor(
    private readonly clients: AwsClients,
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
  ) {}

  async search(region: string, search: AgreementSearch): Promise<AgreementAnswer> {
    const agreements: FoundAgreement[] = [];
    let nextToken: string | undefined;
    for (let page = 1; page <= PAGES_MAX; page += 1) {
      const answer = await this.page(region, {
        catalog: 'AWSMarketplace',
        filters: [{ name: 'PartyType', values: ['Proposer'] }, { name: 'AgreementType', values: ['PurchaseAgreement'] }, filterOf(search)],
        ...(nextToken === undefined ? {} : { nextToken }),
      });
      if (answer.kind === 'failed') return { kind: 'failed', failure: answer.failure };
      agreements.push(...(answer.output.agreementViewSummaries ?? []).flatMap(foundOf));
      nextToken = answer.output.nextToken;
      if (nextToken === undefined || nextToken === '') return { kind: 'answered', agreements };
    }
    const message = `more than ${PAGES_MAX} pages of agreements`;
    const failure = {
      kind: 'unrecognised',
      culprit: null,
      effect: 'none',
      code: 'PagesWithoutEnd',
      message,
      httpStatus: null,
      requestId: null,
    } as const;
    return { kind: 'failed', failure };
  }

  private async page(region: string, request: SearchAgreementsInput) {
    const { SearchAgreementsCommand } = await import('@aws-sdk/client-marketplace-agreement');
    const client = await this.clients.agreement(region);
    const command = new SearchAgreementsCommand(request);
    const answer = await callSdk(this.options.submission.requestTimeoutMs, (abortSignal, depart) => {
      command.middlewareStack.add((next) => (args) => depart(() => next(args)), DEPARTURE);
      return client.send(command, { abortSignal });
    });
    const outcome = answer.kind === 'answered' ? 'answered' : answer.failure.kind;
    countMetric('marketplace.calls', 1, { operation: 'SearchAgreements', outcome });
    return answer;
  }
}

function filterOf(search: AgreementSearch): { name: string; values: string[] } {
  if ('licenseArn' in search) return { name: 'LicenseArn', values: [search.licenseArn] };
  if ('initialAgreementId' in search) return { name: 'InitialAgreementId', values: [search.initialAgreementId] };
  return { name: 'AcceptorAccountId', values: [search.customerAwsAccountId] };
}

function foundOf(summary: AgreementViewSummary): FoundAgreement[] {
  const { agreementId, status, startTime, endTime, initialAgreementId, entitlements, proposalSummary } = summary;
  if (agreementId === undefined || status === undefined) return [];
  const named = (values: (string | undefined)[]): string[] => values.filter((value) => value !== undefined);
  return [
    {
      agreementId,
      status,
      startTime: startTime ?? null,
      endTime: endTime ?? null,
      initialAgreementId: initialAgreementId ?? agreementId,
      licenseArns: named((entitlements ?? []).map((entitlement) => entitlement.licenseArn)),
      productIds: named((proposalSummary?.resources ?? []).map((resource) => resource.id)),
    },
  ];
}
