import { MarketplaceMeteringError } from '../../errors/marketplace-metering-error.js';

/** What was given as a transaction of the host is none. */
export function invalidManager(what: string, fix: string): MarketplaceMeteringError {
  return new MarketplaceMeteringError('MANAGER_INVALID', `${what}. ${fix}`);
}

/**
 * Types say what a call takes beside `manager`, and hosts of plain JavaScript give anything: a transaction under another
 * name, or as it is, would be passed over, and what was written would outlive its rollback.
 * @param known the names of the options of `call`
 * @throws MarketplaceMeteringError `MANAGER_INVALID`
 */
export function refuseOtherOptions(call: string, given: unknown, known: readonly string[]): void {
  const fix = 'Give the transaction of your own as { manager }, or none.';
  if (typeof given !== 'object' || given === null) throw invalidManager(`${call} takes no ${kindOf(given)}`, fix);
  for (const name of Object.keys(given)) {
    if (!known.includes(name))
      throw invalidManager(`${call} has no option ${JSON.stringify(name)}; there are ${known.join(', ')}`, fix);
  }
}

/** Short name of a value for an error: never its content, which may hold passwords. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object') return `a ${typeof value}`;
  if (typeof (value as { then?: unknown }).then === 'function') return 'a promise';
  const name = (Object.getPrototypeOf(value) as { constructor?: { name?: unknown } } | null)?.constructor?.name;
  return typeof name === 'string' && name !== '' && name !== 'Object' ? `an object of the class ${name}` : 'an object';
}

/** Whether a value has all these methods: adapters know libraries by their shape, and import none. */
export function hasMethods<Name extends string>(
  value: unknown,
  ...names: readonly Name[]
): value is Record<Name, (...given: unknown[]) => unknown> {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  return names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function');
}
