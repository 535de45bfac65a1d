/** What a metric counts. docs/metrics.md is made of it. */
export interface MetricDescription {
  kind: 'counter';
  /** Of what, in OpenTelemetry's notation: an annotation in braces. */
  unit: string;
  /** Attributes that every measurement has, each with what it holds. */
  labels: Readonly<Record<string, string>>;
  meaning: string;
}

const OUTCOME_OF_CALL = '`answered`, or the kind of failure: `throttled`, `setUp`, `unavailable`, …';

/** Every metric. Counting one that is not here, or with other labels, does not compile. */
export const METRIC_CATALOGUE = {
  'marketplace.usage.recorded': {
    kind: 'counter',
    unit: '{event}',
    labels: {
      outcome:
        '`recorded`, `duplicate`, `ignored` (of an unknown subject, where `ifUnknown` says so), or `conflict` ' +
        '(the same key with other usage)',
    },
    meaning: 'usage events recorded',
  },
  'marketplace.records.sealed': {
    kind: 'counter',
    unit: '{record}',
    labels: {},
    meaning: 'metering records sealed to be sent',
  },
  'marketplace.records.settled': {
    kind: 'counter',
    unit: '{record}',
    labels: { state: 'where the record went: `metered`, `blocked`, `unknown` or `closed`', reason: 'why' },
    meaning: 'metering records that left the way to AWS, or were stopped on it',
  },
  'marketplace.calls': {
    kind: 'counter',
    unit: '{call}',
    labels: { operation: 'AWS’s name of it, such as `BatchMeterUsage`', outcome: OUTCOME_OF_CALL },
    meaning: 'calls to AWS Marketplace',
  },
  'marketplace.alerts': {
    kind: 'counter',
    unit: '{alert}',
    labels: { kind: 'kind of alert' },
    meaning: 'alerts raised, when they open and at every power of two of their repeats',
  },
  'marketplace.deliveries': {
    kind: 'counter',
    unit: '{attempt}',
    labels: { handler: 'id of the handler', outcome: '`delivered`, `failed` or `deadLettered`' },
    meaning: 'attempts to hand an event to a handler of the host',
  },
  'marketplace.notifications': {
    kind: 'counter',
    unit: '{message}',
    labels: {
      via: '`sqs` or `https`',
      outcome: '`received`, `repeated`, or what became of it: an error code where refused',
    },
    meaning: 'lifecycle messages as they came',
  },
  'marketplace.messages': {
    kind: 'counter',
    unit: '{message}',
    labels: { type: 'type of message', state: '`applied`, `waiting` or `ignored`' },
    meaning: 'lifecycle messages processed',
  },
} as const satisfies Readonly<Record<string, MetricDescription>>;

export type MetricName = keyof typeof METRIC_CATALOGUE;

/** The attributes that a measurement must have. */
export type MetricLabels<N extends MetricName> = Readonly<
  Record<keyof (typeof METRIC_CATALOGUE)[N]['labels'] & string, string>
>;
