import { type Attributes, type Counter, metrics } from '@opentelemetry/api';

const METER_NAME = 'nestjs-marketplace-metering';

const DESCRIPTIONS = {
  'marketplace.usage.recorded': 'usage events recorded, by outcome',
  'marketplace.records.sealed': 'metering records sealed',
  'marketplace.records.settled': 'metering records that left the way to AWS or were stopped on it, by state and reason',
  'marketplace.calls': 'calls to AWS Marketplace, by operation and outcome',
  'marketplace.alerts': 'alerts raised, by kind',
  'marketplace.deliveries': 'attempts to hand an event to a handler of the host, by handler and outcome',
  'marketplace.notifications': 'lifecycle messages as they came, by way in and outcome',
  'marketplace.messages': 'lifecycle messages filed, by type and state',
} as const;

export type MetricName = keyof typeof DESCRIPTIONS;

const counters = new Map<MetricName, Counter>();

/** Counts through the OpenTelemetry API: without an SDK in the host this costs next to nothing and goes nowhere. */
export function countMetric(name: MetricName, amount = 1, attributes: Attributes = {}): void {
  // The counter is made on first use, because the host may install its SDK after this file is loaded.
  let counter = counters.get(name);
  if (!counter) {
    counter = metrics.getMeter(METER_NAME).createCounter(name, { description: DESCRIPTIONS[name] });
    counters.set(name, counter);
  }
  counter.add(amount, attributes);
}
