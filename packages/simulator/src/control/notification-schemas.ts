import { z } from 'zod';

const filled = z.string().min(1);
const topic = z.enum(['subscriptionTopic', 'entitlementTopic']);
const channel = z.enum(['eventBridge', 'subscriptionTopic', 'entitlementTopic']);
const url = z.url({ protocol: /^https?$/, error: 'expected an http or https URL' });
const detailTypes = z.exactOptional(z.array(filled).min(1));

export const targetRequest = z
  .discriminatedUnion(
    'kind',
    [
      z.strictObject({
        kind: z.literal('apiDestination'),
        url,
        headers: z.exactOptional(z.record(z.string(), z.string())),
        detailTypes,
      }),
      z.strictObject({ kind: z.literal('snsHttp'), url, productCode: filled, topic }),
      z.strictObject({
        kind: z.literal('sqs'),
        queueUrl: filled,
        endpoint: z.exactOptional(url),
        region: z.exactOptional(filled),
        credentials: z.exactOptional(
          z.strictObject({ accessKeyId: filled, secretAccessKey: filled, sessionToken: z.exactOptional(filled) }),
        ),
        topic: z.exactOptional(topic),
        productCode: z.exactOptional(filled),
        raw: z.exactOptional(z.boolean()),
        detailTypes,
      }),
    ],
    { error: 'expected "kind" to be apiDestination, snsHttp or sqs' },
  )
  .meta({ id: 'TargetRequest' });

export const target = z
  .object({ id: z.string(), confirmed: z.boolean(), options: z.looseObject({ kind: z.string() }) })
  .meta({ id: 'Target' });

const scope = {
  channel: z.exactOptional(channel),
  type: z.exactOptional(filled),
  agreementId: z.exactOptional(filled),
  productCode: z.exactOptional(filled),
  target: z.exactOptional(filled),
  probability: z.exactOptional(z.number().min(0).max(1)),
  count: z.exactOptional(z.int().min(1)),
};
const wait = z.exactOptional(z.number().min(0));

export const disturbanceRequest = z
  .discriminatedUnion(
    'kind',
    [
      z.strictObject({ kind: z.literal('drop'), ...scope }),
      z.strictObject({
        kind: z.literal('duplicate'),
        copies: z.exactOptional(z.int().min(2)),
        spreadMs: wait,
        ...scope,
      }),
      z.strictObject({ kind: z.literal('delay'), ms: z.number().min(0), jitterMs: wait, ...scope }),
      z.strictObject({ kind: z.literal('reorder'), among: z.int().min(2), ...scope }),
      z.strictObject({ kind: z.literal('hold'), ...scope }),
    ],
    { error: 'expected "kind" to be drop, duplicate, delay, reorder or hold' },
  )
  .meta({ id: 'DisturbanceRequest' });

export const releaseRequest = z
  .strictObject({ order: z.enum(['sent', 'reversed', 'shuffled']).default('sent') })
  .meta({ id: 'ReleaseRequest' });

export const sendRequest = z
  .strictObject({
    ids: z
      .array(filled)
      .min(1)
      .meta({ description: 'Of messages sent before, in the order in which they are to come' }),
    target: z.exactOptional(filled),
  })
  .meta({ id: 'SendRequest' });

export const messageQuery = z.strictObject({
  channel: z.exactOptional(channel),
  type: z.exactOptional(z.string()),
  agreementId: z.exactOptional(z.string()),
  productCode: z.exactOptional(z.string()),
});

export const messageList = z
  .object({
    messages: z.array(
      z.object({
        sequence: z.int(),
        id: z.string(),
        type: z.string(),
        at: z.iso.datetime(),
        channel,
        body: z.looseObject({}),
      }),
    ),
  })
  .meta({ id: 'MessageList' });

export const deliveryQuery = z.strictObject({
  target: z.exactOptional(z.string()),
  type: z.exactOptional(z.string()),
  outcome: z.exactOptional(z.enum(['delivered', 'failed', 'refused', 'dropped'])),
});

export const deliveryList = z
  .object({
    deliveries: z.array(
      z.object({
        target: z.string(),
        id: z.string(),
        type: z.string(),
        at: z.iso.datetime(),
        attempt: z.int(),
        outcome: z.string(),
      }),
    ),
  })
  .meta({ id: 'DeliveryList' });
