import { type Agreement } from '../market/agreement.js';
import { meteringEnd } from '../market/agreement-milestone.js';
import { type ApiHandler, type OperationCall } from '../wire/api-handler.js';
import { type InputReader } from '../wire/input-reader.js';
import { type Listing } from '../market/listing.js';
import { type MarketplaceCatalog } from '../market/marketplace-catalog.js';
import { hourOf, outOfWindow } from './metering-window.js';
import { type SeededRandom } from '../seeded-random.js';
import { ServiceError } from '../wire/service-error.js';
import { type Switches } from '../switches.js';
import { type BillEntry, grainOf, type UsageBook } from './usage-book.js';
import { checkRecord, type CheckedRecord, productCodeRule, type UsageRecord } from '../wire/usage-record.js';

const recordsMax = 25;

export interface BatchMeterUsageOutput {
  Results: UsageRecordResult[];
  UnprocessedRecords: UsageRecord[];
}

export interface UsageRecordResult {
  UsageRecord: UsageRecord;
  MeteringRecordId?: string;
  Status: string;
}

/**
 * What the rules say of one record: the lines it would enter in the book, that its customer is not subscribed, or that
 * AWS would lose it.
 */
type Verdict = { status: 'CustomerNotSubscribed' | 'dropped' } | { status: 'eligible'; entries: BillEntry[] };

/**
 * BatchMeterUsage [SDK-M, BOTO]. A request-level error leaves nothing of the batch effective: all is judged before
 * anything is entered.
 */
export class BatchMeterUsage implements ApiHandler {
  constructor(
    private readonly catalog: MarketplaceCatalog,
    private readonly book: UsageBook,
    private readonly switches: Readonly<Switches>,
    private readonly random: SeededRandom,
  ) {}

  execute({ input, region, now, drawFates }: OperationCall): BatchMeterUsageOutput {
    const productCode = input.text('ProductCode', productCodeRule);
    const readers = input.required('UsageRecords', input.list('UsageRecords', { min: 0, max: recordsMax }));
    const records = readers.map((reader) => checkRecord(reader, this.switches));
    const verdicts = this.#judge(input, productCode === '' ? undefined : productCode, records, region, now);
    const fates = drawFates();
    const acceptedAt = now.getTime();
    const results: UsageRecordResult[] = [];
    const unprocessed: UsageRecord[] = [];
    for (const [index, record] of records.entries()) {
      const fate = fates.get(index);
      const result = fate?.effective === false ? undefined : this.#enter(record, verdicts[index], acceptedAt);
      if (fate?.report.type === 'unprocessed') unprocessed.push(record.wire);
      else if (fate?.report.type === 'status') results.push({ UsageRecord: record.wire, Status: fate.report.status });
      else if (!fate && result) results.push(result);
    }
    return { Results: this.#ordered(results), UnprocessedRecords: unprocessed };
  }

  #judge(
    input: InputReader,
    productCode: string | undefined,
    records: CheckedRecord[],
    region: string,
    now: Date,
  ): Verdict[] {
    this.#checkIdentityForm(input, productCode, records);
    for (const record of records) {
      const reason = outOfWindow(record.timestamp, now.getTime(), this.switches);
      if (reason !== undefined)
        throw timestampOutOfBounds(`The timestamp ${new Date(record.timestamp).toISOString()} ${reason}.`);
    }
    this.#checkOneProduct(records, now);
    const verdicts = records.map((record) => this.#verdict(record, productCode, region, now.getTime()));
    if (this.switches.duplicateInRequest === 'refused' && repeatsGrain(verdicts)) {
      throw input.violation('UsageRecords', 'must not have two records of one customer, dimension and hour');
    }
    return verdicts;
  }

  /** Which identities a record may carry together, and which its product takes. */
  #checkIdentityForm(input: InputReader, productCode: string | undefined, records: CheckedRecord[]): void {
    const listing = productCode === undefined ? undefined : this.catalog.listing(productCode);
    if (productCode !== undefined && listing?.type !== 'saas') {
      throw new ServiceError('InvalidProductCodeException', `The product code ${productCode} is not a published one.`);
    }
    for (const [index, record] of records.entries()) {
      const broken =
        record.licenseArn === undefined
          ? brokenLegacyForm(record, listing)
          : this.#brokenLicenseForm(record, productCode);
      if (broken !== undefined) throw input.violation(`UsageRecords.${index + 1}.member`, broken);
    }
  }

