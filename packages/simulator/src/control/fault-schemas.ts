import { z } from 'zod';
import { operations } from '../wire/api-operation.js';
import { moment } from './scalars.js';
import { faultKinds, forgeries } from '../wire/fault.js';

const recordMembers = {
  dimension: z.exactOptional(z.string()),
  licenseArn: z.exactOptional(z.string()),
  customerAWSAccountId: z.exactOptional(z.string()),
  customerIdentifier: z.exactOptional(z.string()),
  quantity: z.exactOptional(z.number()),
};

const recordMatcher = z
  .strictObject(recordMembers)
  .meta({ id: 'RecordMatcher', description: 'Records for which all members given are equal' });

const callMatcher = z
  .strictObject({
    region: z.exactOptional(z.string()),
    accountId: z.exactOptional(z.string()),
    productCode: z.exactOptional(z.string()),
    ...recordMembers,
  })
  .meta({
    id: 'CallMatcher',
    description: 'Calls for which all members given are equal; those of a record, in one and the same record',
  });

const scope = {
  operation: z.exactOptional(z.enum(operations as [string, ...string[]] as [(typeof operations)[number]])),
  count: z.exactOptional(z.int().min(1)),
  skip: z.exactOptional(z.int().min(0)),
  until: z.exactOptional(moment),
  probability: z.exactOptional(z.number().min(0).max(1)),
  when: z.exactOptional(callMatcher),
};

const afterEffect = z.exactOptional(z.boolean());
const subset = z.exactOptional(z.union([z.int().min(0), recordMatcher]));
const ofKind = <const Kind extends string, Members extends z.core.$ZodLooseShape>(kind: Kind, members: Members) =>
  z.strictObject({ kind: z.literal(kind), ...members, ...scope });

/** A fault as JSON can say it. Predicates are matchers. */
export const faultRequest = z
  .discriminatedUnion(
    'kind',
    [
      ofKind('resetBefore', {}),
      ofKind('resetAfter', {}),
      ofKind('error500Before', {}),
      ofKind('error500After', {}),
      ofKind('throttle', {}),
      ofKind('latency', { ms: z.number().min(0), afterEffect }),
      ofKind('hang', { afterEffect }),
      ofKind('cutAnswer', {}),
      ofKind('accessDenied', {}),
      ofKind('expiredCredentials', {}),
      ofKind('disabledApi', {}),
      ofKind('unknownError', {
        name: z.string().min(1),
        statusCode: z.exactOptional(z.int().min(400).max(599)),
        message: z.exactOptional(z.string()),
        afterEffect,
      }),
      ofKind('unprocessed', { subset, afterEffect: z.exactOptional(z.union([z.boolean(), recordMatcher])) }),
      ofKind('truncateResults', { drop: z.int().min(1), afterEffect }),
      ofKind('unknownStatus', { status: z.string().min(1), subset, afterEffect }),
      ofKind('forgedSignature', { forgery: z.enum(forgeries) }),
      ofKind('proxyPage', { statusCode: z.exactOptional(z.int().min(200).max(599)), afterEffect }),
      ofKind('rawAnswer', {
        statusCode: z.exactOptional(z.int().min(200).max(599)),
        headers: z.exactOptional(z.record(z.string(), z.string())),
        body: z.exactOptional(z.string()),
        afterEffect,
      }),
    ],
    { error: `expected one of ${faultKinds.join(', ')}` },
  )
  .meta({ id: 'FaultRequest' });

export const armedFault = z
  .object({
    id: z.string(),
    hits: z.int(),
    passed: z.int(),
    fault: z
      .looseObject({ kind: z.enum(faultKinds) })
      .meta({ description: 'As it was added; a predicate given as a function is not shown' }),
  })
  .meta({ id: 'ArmedFault' });
