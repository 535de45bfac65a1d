import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';

/**
 * What stands in the place of options, if it is options. Of anything else no option would be found: the environment and
 * the defaults would count in place of what the host meant, without a word.
 * @param place where it was given
 * @throws MarketplaceMeteringError `OPTIONS_INVALID`
 */
export function givenOptions<T extends object>(given: T, place: string): T {
  const found = given as unknown;
  if (isPromise(found))
    throw invalid(`${place} was given a Promise: give forRootAsync({ useFactory: () => … }), which waits for it.`);
  if (typeof found === 'object' && found !== null && !Array.isArray(found)) return given;
  const what = Array.isArray(found)
    ? 'a list'
    : found === null
      ? 'null'
      : found === undefined
        ? 'nothing'
        : typeof found;
  throw invalid(`${place} was given ${what} for options: give an object; {} where the environment says all.`);
}

/** A class that was named for `useClass` or `useExisting`, if it makes options. */
export function optionsMadeBy<T>(factory: { createMarketplaceOptions?: () => T }): T {
  if (typeof factory.createMarketplaceOptions === 'function') return factory.createMarketplaceOptions();
  const { name } = factory.constructor;
  throw invalid(`${name} makes no options: give it a method createMarketplaceOptions() that returns them.`);
}

function isPromise(value: unknown): boolean {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

function invalid(message: string): MarketplaceMeteringError {
  return new MarketplaceMeteringError('OPTIONS_INVALID', message);
}
