import { createHash } from 'node:crypto';

/** How AWS (or the host) names an agreement and its buyer. Every part may be missing from an answer or a message. */
export interface NamedByAws {
  /** In any of its printed forms. */
  licenseArn?: string | undefined;
  agreementId?: string | undefined;
  customerAwsAccountId?: string | undefined;
  customerIdentifier?: string | undefined;
}

export type BuyerNameKind = 'account' | 'customerIdentifier';
export type AgreementNameKind = 'agreement' | 'license';

/** One name, and the digest by which it is compared: also after the name itself was erased. */
export interface AwsName<Kind extends BuyerNameKind | AgreementNameKind = BuyerNameKind | AgreementNameKind> {
  kind: Kind;
  /** SHA-256 of the canonical form, lower-case hex. */
  digest: string;
  /** As it is sent to AWS. Null of a license that only an event has printed: no API takes that form. */
  name: string | null;
  /** As an event printed it, where that is another form. */
  eventForm: string | null;
}

const LICENSE_ID = /(?:^|[:/])(?:l|lic)-([^:/]+)$/;
// [BOTO, SG-code] Events also print it without `arn:`, with a region and without `license:`; such a form is refused by
// the API.
const API_FORM = /^arn:aws[a-zA-Z-]*:license-manager:[^:]*:[0-9]{12}:license:l-[A-Za-z0-9-]+$/;
const AGREEMENT_ID = /^agmn?t-(.+)$/;

/**
 * What the printed forms of a LicenseArn have in common: `arn:aws:license-manager::<owner>:license:l-<id>` (API),
 * `aws:license-manager:<region>:<owner>:l-<id>` (events) and `arn:aws:license-manager:…:license/lic-<id>` (guides) all
 * give `l-<id>`. A form not known to us stands for itself, so that it can never meet another license.
 */
export function licenseIdOf(licenseArn: string): string {
  const id = LICENSE_ID.exec(licenseArn)?.[1];
  return id === undefined ? licenseArn : `l-${id}`;
}

/** What `agmt-…` (API, events) and `agmnt-…` (usage feed) have in common: all that follows the first hyphen. */
export function agreementKeyOf(agreementId: string): string {
  return AGREEMENT_ID.exec(agreementId)?.[1] ?? agreementId;
}

/** Whether an API takes this form of a LicenseArn. */
export function isApiForm(licenseArn: string): boolean {
  return API_FORM.test(licenseArn);
}

export function digestOf(canonical: string): string {
  return createHash('sha256').update(canonical, 'utf8').digest('hex');
}

/**
 * @param from whether an API has printed the names: its literals are sent back as they are; of an event's only the
 * known form is.
 */
export function agreementNamesOf(
  { licenseArn, agreementId }: NamedByAws,
  from: 'api' | 'event',
): AwsName<AgreementNameKind>[] {
  const names: AwsName<AgreementNameKind>[] = [];
  if (agreementId !== undefined && agreementId !== '') {
    names.push({
      kind: 'agreement',
      digest: digestOf(agreementKeyOf(agreementId)),
      name: agreementId,
      eventForm: null,
    });
  }
  if (licenseArn !== undefined && licenseArn !== '') {
    const isSendable = from === 'api' || isApiForm(licenseArn);
    names.push({
      kind: 'license',
      digest: digestOf(licenseIdOf(licenseArn)),
      name: isSendable ? licenseArn : null,
      eventForm: isSendable ? null : licenseArn,
    });
  }
  return names;
}

export function buyerNamesOf({ customerAwsAccountId, customerIdentifier }: NamedByAws): AwsName<BuyerNameKind>[] {
  const names: AwsName<BuyerNameKind>[] = [];
  const add = (kind: BuyerNameKind, name: string | undefined): void => {
    if (name !== undefined && name !== '') names.push({ kind, digest: digestOf(name), name, eventForm: null });
  };
  add('customerIdentifier', customerIdentifier);
  add('account', customerAwsAccountId);
  return names;
}

/** Of the buyer's names the one that holds at every product: at most one. */
export function accountsOf(about: { customerAwsAccountId?: string | null | undefined }): AwsName<'account'>[] {
  const customerAwsAccountId = about.customerAwsAccountId ?? undefined;
  return buyerNamesOf({ customerAwsAccountId }).map((name) => ({ ...name, kind: 'account' }));
}

/** A name as messages that wait for it list it. A buyer's name is one within a product only. */
export function labelOf({ kind, digest }: AwsName, productCode: string | null): string {
  return kind === 'agreement' || kind === 'license' ? `${kind}:${digest}` : `${kind}:${productCode ?? ''}:${digest}`;
}

interface ProductName {
  productCode?: string | undefined;
  productId?: string | undefined;
}

/**
 * The name of a listing that is none of ours, as its messages list it, so that they go on once it is listed: by its
 * code, or by its entity id where that is all that was named.
 */
export function productLabelOf({ productCode, productId }: ProductName): string {
  return productCode === undefined ? `product:id:${digestOf(productId ?? '')}` : `product:${productCode}`;
}

/** What names a listing by its id alone goes on once a message has told that it is that of a code of ours. */
export function listingIdLabelsOf({ productCode, productId }: ProductName): string[] {
  return productCode === undefined || productId === undefined ? [] : [productLabelOf({ productId })];
}
