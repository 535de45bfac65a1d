import { z } from 'zod';
import { operations } from '../wire/api-operation.js';
import { faultKinds } from '../wire/fault.js';

export const callQuery = z.strictObject({
  operation: z.exactOptional(z.enum(operations as [(typeof operations)[number]])),
  region: z.exactOptional(z.string()),
  fault: z.exactOptional(z.enum(faultKinds)),
  error: z.exactOptional(z.string()),
  order: z.enum(['oldestFirst', 'newestFirst']).default('oldestFirst'),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  after: z
    .exactOptional(z.string())
    .meta({ description: 'The `next` of the page before, with the same filter and order' }),
});

export const callPage = z
  .object({
    calls: z.array(
      z.object({
        requestId: z.string(),
        operation: z.string(),
        at: z.iso.datetime(),
        wallAt: z.iso.datetime(),
        region: z.string().optional(),
        records: z.int(),
        outcome: z.string(),
        statusCode: z.int().optional(),
        request: z.unknown().optional(),
        response: z.unknown().optional(),
        error: z.object({ name: z.string(), message: z.string() }).optional(),
        effective: z.boolean(),
        faults: z.array(z.enum(faultKinds)),
      }),
    ),
    next: z.string().optional().meta({ description: 'Absent on the last page' }),
  })
  .meta({ id: 'CallPage' });

export const billQuery = z.strictObject({
  operation: z.exactOptional(z.enum(['BatchMeterUsage', 'MeterUsage', 'RegisterUsage'])),
  productCode: z.exactOptional(z.string()),
  region: z.exactOptional(z.string()),
  identity: z.exactOptional(z.enum(['license', 'legacy', 'resource'])),
  agreementId: z.exactOptional(z.string()),
  licenseArn: z.exactOptional(z.string()),
  customerAWSAccountId: z.exactOptional(z.string()),
  dimension: z.exactOptional(z.string()),
  hour: z.exactOptional(z.string()),
});

const billLine = z.object({
  productCode: z.string(),
  region: z.string(),
  identity: z.string(),
  agreementId: z.string(),
  licenseArn: z.string().optional(),
  customerAWSAccountId: z.string().optional(),
  customerIdentifier: z.string().optional(),
  dimension: z.string(),
  hour: z.iso.datetime(),
  quantity: z.number(),
  meteringRecordId: z.string(),
});

export const bill = z.object({ lines: z.array(billLine) }).meta({ id: 'Bill' });

const segment = z.object({
  agreementId: z.string(),
  productCode: z.string(),
  identity: z.string(),
  licenseArn: z.string(),
  accountId: z.string(),
  customerIdentifier: z.string().optional(),
  terms: z.enum(['trial', 'paid']),
  from: z.iso.datetime(),
  until: z.iso.datetime().optional(),
});

export const segmentList = z.object({ segments: z.array(segment) }).meta({ id: 'SegmentList' });

export const acceptedUsage = z
  .object({
    records: z.array(
      billLine.extend({ timestamp: z.iso.datetime(), acceptedAt: z.iso.datetime(), segment: segment.optional() }),
    ),
  })
  .meta({ id: 'AcceptedUsage' });

export const stateDocument = z
  .object({ format: z.string(), version: z.int(), digest: z.string(), world: z.looseObject({}) })
  .meta({ id: 'State', description: 'What `--state` keeps in its file' });
