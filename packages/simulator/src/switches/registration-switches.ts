import { type ValuesOf } from './values-of.js';

/** Registration tokens, ResolveCustomer and GetEntitlements. */
export interface RegistrationSwitches {
  /**
   * Lifetime of a registration token in milliseconds of the simulator's clock, > 0. Four hours [SG-setup, SKILL];
   * "approximately one hour" stands on the same page. Default 14400000.
   */
  registrationTokenLifetimeMs: number;
  /**
   * A registration token resolved before: the same answer `untilExpiry` [SG-setup], or ExpiredTokenException after the
   * first (`once`) [SDK-M]. Default `untilExpiry`.
   */
  registrationTokenReuse: 'untilExpiry' | 'once';
  /**
   * Fields that the buyer's browser posts to the registration page: the `documented` ones [SG-setup], or `extended` by
   * the ids of agreement and product, as sellers' code has seen them. Default `documented`.
   */
  registrationFormFields: 'documented' | 'extended';
  /**
   * Whether ResolveCustomer also names a LicenseArn for a legacy product. AWS does since 2026; older answers had none.
   * Default `present`.
   */
  legacyLicenseArn: 'present' | 'absent';
  /**
   * GetEntitlements: an empty page with a NextToken before each page with content (`before`), or none. Clients must go
   * on until no token comes [client-marketplace-entitlement-service]. Default `none`.
   */
  emptyEntitlementPages: 'none' | 'before';
  /**
   * Milliseconds of the simulator's clock, >= 0, until GetEntitlements shows a new agreement. The skill warns of an
   * empty answer during the registration [SKILL/troubleshooting]; the seller guide has the call made there. Default 0.
   */
  entitlementsAfterMs: number;
  /**
   * Milliseconds of the simulator's clock, 0 to 3600000, by which GetEntitlements lags behind a change of what is held:
   * License Updated may come first. AWS is silent. Default 0.
   */
  entitlementChangesAfterMs: number;
  /**
   * Milliseconds of the simulator's clock, >= 0, before and after a renewal in which GetEntitlements has no rows of the
   * agreement. AWS is silent; sellers saw minutes. Default 0.
   */
  entitlementsAwayAtRenewalMs: number;
  /**
   * ExpirationDate of an entitlement: `present` where there is an end, or `absent` always, as sellers saw it [BOTO: not
   * required]. Default `present`.
   */
  entitlementExpiration: 'present' | 'absent';
  /**
   * The member Entitlements of an answer without any: an `emptyList`, or `absent` [BOTO: not required]. Default
   * `emptyList`.
   */
  emptyEntitlements: 'emptyList' | 'absent';
}

/** The values worth testing, the default first. */
export const registrationSwitchValues: ValuesOf<RegistrationSwitches> = {
  registrationTokenLifetimeMs: [4 * 3_600_000, 3_600_000],
  registrationTokenReuse: ['untilExpiry', 'once'],
  registrationFormFields: ['documented', 'extended'],
  legacyLicenseArn: ['present', 'absent'],
  emptyEntitlementPages: ['none', 'before'],
  entitlementsAfterMs: [0, 60_000],
  entitlementChangesAfterMs: [0, 60_000],
  entitlementsAwayAtRenewalMs: [0, 180_000],
  entitlementExpiration: ['present', 'absent'],
  emptyEntitlements: ['emptyList', 'absent'],
};
