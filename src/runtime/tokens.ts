/** Injection token of the checked options of this instance of the module. */
export const RESOLVED_OPTIONS = Symbol('marketplace-metering:resolved-options');
