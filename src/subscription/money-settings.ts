import { type ResolvedIncludedUnits } from '../options/included-options.schema.js';
import { type ResolvedOptions, type ResolvedProduct } from '../options/resolved-options.js';

/** Settings that decide what AWS bills for a product, by the names of their options. */
export type MoneySettings = Readonly<Record<string, string>>;

export function moneySettingsOf(
  { aws, onExpired }: Pick<ResolvedOptions, 'aws' | 'onExpired'>,
  product: ResolvedProduct,
): MoneySettings {
  // Where a container or AMI runs is each replica's own; what it sends is bound to it.
  const place =
    product.type === 'saas'
      ? { 'products[].identity': product.identity, 'products[].region': product.region }
      : { 'products[].usageOperation': product.usageOperation, 'products[].agentCore': String(product.agentCore) };
  return {
    'products[].type': product.type,
    ...place,
    'products[].mode': product.mode,
    ...(product.mode === 'live' && product.liveFrom && { 'products[].liveFrom': product.liveFrom.toISOString() }),
    'products[].zeroRecords': product.zeroRecords,
    'products[].onSeveral': product.onSeveral,
    onExpired,
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

/** Units that contracts include by these settings, as they were resolved. */
export function includedUnitsIn(settings: MoneySettings): ResolvedIncludedUnits[] {
  return JSON.parse(settings['products[].includedUnits'] ?? '[]') as ResolvedIncludedUnits[];
}

/** Settings that differ, as `option: here x, in force y`, or before. */
export function differingSettings(
  own: MoneySettings,
  others: MoneySettings | null,
  when: 'in force' | 'before' = 'in force',
): string[] {
  if (others === null) return [];
  const names = [...new Set([...Object.keys(own), ...Object.keys(others)])].sort();
  return names.flatMap((name) =>
    own[name] === others[name]
      ? []
      : [`${name}: here ${own[name] ?? 'not given'}, ${when} ${others[name] ?? 'not given'}`],
  );
}

/** Settings with the revision that a person gave them. */
export interface RevisedSettings {
  revision: number;
  settings: MoneySettings;
}

/**
 * What a start with these settings means, given every generation, the one in force first. A higher revision comes into
 * force and a lower one does not, whatever they say. Of one revision, settings that nobody had before are news; those
 * of an earlier generation are an older process that has started again: who started last decides nothing.
 */
export function settingsStanding(
  own: RevisedSettings,
  generations: readonly RevisedSettings[],
): 'inForce' | 'newer' | 'older' {
  const [inForce, ...earlier] = generations;
  if (inForce === undefined || own.revision > inForce.revision) return 'newer';
  const isSame = ({ settings }: RevisedSettings): boolean => differingSettings(own.settings, settings).length === 0;
  if (isSame(inForce)) return 'inForce';
  return own.revision < inForce.revision || earlier.some(isSame) ? 'older' : 'newer';
}
