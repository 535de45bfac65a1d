/** What AWS calls a buyer's agreement. Every part may be missing from an answer. */
export interface SubscriptionIdentity {
  productCode: string;
  licenseArn?: string | undefined;
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

/**
 * The names under which an identity is found again. Account and CustomerIdentifier name a subscription of a legacy product only: where licenses
 * are metered, one account may hold several agreements at once, and its name would make them one.
 */
export function aliasesOf(identity: SubscriptionIdentity, metered: 'license' | 'legacy'): SubscriptionAlias[] {
  const { productCode, licenseArn, customerAwsAccountId, customerIdentifier, agreementId } = identity;
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
