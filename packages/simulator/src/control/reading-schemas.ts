import { z } from 'zod';
import { operations } from '../wire/api-operation.js';
import { type CallQuotas } from '../wire/call-quota.js';
import { type PresetName, presets, type Switches, switchValues } from '../switches.js';

/**
 * A number where the default is one; else one of the values that the switch knows, except an error name, which may be
 * any.
 */
function readingOf(name: string, values: readonly unknown[]): z.ZodType {
  if (typeof values[0] === 'number') return z.number().min(0);
  return name === 'constraintError' ? z.string().min(1) : z.enum(values as [string, ...string[]]);
}

const readings = Object.fromEntries(
  Object.entries(switchValues).map(([name, values]) => [name, readingOf(name, values)]),
);

export const switches = z.object(readings).meta({ id: 'Switches' });

export const switchesRequest = z
  .strictObject(Object.fromEntries(Object.entries(readings).map(([name, reading]) => [name, z.exactOptional(reading)])))
  .meta({ id: 'SwitchesRequest' }) as unknown as z.ZodType<Partial<Switches>>;

const perSecond = z.number().min(0);

export const quotasRequest = z
  .strictObject({
    callsPerSecond: z.union([
      perSecond,
      z.strictObject(Object.fromEntries(operations.map((name) => [name, z.exactOptional(perSecond)]))),
    ]),
  })
  .meta({ id: 'QuotasRequest' }) as unknown as z.ZodType<{ callsPerSecond: number | Partial<CallQuotas> }>;

export const presetName = z.enum(Object.keys(presets) as [PresetName]);

export const presetRequest = z.strictObject({ preset: presetName }).meta({ id: 'PresetRequest' });

export const presetList = z.object({ presets: z.record(presetName, switches) }).meta({ id: 'Presets' });
