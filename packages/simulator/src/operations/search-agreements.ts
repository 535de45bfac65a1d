import { type Agreement } from '../market/agreement.js';
import { agreementInput, agreementPage } from './agreement-request.js';
import { type AgreementParty } from './agreement-party.js';
import {
  agreementShape,
  type AgreementShape,
  agreementType,
  type EndTimeBehavior,
  endTimeBehaviorOf,
  epochSeconds,
} from './agreement-shape.js';
import { type ApiHandler, type OperationCall } from '../wire/api-handler.js';
import { type InputReader } from '../wire/input-reader.js';
import { listedStatusOf } from '../market/listed-status.js';
import { type MarketplaceCatalog } from '../market/marketplace-catalog.js';
import { ServiceError } from '../wire/service-error.js';
import { type Switches } from '../switches.js';

export interface AgreementViewSummary extends AgreementShape {
  lastUpdateTime: number;
  entitlements: { licenseArn: string }[];
  endTimeBehaviorType?: EndTimeBehavior['type'];
  endTimeBehaviorReasonCode?: string;
}

export interface SearchAgreementsOutput {
  agreementViewSummaries: AgreementViewSummary[];
  nextToken?: string;
}

/** What each filter looks at; `Before…` and `After…` compare moments. No agreement here is of an offer set. */
const filters: Readonly<Record<string, (summary: AgreementViewSummary) => string | number | undefined>> = {
  ResourceIdentifier: ({ proposalSummary }) => proposalSummary.resources[0]?.id,
  ResourceType: ({ proposalSummary }) => proposalSummary.resources[0]?.type,
  AcceptorAccountId: ({ acceptor }) => acceptor.accountId,
  OfferId: ({ proposalSummary }) => proposalSummary.offerId,
  Status: ({ status }) => status,
  AgreementType: () => agreementType,
  OfferSetId: () => undefined,
  EndTimeBehaviorType: ({ endTimeBehaviorType }) => endTimeBehaviorType,
  EndTimeBehaviorReasonCode: ({ endTimeBehaviorReasonCode }) => endTimeBehaviorReasonCode,
  InitialAgreementId: ({ initialAgreementId }) => initialAgreementId,
  LicenseArn: ({ entitlements }) => entitlements[0]?.licenseArn,
  BeforeEndTime: ({ endTime }) => endTime,
  AfterEndTime: ({ endTime }) => endTime,
  BeforeStartTime: ({ startTime }) => startTime,
  AfterStartTime: ({ startTime }) => startTime,
  BeforeLastUpdateTime: ({ lastUpdateTime }) => lastUpdateTime,
  AfterLastUpdateTime: ({ lastUpdateTime }) => lastUpdateTime,
};

/** A party that is the acceptor can ask for these only [SDK-A]. */
const acceptorFilters = [
  'ResourceIdentifier',
  'ResourceType',
  'OfferId',
  'OfferSetId',
  'Status',
  'BeforeEndTime',
  'AfterEndTime',
];

const sortKeys: Readonly<Record<string, (summary: AgreementViewSummary) => number>> = {
  EndTime: ({ endTime }) => endTime ?? Infinity,
  StartTime: ({ startTime }) => startTime,
  LastUpdateTime: ({ lastUpdateTime }) => lastUpdateTime,
};

/** SearchAgreements [SDK-A]: filters are and-ed. `PartyType` and `AgreementType` are required. */
export class SearchAgreements implements ApiHandler {
  constructor(
    private readonly catalog: MarketplaceCatalog,
    private readonly party: AgreementParty,
    private readonly switches: Readonly<Switches>,
  ) {}

