import { type CustomerTimeline, type MeteringIdentityName } from '../../subscription/agreements/timeline.js';

/** Every name that the customer was, is or will be metered under. */
export function* namesOfCustomer({ subscriptions }: CustomerTimeline): Generator<MeteringIdentityName> {
  for (const { spans } of subscriptions) {
    for (const { identities } of spans) {
      for (const { identity, alsoKnownAs } of identities) {
        if (identity) yield identity;
        yield* alsoKnownAs;
      }
    }
  }
}

/** Ids of all agreements of the customer, of rows that turned out to be the same as well. */
export function agreementsOf({ subscriptions }: CustomerTimeline): Set<string> {
  return new Set(
    subscriptions.flatMap(({ spans }) =>
      spans.flatMap(({ agreementId, aliasAgreementIds }) => [agreementId, ...aliasAgreementIds]),
    ),
  );
}

/** Ids of those agreements that have ended. */
export function overAgreementsOf(timelines: readonly CustomerTimeline[], now: Date): Set<string> {
  const spans = timelines.flatMap(({ subscriptions }) => subscriptions.flatMap((subscription) => subscription.spans));
  return new Set(
    spans.flatMap(({ to, agreementId, aliasAgreementIds }) =>
      to && to <= now ? [agreementId, ...aliasAgreementIds] : [],
    ),
  );
}
