import { type Counter, metrics } from '@opentelemetry/api';
import { METRIC_CATALOGUE, type MetricLabels, type MetricName } from './metric-catalogue.js';

const METER_NAME = 'nestjs-marketplace-metering';

const counters = new Map<MetricName, Counter>();

/** Counts through the OpenTelemetry API: without an SDK in the host this costs next to nothing and goes nowhere. */
export function countMetric<N extends MetricName>(name: N, amount: number, labels: MetricLabels<N>): void {
  // The counter is made on first use, because the host may install its SDK after this file is loaded.
  let counter = counters.get(name);
  if (!counter) {
    const { meaning, unit } = METRIC_CATALOGUE[name];
    counter = metrics.getMeter(METER_NAME).createCounter(name, { description: meaning, unit });
    counters.set(name, counter);
  }
  counter.add(amount, labels);
}
