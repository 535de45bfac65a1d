/** What AWS calls a buyer's agreement. Every part may be missing from an answer. */
export interface SubscriptionIdentity {
  productCode: string;
  licenseArn?: string | undefined;
  /** A license in a form that tells which one it is, but that the API does not take: finds the subscription, and is never sent. */
  licenseName?: string | undefined;
  customerAwsAccountId?: string | undefined;
  customerIdentifier?: string | undefined;
  agreementId?: string | undefined;
}

export type AliasKind = 'license' | 'account' | 'customerIdentifier' | 'agreement';

/** One name of a subscription; kind, scope and value together are unique within a seller. */
export interface SubscriptionAlias {
  kind: AliasKind;
  /** The product within which the value is unique; '' where it is unique everywhere. */
  scope: string;
  value: string;
}

const LICENSE_ID = /(?:^|[:/])(?:l|lic)-([^:/]+)$/;

/**
 * What the printed forms of a LicenseArn have in common: `arn:aws:license-manager::<owner>:license:l-<id>` (API),
 * `aws:license-manager:<region>:<owner>:l-<id>` (events) and `arn:aws:license-manager:…:license/lic-<id>` (guides) all give `l-<id>`.
 * A form not known to us stands for itself, so that it can never meet another license.
 */
export function licenseIdOf(licenseArn: string): string {
  const id = LICENSE_ID.exec(licenseArn)?.[1];
  return id === undefined ? licenseArn : `l-${id}`;
}

// [BOTO, SG-code] Events also print it without `arn:`, with a region and without `license:`; such a form is refused by the API.
const API_FORM = /^arn:aws[a-zA-Z-]*:license-manager:[^:]*:[0-9]{12}:license:l-[A-Za-z0-9-]+$/;

/** Sorts the license that a message names: a form that the API takes may be metered with, any other only tells which license is meant. */
export function licenseOfMessage(printed: string | undefined): Pick<SubscriptionIdentity, 'licenseArn' | 'licenseName'> {
  if (printed === undefined) return {};
  return API_FORM.test(printed) ? { licenseArn: printed } : { licenseName: printed };
}

/** An alias as messages that wait for it name it. */
export function nameOf({ kind, scope, value }: SubscriptionAlias): string {
  return JSON.stringify([kind, scope, value]);
}

/**
 * The names under which an identity is found again. Account and CustomerIdentifier name a subscription of a legacy product only: where licenses
 * are metered, one account may hold several agreements at once, and its name would make them one.
 */
export function aliasesOf(identity: SubscriptionIdentity, metered: 'license' | 'legacy'): SubscriptionAlias[] {
  const { productCode, customerAwsAccountId, customerIdentifier, agreementId } = identity;
  const licenseArn = identity.licenseArn ?? identity.licenseName;
  const aliases: SubscriptionAlias[] = [];
  const add = (kind: AliasKind, scope: string, value: string | undefined): void => {
    if (value !== undefined && value !== '') aliases.push({ kind, scope, value });
  };
  if (metered === 'legacy') {
    add('customerIdentifier', productCode, customerIdentifier);
    add('account', productCode, customerAwsAccountId);
  }
  add('license', '', licenseArn === undefined ? undefined : licenseIdOf(licenseArn));
  add('agreement', '', agreementId);
  return aliases;
}
