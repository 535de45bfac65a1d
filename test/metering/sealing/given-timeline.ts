import { type MeteringIdentityName, type TimelineSpan } from '../../../src/subscription/agreements/timeline.js';

/** In the middle of a month: the hour from 10:00 is the newest that has settled. */
export const NOW = new Date('2026-11-11T11:15:00Z');
export const at = (text: string): Date =>
  new Date(/^\d\d:\d\d/.test(text) ? `2026-11-11T${text}${text.length === 5 ? ':00' : ''}Z` : text);

export interface SpanGiven {
  agreement: string;
  from: Date | string;
  to?: Date | string | null;
  price?: 'trial' | 'paid';
  /** The told end; `to` alone is a boundary without one. */
  end?: Partial<NonNullable<TimelineSpan['end']>> | null;
  startsAt?: Date | string;
  identity?: MeteringIdentityName | null;
  alsoKnownAs?: MeteringIdentityName[];
  seals?: TimelineSpan['seals'];
  zeroRecords?: boolean;
  termsUnknownFrom?: Date | string;
  aliases?: string[];
}

export const license = (id: string): MeteringIdentityName => ({
  kind: 'license',
  licenseId: `l-${id}`,
  licenseArn: `arn:aws:license-manager::123456789012:license:l-${id}`,
  customerAwsAccountId: '210987654321',
});

export function spanOf(given: SpanGiven, subscriptionId: string, agreementId: string): TimelineSpan {
  const instant = (value: Date | string): Date => (typeof value === 'string' ? at(value) : value);
  const from = instant(given.from);
  const to = given.to ? instant(given.to) : null;
  const end = given.end === undefined ? (to ? {} : null) : given.end;
  return {
    subscriptionId,
    agreementId,
    aliasAgreementIds: [],
    price: given.price ?? 'paid',
    from,
    to,
    startsAt: given.startsAt ? instant(given.startsAt) : from,
    isProvisional: false,
    seals: given.seals ?? 'whenSettled',
    zeroRecords: given.zeroRecords ?? true,
    termsUnknownFrom: given.termsUnknownFrom ? instant(given.termsUnknownFrom) : null,
    end:
      end && to
        ? {
            at: to,
            firstSignAt: to,
            lastSignAt: to,
            lastHeardAt: to,
            awaitsSuccessor: false,
            identityGoesOn: false,
            ...end,
          }
        : null,
    identities: [
      {
        fromHour: null,
        identity: given.identity === undefined ? license(given.agreement) : given.identity,
        alsoKnownAs: given.alsoKnownAs ?? [],
      },
    ],
  };
}
