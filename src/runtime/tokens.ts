/** Injection token of the checked options of this instance of the module. */
export const RESOLVED_OPTIONS = Symbol('marketplace-metering:resolved-options');

/**
 * Injection token of what a test makes of the options that the host gives: a function from these to those. Registered,
 * so that it is the same one in each kind of module.
 */
export const OPTIONS_OF_TEST = Symbol.for('marketplace-metering:options-of-test');