  execute(call: OperationCall): SearchAgreementsOutput {
    const input = agreementInput(call);
    input.text('catalog', { min: 1, max: 64, pattern: /^[a-zA-Z0-9.-]+$/ });
    const wanted = readFilters(input);
    const role = wanted.get('PartyType');
    if (role !== 'Proposer' && role !== 'Acceptor')
      throw invalid('The filter PartyType is required: Proposer or Acceptor.');
    if (!wanted.has('AgreementType')) throw invalid('The filter AgreementType is required.');
    const searched = [...wanted].filter(([name]) => name !== 'PartyType' && name !== 'AgreementType');
    if (wanted.has('LicenseArn') && this.switches.licenseArnFilter === 'refused')
      throw invalid('There is no filter LicenseArn.');
    const refused = role === 'Acceptor' ? searched.find(([name]) => !acceptorFilters.includes(name)) : undefined;
    if (refused) throw invalid(`The filter ${refused[0]} is not supported for the PartyType Acceptor.`);
    const { sortBy, sortOrder } = readSort(input, role);
    const key = sortKeys[sortBy];
    if (!key) throw invalid(`The results cannot be sorted by ${sortBy}.`);
    const found = this.party
      .agreementsOf(call.caller.accountId, role, call.now)
      .map((agreement) => this.#summary(agreement))
      .filter((summary) => [...wanted].every(([name, value]) => name === 'PartyType' || matches(summary, name, value)))
      .sort((a, b) => (sortOrder === 'ASCENDING' ? 1 : -1) * compared(key(a), key(b)));
    const { page, nextToken } = agreementPage(input, found, [[...wanted], sortBy, sortOrder]);
    return { agreementViewSummaries: page, ...(nextToken !== undefined && { nextToken }) };
  }

  #summary(agreement: Agreement): AgreementViewSummary {
    const { catalog, party, switches } = this;
    const listing = catalog.listing(agreement.productCode);
    const status = listedStatusOf(agreement, catalog, switches);
    const shape = agreementShape(agreement, { listing, proposer: party.proposerOf(agreement), status }, switches);
    const behavior = endTimeBehaviorOf(agreement, status, catalog);
    return {
      ...shape,
      lastUpdateTime: epochSeconds(switches.endedUpdateTime === 'end' ? agreement.updatedAt : agreement.amendedAt),
      entitlements: [{ licenseArn: agreement.licenseArn }],
      ...(behavior && { endTimeBehaviorType: behavior.type }),
      ...(behavior?.reasonCode && { endTimeBehaviorReasonCode: behavior.reasonCode }),
    };
  }
}

function readFilters(input: InputReader): Map<string, string> {
  const wanted = new Map<string, string>();
  for (const filter of input.list('filters', { min: 1, max: 10 }) ?? []) {
    const name = filter.required('name', filter.text('name', { min: 1, max: 32, pattern: /^[A-Za-z_]+$/ }));
    const [value = ''] = filter.required('values', filter.texts('values', { min: 1, max: 1 }));
    if (name !== 'PartyType' && !(name in filters)) throw invalid(`There is no filter ${name}.`);
    if (/^(Before|After)/.test(name) && Number.isNaN(Date.parse(value)))
      throw invalid(`The filter ${name} takes a date.`);
    wanted.set(name, value);
  }
  return wanted;
}

function readSort(input: InputReader, role: 'Proposer' | 'Acceptor'): { sortBy: string; sortOrder: string } {
  const sort = input.structure('sort');
  const sortBy = sort?.text('sortBy', { min: 1, max: 255, pattern: /^[A-Za-z_]+$/ }) ?? 'EndTime';
  const sortOrder = sort?.text('sortOrder', { pattern: /^(ASCENDING|DESCENDING)$/ }) ?? 'DESCENDING';
  if (role === 'Acceptor' && sortBy !== 'EndTime')
    throw invalid(`The PartyType Acceptor can sort by EndTime only, not by ${sortBy}.`);
  return { sortBy, sortOrder };
}

function matches(summary: AgreementViewSummary, name: string, value: string): boolean {
  const actual = filters[name]?.(summary);
  if (name.startsWith('Before')) return typeof actual === 'number' && actual < Date.parse(value) / 1000;
  if (name.startsWith('After')) return typeof actual === 'number' && actual > Date.parse(value) / 1000;
  return actual === value;
}

/** Two agreements without an end are equal: Infinity minus Infinity would be no number. */
function compared(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

function invalid(message: string): ServiceError {
  return new ServiceError('ValidationException', message);
}
