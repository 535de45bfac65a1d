import { type ResolvedOptions, type ResolvedProduct } from '../options/resolved-options.js';

/** Settings that decide what AWS bills for a product, by the names of their options. */
export type MoneySettings = Readonly<Record<string, string>>;

export function moneySettingsOf({ aws }: Pick<ResolvedOptions, 'aws'>, product: ResolvedProduct): MoneySettings {
  // Where a container or AMI runs is each replica's own; what it sends is bound to it.
  const place =
    product.type === 'saas'
      ? { 'products[].identity': product.identity, 'products[].region': product.region }
      : { 'products[].usageOperation': product.usageOperation, 'products[].agentCore': String(product.agentCore) };
  return {
    'products[].type': product.type,
    ...place,
    // Without path, user or password: it is stored and told.
    'aws.endpoint': aws.endpoint === undefined ? 'AWS' : new URL(aws.endpoint).origin,
    'aws.identicalResend': aws.identicalResend,
    // What is subtracted from usage before it is sent.
    ...(product.included && { 'products[].included': product.included }),
    ...(product.includedUnits.length > 0 && {
      'products[].includedUnits': JSON.stringify(product.includedUnits),
    }),
  };
}

/** Settings of a process that are not those of the process that started last, as `option: here x, there y`. */
export function differingSettings(own: MoneySettings, stored: MoneySettings | null): string[] {
  if (stored === null) return [];
  const names = [...new Set([...Object.keys(own), ...Object.keys(stored)])].sort();
  return names.flatMap((name) =>
    own[name] === stored[name]
      ? []
      : [`${name}: here ${own[name] ?? 'not known'}, there ${stored[name] ?? 'not known'}`],
  );
}
