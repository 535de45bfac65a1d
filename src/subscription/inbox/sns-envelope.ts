import { z } from 'zod';

/** Lambda and some relays write a missing field as null. */
const optionalText = z
  .string()
  .nullish()
  .transform((text) => text ?? undefined);

const envelopeSchema = z.object({
  Type: z.enum(['Notification', 'SubscriptionConfirmation', 'UnsubscribeConfirmation']),
  MessageId: z.string().min(1),
  TopicArn: z.string().min(1),
  Message: z.string(),
  Timestamp: z.string(),
  Subject: optionalText,
  Token: optionalText,
  SubscribeURL: optionalText,
  SignatureVersion: optionalText,
  Signature: optionalText,
  SigningCertURL: optionalText,
});

/** What SNS puts around a message, over HTTPS and (unless raw delivery is on) into a queue. */
export type SnsEnvelope = z.output<typeof envelopeSchema>;

/** @returns null for anything else */
export function snsEnvelopeOf(value: unknown): SnsEnvelope | null {
  const result = envelopeSchema.safeParse(value);
  return result.success ? result.data : null;
}

/** Name of a topic, without region and account: what may stand in a log. */
export function topicNameOf(topicArn: string): string {
  return topicArn.slice(topicArn.lastIndexOf(':') + 1);
}
