import { type MarketplaceEvent } from '../../src/index.js';

/**
 * What a host must not hear of a subscription, whatever becomes of it: `activated` of what is in force, `activated` or
 * `renewed` twice of one agreement, `converted` twice of it, `ending` or `ended` twice of one end, `renewed` of what has
 * ended.
 */
export function doubledTellings(heard: readonly MarketplaceEvent[]): string[] {
  const stories = new Map<string, MarketplaceEvent[]>();
  for (const event of heard) {
    if (event.subscriptionId === null || !event.type.startsWith('subscription.')) continue;
    stories.set(event.subscriptionId, [...(stories.get(event.subscriptionId) ?? []), event]);
  }
  return [...stories].flatMap(([subscriptionId, events]) =>
    doubledIn(events).map(
      (one) => `${subscriptionId} heard ${one} doubled: ${events.map((event) => nameOf(event)).join(', ')}`,
    ),
  );
}

/** Whether a host has heard that an agreement is in force. */
export function isTold(heard: readonly MarketplaceEvent[], agreementId: string): boolean {
  const types: readonly string[] = ['subscription.activated', 'subscription.renewed'];
  return heard.some((event) => types.includes(event.type) && agreementOf(event) === agreementId);
}

function doubledIn(events: readonly MarketplaceEvent[]): string[] {
  const once = new Set<string>();
  let state = 'none' as 'none' | 'inForce' | 'ending' | 'ended';
  const wrong: string[] = [];
  for (const event of events) {
    const name = nameOf(event);
    const tell = (isWrong: boolean, becomes: typeof state): void => {
      if (isWrong) wrong.push(name);
      state = becomes;
    };
    const isFirst = (what: string): boolean => {
      const about = `${what} ${agreementOf(event)}`;
      const was = agreementOf(event) !== null && once.has(about);
      once.add(about);
      return !was;
    };
    switch (event.type) {
      case 'subscription.activated':
        tell(state === 'inForce' || !isFirst('in force'), 'inForce');
        break;
      case 'subscription.renewed':
        tell(state === 'ended' || state === 'none' || !isFirst('in force'), 'inForce');
        break;
      case 'subscription.converted':
        tell(state === 'ended' || state === 'none' || !isFirst('converted'), state);
        break;
      case 'subscription.ending':
        tell(state !== 'inForce', 'ending');
        break;
      case 'subscription.ended':
        tell(state === 'ended' || state === 'none', 'ended');
        break;
      default:
    }
  }
  return wrong;
}

function nameOf(event: MarketplaceEvent): string {
  return `${event.type.replace('subscription.', '')} ${agreementOf(event) ?? ''}`.trim();
}

function agreementOf({ payload }: MarketplaceEvent): string | null {
  return 'agreement' in payload ? (payload.agreement?.agreementId ?? null) : null;
}