  #brokenLicenseForm(record: CheckedRecord, productCode: string | undefined): string | undefined {
    if (productCode !== undefined && this.switches.productCodeWithLicenseArn === 'refused') {
      return 'must not have a LicenseArn in a request with a ProductCode';
    }
    if (record.customerIdentifier !== undefined) return 'must not have a CustomerIdentifier beside a LicenseArn';
    if (record.accountId === undefined && this.switches.accountIdBesideLicenseArn === 'required') {
      return 'must have a CustomerAWSAccountId beside a LicenseArn';
    }
    return undefined;
  }

  #checkOneProduct(records: CheckedRecord[], now: Date): void {
    const products = new Set<string>();
    for (const { licenseArn } of records) {
      const agreement = licenseArn === undefined ? undefined : this.catalog.byLicenseArn(licenseArn, now);
      if (agreement) products.add(agreement.productCode);
    }
    if (products.size > 1) throw invalidLicense('All licenses of a request must be of the same product.');
  }

  #verdict(record: CheckedRecord, productCode: string | undefined, region: string, now: number): Verdict {
    try {
      const licensed = record.licenseArn !== undefined;
      const agreement = licensed
        ? this.#licensedAgreement(record, productCode, now)
        : this.#legacyAgreement(record, productCode ?? '', now);
      const listing = this.catalog.listing(agreement?.productCode ?? productCode ?? '');
      if (listing && !this.#takes(listing, record, region)) return { status: 'dropped' };
      if (!agreement) return { status: 'CustomerNotSubscribed' };
      if (!this.#metered(agreement, now)) return { status: 'CustomerNotSubscribed' };
      if (!this.#checkTerm(agreement, record)) return { status: 'CustomerNotSubscribed' };
      const priced = this.catalog.pricedAt(agreement, new Date(record.timestamp)).agreementId;
      return { status: 'eligible', entries: entriesOf(record, agreement, priced, region, productCode !== undefined) };
    } catch (error) {
      const badLicense = error instanceof ServiceError && error.name === 'InvalidLicenseException';
      if (badLicense && this.switches.badLicense === 'perRecord') return { status: 'CustomerNotSubscribed' };
      throw error;
    }
  }

  #licensedAgreement(record: CheckedRecord, productCode: string | undefined, now: number): Agreement {
    const agreement = this.catalog.byLicenseArn(record.licenseArn ?? '', new Date(now));
    if (!agreement) throw invalidLicense('The license does not exist.');
    if (record.accountId !== undefined && record.accountId !== agreement.accountId)
      throw invalidLicense('The license is not one of the customer.');
    if (productCode !== undefined && productCode !== agreement.productCode)
      throw invalidLicense('The license is not one of the product.');
    return agreement;
  }

  /** Of several agreements the one that takes usage now, so that an ended one does not hide its successor. */
  #legacyAgreement(record: CheckedRecord, productCode: string, now: number): Agreement | undefined {
    const held =
      record.accountId === undefined
        ? this.catalog.byCustomerIdentifier(record.customerIdentifier ?? '')
        : this.catalog.byAccountId(record.accountId);
    if (
      held.length === 0 &&
      record.accountId === undefined &&
      this.switches.unknownCustomerIdentifier === 'wholeBatch'
    ) {
      throw new ServiceError('InvalidCustomerIdentifierException', 'The customer identifier does not exist.');
    }
    const ofProduct = held.filter((agreement) => agreement.productCode === productCode);
    const metered = ofProduct.filter((agreement) => this.#metered(agreement, now));
    const chosen =
      metered.find((agreement) => withinTerm(agreement, record.timestamp)) ?? metered.at(-1) ?? ofProduct.at(-1);
    return chosen && this.catalog.sinceFirst(chosen);
  }

  /**
   * Whether the product meters the dimension: only where it does not and the client is not told so, the answer is no.
   */
  #takes(listing: Listing, record: CheckedRecord, region: string): boolean {
    if (!listing.regions.includes(region))
      throw new ServiceError('DisabledApiException', `The API is disabled in ${region}.`);
    const dimension = listing.dimensions.find(({ name }) => name === record.dimension);
    if (dimension?.type === 'ExternallyMetered') return true;
    if (this.switches.unknownDimension === 'dropped') return false;
    throw new ServiceError(
      'InvalidUsageDimensionException',
      `The dimension ${record.dimension} is not one that the product meters.`,
    );
  }

  /** Whether AWS takes usage of this agreement at this moment, whatever hour it is of. */
  #metered(agreement: Agreement, now: number): boolean {
    if (agreement.suspended || agreement.status === 'ROLLED_BACK' || agreement.startsAt.getTime() > now) return false;
    return !agreement.endsAt || now < meteringEnd(agreement.endsAt, this.switches);
  }

  #checkTerm(agreement: Agreement, record: CheckedRecord): boolean {
    if (record.timestamp < agreement.startsAt.getTime()) {
      const message = 'The usage lies before the start of the agreement.';
      if (this.switches.usageBeforeStart === 'CustomerNotSubscribed') return false;
      throw this.switches.usageBeforeStart === 'InvalidLicenseException'
        ? invalidLicense(message)
        : timestampOutOfBounds(message);
    }
    if (withinTerm(agreement, record.timestamp)) return true;
    if (record.licenseArn !== undefined && this.switches.usageAfterEnd === 'InvalidLicenseException') {
      throw invalidLicense('The usage lies after the end of the license.');
    }
    return false;
  }

  #enter(record: CheckedRecord, verdict: Verdict | undefined, acceptedAt: number): UsageRecordResult {
    const answer = (Status: string, id?: string): UsageRecordResult => ({
      UsageRecord: record.wire,
      ...(id !== undefined && { MeteringRecordId: id }),
      Status,
    });
    const { timestamp } = record;
    if (verdict?.status === 'dropped') return answer('Success', this.random.uuid());
    const [entry] =
      verdict?.status === 'eligible'
        ? verdict.entries.map((line) => this.book.enter(line, { timestamp, acceptedAt }))
        : [];
    if (!entry)
      return answer(
        'CustomerNotSubscribed',
        this.switches.notSubscribedMeteringRecordId === 'present' ? this.random.uuid() : undefined,
      );
    const { found, line } = entry;
    if (found === 'nothing' || (found === 'same' && this.switches.identicalResend === 'success')) {
      const isNew = found === 'same' && this.switches.resentMeteringRecordId === 'new';
      return answer('Success', isNew ? this.random.uuid() : line.meteringRecordId);
    }
    return answer(
      'DuplicateRecord',
      this.switches.duplicateMeteringRecordId === 'original' ? line.meteringRecordId : undefined,
    );
  }

  #ordered(results: UsageRecordResult[]): UsageRecordResult[] {
    switch (this.switches.resultOrder) {
      case 'request':
        return results;
      case 'reversed':
        return results.reverse();
      case 'shuffled':
        return this.random.shuffled(results);
    }
  }
}

