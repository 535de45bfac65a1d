import { type ModeChange } from '../../../src/metering/sealing/period.js';
import { type Plan, PlanningRule } from '../../../src/metering/sealing/planning-rule.js';
import { HOUR_MS } from '../../../src/runtime/clock.js';
import {
  type CustomerTimeline,
  type MeteringIdentityName,
  type SubscriptionTimeline,
} from '../../../src/subscription/agreements/timeline.js';
import { at, type SpanGiven, spanOf } from './given-timeline.js';

export const legacy: MeteringIdentityName = { kind: 'customerIdentifier', customerIdentifier: 'C1' };
export const account: MeteringIdentityName = { kind: 'account', customerAwsAccountId: '210987654321' };

export interface Given {
  spans?: SpanGiven[];
  /** Further subscriptions of the tenant. */
  others?: { spans: SpanGiven[]; from?: string; to?: string }[];
  subscription?: Partial<SubscriptionTimeline>;
  subject?: { tenant?: string | null; payer?: string | null };
  tenancy?: { from?: string; to?: string; tenantId?: string };
  choices?: { subscriptionId: string; from: string }[];
  /** `l-1 10:00`: hours with a standing record. */
  taken?: string[];
  refused?: string[];
  /** What AWS would refuse again of usage that it has refused: a dimension, or a name. */
  stillRefused?: string[];
  modes?: ModeChange[];
  onSeveral?: 'wait' | 'paidFirst';
  isListed?: boolean;
  spreadMs?: number;
  reachableSince?: string;
  isLastPass?: boolean;
  now?: string;
}

const instantOf = (text: string | undefined): Date | null => (text === undefined ? null : at(text));

export function ruleOf(given: Given): PlanningRule {
  const subscriptions: SubscriptionTimeline[] = [
    { subscriptionId: 's1', spans: given.spans ?? [], ...given.subscription },
    ...(given.others ?? []).map(({ spans }, index) => ({ subscriptionId: `s${index + 2}`, spans })),
  ].map(({ spans, ...rest }) => ({
    ...{ askedAt: null, mayNotAsk: false, nextChangeAt: null },
    ...rest,
    spans: (spans as SpanGiven[]).map((span) => spanOf(span, rest.subscriptionId, span.agreement)),
  }));
  const customer: CustomerTimeline = {
    ...{ sellerAccount: 'seller', customerId: 'c', productCode: 'p', tenantId: 'acme' },
    subjects: [
      {
        id: 1,
        tenantId: given.subject?.tenant === undefined ? 'acme' : given.subject.tenant,
        subscriptionId: given.subject?.payer ?? null,
        namedSubscriptionId: given.subject?.payer ?? null,
      },
    ],
    subscriptions,
    tenancies: subscriptions.map(({ subscriptionId }, index) => ({
      subscriptionId,
      tenantId: (index === 0 ? given.tenancy?.tenantId : undefined) ?? 'acme',
      from: instantOf(index === 0 ? given.tenancy?.from : given.others?.[index - 1]?.from),
      to: instantOf(index === 0 ? given.tenancy?.to : given.others?.[index - 1]?.to),
    })),
    payerChoices: (given.choices ?? []).map(({ subscriptionId, from }) => ({ subscriptionId, from: at(from) })),
  };
  const taken = new Set(
    (given.taken ?? []).map((text) => grainText(text.split(' ')[0] ?? '', at(text.slice(text.indexOf(' ') + 1)))),
  );
  const isOneOf = (causes: string[] | undefined, identity: string | null, dimension: string): boolean =>
    (causes ?? []).some((cause) => cause === dimension || cause === identity?.replace(/^.*:/, ''));
  return new PlanningRule({
    customer,
    operation: 'BatchMeterUsage',
    modes: given.modes ?? [{ from: null, mode: 'live' }],
    times: { now: at(given.now ?? '11:15'), settleDelayMs: 600_000, zeroRecordLeadMs: 3 * HOUR_MS, spreadMs: 0 },
    ...{ spreadMs: given.spreadMs ?? 0, reachableSince: instantOf(given.reachableSince) },
    isLastPass: given.isLastPass ?? false,
    isListed: given.isListed ?? true,
    onSeveral: given.onSeveral ?? 'wait',
    isTaken: (identity, _dimension, hour) => taken.has(grainText(identity.replace(/^.*:/, ''), hour)),
    isRefused: (identity, dimension) => isOneOf(given.refused, identity, dimension),
    isStillRefused: (_refusal, identity, dimension) => isOneOf(given.stillRefused, identity, dimension),
  });
}

const grainText = (name: string, hour: Date): string => `${name} ${hour.toISOString()}`;

export const RUNNING: SpanGiven[] = [{ agreement: '1', from: '2026-10-05T08:20:00Z' }];
export const TRIAL_TO_PAID: SpanGiven[] = [
  { agreement: '1', from: '2026-11-10T00:00:00Z', to: '14:20', price: 'trial', end: null },
  { agreement: '1', from: '14:20', price: 'paid' },
];
export const REPLACED: SpanGiven[] = [
  { agreement: '1', from: '2026-10-05T08:20:00Z', to: '10:37' },
  { agreement: '2', from: '10:37' },
];
export const LEGACY_RENEWED: SpanGiven[] = [
  { agreement: '1', from: '2026-10-05T08:20:00Z', to: '2026-11-11T00:00:00Z', identity: legacy },
  { agreement: '2', from: '2026-11-11T00:00:00Z', identity: legacy },
];

/** A plan in a few words. */
export function said(plan: Plan): string {
  switch (plan.to) {
    case 'hour': {
      const { period, hour } = plan;
      const mode = period.mode === 'live' ? '' : ` ${period.mode}`;
      return (
        `${period.agreementId}${period.price === 'trial' ? ' trial' : ''}${mode} ` +
        hour.hour.toISOString().slice(8, 16).replace('T', ' ')
      );
    }
    case 'wait':
      return `wait ${plan.reason}`;
    case 'setApart':
      return `set apart ${plan.reason}`;
    case 'split':
      return `split at ${plan.at.map((instant) => instant.toISOString().slice(11, 19)).join(', ')}`;
  }
}
