import { CONTAINER_ERRORS } from '../../src/errors/container-errors.js';
import { ERROR_CATALOGUE } from '../../src/errors/error-catalogue.js';
import { type ErrorAudience, type ErrorDescription } from '../../src/errors/error-description.js';
import { NOTIFICATION_ERRORS } from '../../src/errors/notification-errors.js';
import { OPERATOR_ERRORS } from '../../src/errors/operator-errors.js';
import { RECORDING_ERRORS } from '../../src/errors/recording-errors.js';
import { REGISTRATION_ERRORS } from '../../src/errors/registration-errors.js';
import { START_ERRORS } from '../../src/errors/start-errors.js';
import { SUBSCRIPTION_ERRORS } from '../../src/errors/subscription-errors.js';
import { ALERT_CATALOGUE } from '../../src/events/alert-catalogue.js';
import { type AlertDescription } from '../../src/events/alert-description.js';
import { EVENT_CATALOGUE } from '../../src/events/event-catalogue.js';
import { METRIC_CATALOGUE, type MetricDescription } from '../../src/runtime/metric-catalogue.js';
import { interfacesIn, sourceOf } from './docstrings.js';
import { between, code, table } from './markdown.js';

const made = (title: string, from: string): string =>
  `# ${title}\n\n<!-- Made of ${from} by \`npm run docs:generate\`: change that. -->`;
const page = (...parts: string[]): string => `${parts.join('\n\n')}\n`;

const AUDIENCES: Readonly<Record<ErrorAudience, string>> = {
  start: 'who starts the application',
  caller: 'your code',
  buyer: 'a buyer, on the landing page',
  sender: 'who posts a message',
  operator: 'an operator',
};

const ERROR_SECTIONS = [
  ['Options and start', START_ERRORS],
  ['Start of a container or AMI', CONTAINER_ERRORS],
  ['Recording usage', RECORDING_ERRORS],
  ['Registration', REGISTRATION_ERRORS],
  ['Lifecycle messages over HTTPS', NOTIFICATION_ERRORS],
  ['Subscriptions, entitlements, jobs', SUBSCRIPTION_ERRORS],
  ['Operators', OPERATOR_ERRORS],
] as const satisfies readonly (readonly [string, Readonly<Record<string, ErrorDescription>>])[];

/** docs/errors.md. */
export function errorsPage(): string {
  const sections = ERROR_SECTIONS.map(([title, errors]) => {
    const ends = Object.values(errors).some((error: ErrorDescription) => error.exitCode !== undefined);
    const rows = Object.entries(errors).map(([name, error]: [string, ErrorDescription]) => [
      code(name),
      error.seenBy.map((audience) => AUDIENCES[audience]).join('; '),
      ends ? String(error.exitCode ?? '') : error.status.join(', '),
      error.meaning,
      error.fix,
    ]);
    return `## ${title}\n\n${table(['code', 'seen by', ends ? 'exit code' : 'HTTP', 'meaning', 'fix'], rows)}`;
  });
  return page(
    made('Errors', 'the catalogue in src/errors/'),
    'What this module throws on purpose is a `MarketplaceMeteringError` with a stable `code`; its message names ' +
      'the field or setting, ' +
      'the rule and the fix.\n`isMarketplaceMeteringError(error)` tells it from others. HTTP answers carry the ' +
      'code as `errorCode`.\n' +
      `There are ${Object.keys(ERROR_CATALOGUE).length} codes.`,
    ...sections,
  );
}

/** docs/alerts.md: what an operator does about each. */
export function alertsPage(): string {
  const alerts: [string, AlertDescription][] = Object.entries(ALERT_CATALOGUE);
  const entries = alerts.map(([kind, { severity, subject, meaning, cost, action, ends, endsBy, events }]) =>
    [
      `## ${kind}`,
      `*${severity.join(' or ')}* · one open alert for each: ${subject}`,
      meaning,
      table(
        ['', ''],
        [
          ['what it costs', cost],
          ['what to do', action],
          [endsBy.includes('acknowledgement') ? 'resolved' : 'resolved by itself', `${ends}.`],
          ['also told as', events.length === 0 ? '`alert.raised` only' : events.map(code).join(', ')],
        ],
      ),
    ].join('\n\n'),
  );
  return page(
    made('Alerts', 'src/events/*-alerts.ts'),
    'What a person must know. Operators read alerts at `GET /marketplace/admin/alerts` ([admin API](admin.md)), ' +
      'the log has them, and each opens with the ' +
      'event `alert.raised` ([events](events.md)), which suits a pager.\nRaising an open alert again counts it ' +
      'and keeps its first time. `critical` means: ' +
      'units may be lost, billed twice or refused if nobody acts.',
    'While an alert is open the event comes again after an hour, two, four and so on up to a day (`repeat` counts), so ' +
      'that a handler which failed hears of it too. ' +
      '`Alerts.acknowledge({ kind, subject }, { by, note })`, or `POST /marketplace/admin/alerts/acknowledge`, ends ' +
      'that: somebody has taken it on. It stays open until its cause is gone; those that only a person can end are ' +
      'resolved by it, and are told of again as soon as they tell of something else. An alert that becomes critical, ' +
      'or opens anew, is told of again. That one has ended is told by the event `alert.resolved`.',
    table(
      ['kind', 'severity', 'meaning'],
      alerts.map(([kind, { severity, meaning }]) => [
        `[${code(kind)}](#${kind.toLowerCase()})`,
        severity.join(', '),
        meaning,
      ]),
    ),
    ...entries,
  );
}

/** docs/metrics.md. */
export function metricsPage(): string {
  const rows = Object.entries(METRIC_CATALOGUE).map(([name, metric]: [string, MetricDescription]) => [
    code(name),
    metric.kind,
    code(metric.unit),
    Object.entries(metric.labels)
      .map(([label, holds]) => `${code(label)}: ${holds}`)
      .join('<br>') || 'none',
    metric.meaning,
  ]);
  return page(
    made('Metrics', 'src/runtime/metric-catalogue.ts'),
    'The module counts through the OpenTelemetry API (`@opentelemetry/api`, meter ' +
      '`nestjs-marketplace-metering`). Install an SDK and an exporter in your ' +
      'application to see them; without one they cost next to nothing.',
    table(['name', 'kind', 'unit', 'attributes', 'meaning'], rows),
  );
}

/** docs/events.md with its table made anew; the prose around it is written by hand. */
export function eventsPage(current = sourceOf('docs/events.md')): string {
  const payloads = interfacesIn(sourceOf('src/events/marketplace-event.ts')).get('MarketplaceEventPayloads');
  const rows = (payloads?.members ?? []).map(({ name, type }) => [
    code(name),
    EVENT_CATALOGUE[name as keyof typeof EVENT_CATALOGUE],
    fieldsOf(type),
  ]);
  return between(current, 'events', table(['event', 'when', 'payload, beside `productCode`'], rows));
}

/** The fields of a payload's type. What every record and agreement has is told of below the table. */
function fieldsOf(type: string): string {
  const fields = [...type.matchAll(/(?:^|[{;])\s*(\w+)\??:/g)].map((match) => match[1] ?? '');
  return [
    ...(type.includes('MeteringRecordNotice') ? ['*record*'] : []),
    ...fields.filter((field) => !['productCode', 'agreement'].includes(field)).map(code),
    ...(fields.includes('agreement') ? ['*agreement*'] : []),
  ].join(', ');
}