function brokenLegacyForm(record: CheckedRecord, listing: Listing | undefined): string | undefined {
  if (!listing) return 'must have a LicenseArn, or the request a ProductCode';
  if (listing.identity === 'license') return 'must have a LicenseArn: the product takes usage by license only';
  const one = (record.customerIdentifier === undefined) !== (record.accountId === undefined);
  return one ? undefined : 'must have either CustomerIdentifier or CustomerAWSAccountId';
}

function repeatsGrain(verdicts: readonly Verdict[]): boolean {
  const entries = verdicts.flatMap((verdict) => (verdict.status === 'eligible' ? verdict.entries : []));
  return new Set(entries.map((entry) => grainOf(entry))).size < entries.length;
}

function withinTerm(agreement: Agreement, timestamp: number): boolean {
  return timestamp >= agreement.startsAt.getTime() && (!agreement.endsAt || timestamp < agreement.endsAt.getTime());
}

/**
 * Under the agreement that is in force at the timestamp. One line; two where the request carries both identities, since
 * AWS deduplicates each identity for itself [SDK-M].
 */
function entriesOf(
  record: CheckedRecord,
  agreement: Agreement,
  agreementId: string,
  region: string,
  withProductCode: boolean,
): BillEntry[] {
  const common = {
    operation: 'BatchMeterUsage' as const,
    productCode: agreement.productCode,
    region,
    agreementId,
    customerAWSAccountId: agreement.accountId,
    dimension: record.dimension,
    hour: new Date(hourOf(record.timestamp)).toISOString(),
    quantity: record.quantity,
    ...(record.allocations && { usageAllocations: record.allocations }),
  };
  const { customerIdentifier } = agreement;
  const entries: BillEntry[] = [];
  if (record.licenseArn !== undefined)
    entries.push({ ...common, identity: 'license', licenseArn: agreement.licenseArn });
  if (withProductCode)
    entries.push({ ...common, identity: 'legacy', ...(customerIdentifier !== undefined && { customerIdentifier }) });
  return entries;
}

function invalidLicense(message: string): ServiceError {
  return new ServiceError('InvalidLicenseException', message);
}

function timestampOutOfBounds(message: string): ServiceError {
  return new ServiceError('TimestampOutOfBoundsException', message);
}
