import { z } from 'zod';
import { registerUsageSchema } from './container-options.schema.js';
import { dimensionName, includedUnitsSchema, pairingProblems } from './included-options.schema.js';
import { HOUR_MS } from './option-values.schema.js';

const PRODUCT_CODE = /^[-a-zA-Z0-9/=:_.@]{1,255}$/;

/** One entry of `products`. */
export const productSchema = z
  .strictObject({
    productCode: z
      .string({ error: 'give the product code of the listing (not the prod-… entity id)' })
      .regex(PRODUCT_CODE, {
        error: 'give the product code of the listing: letters, digits and - / = : _ . @ (not the prod-… entity id)',
      })
      .refine((code) => !code.startsWith('prod-'), {
        error: 'this is the entity id of the listing; give its product code',
      }),
    productId: z
      .string()
      .regex(/^prod-[a-z0-9]+$/, { error: 'give the entity id of the listing, prod-…' })
      .optional(),
    type: z.enum(['saas', 'container', 'ami'], { error: 'give "saas", "container" or "ami"' }).default('saas'),
    usageOperation: z
      .enum(['MeterUsage', 'RegisterUsage', 'both'], { error: 'give "MeterUsage", "RegisterUsage" or "both"' })
      .default('MeterUsage'),
    registerUsage: registerUsageSchema.optional(),
    agentCore: z.boolean({ error: 'give true or false' }).default(false),
    onShutdown: z.enum(['flush', 'keep'], { error: 'give "flush" or "keep"' }).default('keep'),
    identity: z
      .enum(['license', 'legacy'], {
        error: 'give "license" (LicenseArn, listings since June 2026) or "legacy" (ProductCode)',
      })
      .default('license'),
    dimensions: z
      .array(dimensionName, { error: 'list the API names of the dimensions, for example ["requests"]' })
      .refine((names) => new Set(names).size === names.length, { error: 'name each dimension once' }),
    contractDimensions: z
      .array(dimensionName, { error: 'list the API names of the dimensions that are bought in advance' })
      .refine((names) => new Set(names).size === names.length, { error: 'name each dimension once' })
      .default([]),
    included: z.enum(['aws', 'module'], { error: 'give "aws" or "module"' }).optional(),
    includedUnits: z
      .array(includedUnitsSchema, {
        error: 'list which units a contract includes, for example [{"contractDimension":"plan","covers":["requests"]}]',
      })
      .default([]),
    region: z
      .string()
      .regex(/^(auto|[a-z]{2,4}(-[a-z]+)+-\d+)$/, { error: ({ input }) => regionFix(input) })
      .default('us-east-1'),
    mode: z.enum(['live', 'dry-run', 'off'], { error: 'give "live", "dry-run" or "off"' }).default('live'),
    liveFrom: z
      .union([z.date(), z.iso.datetime({ offset: true }).transform((text) => new Date(text))], {
        error: 'give the first hour to bill, a Date or ISO time such as 2026-12-01T00:00:00Z',
      })
      .refine((hour) => hour.getTime() % HOUR_MS === 0, { error: 'give the start of a UTC hour' })
      .optional(),
    zeroRecords: z
      .enum(['atWindowEdge', 'atSeal', 'off'], { error: 'give "atWindowEdge", "atSeal" or "off"' })
      .default('atWindowEdge'),
    onSeveral: z.enum(['wait', 'paidFirst'], { error: 'give "wait" or "paidFirst"' }).default('wait'),
  })
  .superRefine((product, context) => {
    for (const { path, fix } of pairingProblems(product)) context.addIssue({ code: 'custom', path, message: fix });
  });

function regionFix(given: unknown): string {
  const [, region] = /^([a-z]{2,4}(?:-[a-z]+)+-\d+)[a-z]$/.exec(String(given)) ?? [];
  return region === undefined
    ? 'give an AWS region such as us-east-1'
    : `give the region ${region}; ${region}${String(given).slice(-1)} is a zone in it`;
}
