// From an event of EventBridge to what it says. Pure.
import { z } from 'zod';
import { storableStart } from '../../runtime/storable-text.js';
import { type LifecycleEvent, type ReceivedMessage, type SpokenOf } from './lifecycle-event.js';
import { instantOf, isAwsAccount, isoOf, offerIdOf, text, TEXT_LENGTH_MAX } from './message-field.js';

const MARKETPLACE_SOURCE = 'aws.agreement-marketplace';

type Part<Name extends string> = Partial<Record<Name, string>>;
const part = <Name extends string>(...names: Name[]) =>
  z
    .record(z.string(), z.unknown())
    .catch({})
    .transform((fields) => Object.fromEntries(names.map((name) => [name, text.parse(fields[name])])) as Part<Name>);

/** An event of EventBridge. */
export const eventSchema = z.object({
  'detail-type': z.string(),
  source: z.string(),
  id: text,
  account: text,
  time: text,
  resources: z.array(z.unknown()).catch([]),
  detail: z
    .object({
      // The last three are the flat form of the cancellation requests.
      agreement: part(
        'id',
        'intent',
        'status',
        'startTime',
        'endTime',
        'previousAgreementId',
        'acceptorId',
        'productId',
        'offerId',
      ),
      product: part('id', 'code'),
      license: part('arn'),
      acceptor: part('accountId'),
      offer: part('id'),
    })
    .partial()
    .catch({}),
});
export type MarketplaceEvent = z.output<typeof eventSchema>;

/**
 * `… - Proposer` and `… - Manufacturer` tell one transaction to two roles; a direct seller has both. `… - Acceptor`
 * speaks to the buyer.
 */
const ROLE = /\s+[-\u2013]\s*(Proposer|Manufacturer|Acceptor)$/i;

export function eventContentOf(event: MarketplaceEvent): ReceivedMessage['content'] {
  if (event.source !== MARKETPLACE_SOURCE)
    return { ignored: `an event of ${event.source.slice(0, 100)}, not of ${MARKETPLACE_SOURCE}` };
  const role = ROLE.exec(event['detail-type'].slice(0, TEXT_LENGTH_MAX).trim())?.[1]?.toLowerCase();
  if (role === 'acceptor') return { ignored: 'the seller is the buyer here' };
  const detailType = storableStart(event['detail-type'], TEXT_LENGTH_MAX).trim().replace(ROLE, '').trim();
  const at = instantOf(event.time);
  if (!at) return { deadLettered: 'the event has no readable time' };
  const about = spokenOfIn(event);
  if (about.agreementId === undefined && about.licenseArn === undefined) {
    return { deadLettered: `"${detailType}" names neither an agreement nor a license` };
  }
  return { event: { ...typedEvent(detailType, event), at, about } as LifecycleEvent };
}

function typedEvent(detailType: string, { detail }: MarketplaceEvent): Pick<LifecycleEvent, 'type' | 'details'> {
  const { agreement = {}, offer = {} } = detail;
  const offerId = offerIdOf(offer.id ?? agreement.offerId);
  const intent = agreement.intent?.toUpperCase() ?? null;
  const status = agreement.status?.toUpperCase() ?? null;
  const startTime = isoOf(agreement.startTime);
  const endTime = isoOf(agreement.endTime);
  switch (detailType.toLowerCase()) {
    case 'purchase agreement created': {
      const previousAgreementId = agreement.previousAgreementId ?? null;
      return {
        type: 'agreement.created',
        details: { intent, status, startTime, endTime, previousAgreementId, offerId },
      };
    }
    case 'purchase agreement amended':
      return { type: 'agreement.amended', details: { intent, status, endTime, offerId } };
    case 'purchase agreement ended':
      return { type: 'agreement.ended', details: { status, endTime } };
    case 'license updated':
      return { type: 'license.updated', details: { offerId } };
    case 'license deprovisioned':
      return { type: 'license.deprovisioned', details: { offerId } };
    case 'purchase agreement advisory issued':
      return { type: 'advisory.issued', details: { detailType } };
    case 'purchase agreement advisory resolved':
      return { type: 'advisory.resolved', details: { detailType } };
    default:
      return { type: 'agreement.notice', details: { detailType } };
  }
}

function spokenOfIn({ detail, resources }: MarketplaceEvent): SpokenOf {
  const { agreement = {}, product = {}, license = {}, acceptor = {} } = detail;
  const account = acceptor.accountId ?? agreement.acceptorId;
  return known({
    productCode: product.code,
    productId: product.id ?? agreement.productId,
    licenseArn: license.arn ?? resourceOf(resources, /^(?:arn:)?aws[\w-]*:license-manager:.+$/),
    customerAwsAccountId: account !== undefined && isAwsAccount(account) ? account : undefined,
    agreementId: agreement.id ?? resourceOf(resources, /[:/]agreement[:/]([\w-]+)$/),
  });
}

function resourceOf(resources: readonly unknown[], pattern: RegExp): string | undefined {
  for (const resource of resources) {
    const match = typeof resource === 'string' && resource.length <= TEXT_LENGTH_MAX ? pattern.exec(resource) : null;
    if (match) return match[1] ?? match[0];
  }
  return undefined;
}

function known(spokenOf: { [K in keyof SpokenOf]: SpokenOf[K] | undefined }): SpokenOf {
  return Object.fromEntries(Object.entries(spokenOf).filter(([, value]) => value !== undefined));
}
