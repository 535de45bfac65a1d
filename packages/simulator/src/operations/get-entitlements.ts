import { type Agreement, type Entitlement as HeldEntitlement } from '../market/agreement.js';
import { type ApiHandler, type OperationCall } from '../wire/api-handler.js';
import { InputReader } from '../wire/input-reader.js';
import { type MarketplaceCatalog } from '../market/marketplace-catalog.js';
import { ServiceError } from '../wire/service-error.js';
import { type Switches } from '../switches.js';

const pageMax = 25;
const filterKeys = ['CUSTOMER_IDENTIFIER', 'CUSTOMER_AWS_ACCOUNT_ID', 'DIMENSION', 'LICENSE_ARN'] as const;

/** An Entitlement on the wire [BOTO]. */
export interface EntitlementShape {
  ProductCode: string;
  Dimension: string;
  CustomerAWSAccountId: string;
  CustomerIdentifier?: string;
  LicenseArn: string;
  Value: { IntegerValue: number } | { DoubleValue: number } | { BooleanValue: boolean } | { StringValue: string };
  /** Epoch seconds. */
  ExpirationDate?: number;
}

export interface GetEntitlementsOutput {
  /** Absent by switch where there are none. */
  Entitlements?: EntitlementShape[];
  NextToken?: string;
}

/**
 * GetEntitlements. Values of one filter are or-ed, filters are and-ed; an agreement that is not running has no
 * entitlements.
 */
export class GetEntitlements implements ApiHandler {
  constructor(
    private readonly catalog: MarketplaceCatalog,
    private readonly switches: Readonly<Switches>,
  ) {}

  execute({ input: { object }, now }: OperationCall): GetEntitlementsOutput {
    const input = new InputReader(object, '', 'InvalidParameterException');
    const productCode = input.required('ProductCode', input.text('ProductCode', { min: 1, max: 255 }));
    const pageSize = input.integer('MaxResults', { min: 1, max: pageMax }) ?? pageMax;
    const filter = readFilter(input.structure('Filter'));
    if (!this.catalog.listing(productCode)) throw invalidParameter(`There is no product ${productCode}.`);
    const query = JSON.stringify([productCode, filter]);
    const position = readToken(input.text('NextToken', { pattern: /^\S+$/ }), query);
    const matching = this.#held(productCode, now).filter((entitlement) => matches(entitlement, filter));
    if (this.switches.emptyEntitlementPages === 'before' && !position.afterEmptyPage) {
      return { ...this.#page([]), NextToken: writeToken({ ...position, afterEmptyPage: true }, query) };
    }
    const end = position.offset + pageSize;
    const next = { offset: end, afterEmptyPage: false };
    return {
      ...this.#page(matching.slice(position.offset, end)),
      ...(end < matching.length && { NextToken: writeToken(next, query) }),
    };
  }

  #page(entitlements: EntitlementShape[]): Pick<GetEntitlementsOutput, 'Entitlements'> {
    if (entitlements.length === 0 && this.switches.emptyEntitlements === 'absent') return {};
    return { Entitlements: entitlements };
  }

  #held(productCode: string, now: Date): EntitlementShape[] {
    const before = new Map(
      this.catalog
        .agreementsAsOf(new Date(now.getTime() - this.switches.entitlementChangesAfterMs))
        .map((agreement) => [agreement.agreementId, agreement.entitlements]),
    );
    const shownSince = new Date(now.getTime() - this.switches.entitlementsAfterMs);
    return this.catalog
      .agreements()
      .filter(
        ({ productCode: of, startsAt, endsAt }) =>
          of === productCode && startsAt <= shownSince && !(endsAt && endsAt <= now),
      )
      .filter((agreement) => !this.#awayAtRenewal(agreement, now))
      .flatMap((agreement) =>
        (before.get(agreement.agreementId) ?? agreement.entitlements)
          .filter(({ expiresAt }) => !(expiresAt && expiresAt <= now))
          .map((held) => shapeOf(agreement, held, this.switches)),
      );
  }

  /** Just before it is renewed, or just after. */
  #awayAtRenewal(agreement: Agreement, now: Date): boolean {
    const awayMs = this.switches.entitlementsAwayAtRenewalMs;
    if (awayMs === 0) return false;
    const { autoRenew, nextAgreementId, endsAt, intent, startsAt, termStartsAt } = agreement;
    const renewedAt = termStartsAt ?? (intent === 'RENEW' ? startsAt : undefined);
    if (renewedAt && now.getTime() - renewedAt.getTime() < awayMs) return true;
    const renews = autoRenew || nextAgreementId !== undefined;
    return renews && endsAt !== undefined && endsAt.getTime() - now.getTime() <= awayMs;
  }
}

type Filter = Partial<Record<(typeof filterKeys)[number], string[]>>;

interface Position {
  offset: number;
  afterEmptyPage: boolean;
}

function readFilter(reader: InputReader | undefined): Filter {
  if (!reader) return {};
  const filter: Filter = {};
  for (const key of Object.keys(reader.object)) {
    const known = filterKeys.find((name) => name === key);
    if (known === undefined) throw invalidParameter(`There is no filter ${key}.`);
    const values = reader.texts(known, { min: 1 });
    if (values) filter[known] = values;
  }
  if (filter.CUSTOMER_IDENTIFIER && filter.CUSTOMER_AWS_ACCOUNT_ID) {
    throw invalidParameter('CUSTOMER_IDENTIFIER and CUSTOMER_AWS_ACCOUNT_ID cannot be used together.');
  }
  return filter;
}

function matches(entitlement: EntitlementShape, filter: Filter): boolean {
  const within = (values: string[] | undefined, value: string | undefined): boolean =>
    values === undefined || (value !== undefined && values.includes(value));
  return (
    within(filter.CUSTOMER_IDENTIFIER, entitlement.CustomerIdentifier) &&
    within(filter.CUSTOMER_AWS_ACCOUNT_ID, entitlement.CustomerAWSAccountId) &&
    within(filter.DIMENSION, entitlement.Dimension) &&
    within(filter.LICENSE_ARN, entitlement.LicenseArn)
  );
}

function shapeOf(
  agreement: Agreement,
  held: HeldEntitlement,
  { entitlementExpiration }: Pick<Switches, 'entitlementExpiration'>,
): EntitlementShape {
  const expiresAt = entitlementExpiration === 'present' ? (held.expiresAt ?? agreement.endsAt) : undefined;
  return {
    ProductCode: agreement.productCode,
    Dimension: held.dimension,
    CustomerAWSAccountId: agreement.accountId,
    ...(agreement.customerIdentifier !== undefined && { CustomerIdentifier: agreement.customerIdentifier }),
    LicenseArn: agreement.licenseArn,
    Value: valueOf(held.value),
    ...(expiresAt && { ExpirationDate: expiresAt.getTime() / 1000 }),
  };
}

function valueOf(value: HeldEntitlement['value']): EntitlementShape['Value'] {
  if (typeof value === 'boolean') return { BooleanValue: value };
  if (typeof value === 'string') return { StringValue: value };
  return Number.isInteger(value) ? { IntegerValue: value } : { DoubleValue: value };
}

/** A token belongs to its query: one taken from another product or filter is refused. */
function writeToken(position: Position, query: string): string {
  return Buffer.from(JSON.stringify([position.offset, position.afterEmptyPage, query])).toString('base64');
}

function readToken(token: string | undefined, query: string): Position {
  if (token === undefined) return { offset: 0, afterEmptyPage: false };
  try {
    const [offset, afterEmptyPage, ofQuery] = JSON.parse(Buffer.from(token, 'base64').toString()) as unknown[];
    if (typeof offset === 'number' && typeof afterEmptyPage === 'boolean' && ofQuery === query)
      return { offset, afterEmptyPage };
  } catch {
    // Not one of ours: refused below.
  }
  throw invalidParameter('NextToken is not valid for this request.');
}

function invalidParameter(message: string): ServiceError {
  return new ServiceError('InvalidParameterException', message);
}
