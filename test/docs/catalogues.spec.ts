import { readdirSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { ERROR_CATALOGUE } from '../../src/errors/error-catalogue.js';
import { ALERT_CATALOGUE } from '../../src/events/alert-catalogue.js';
import { type AlertDescription } from '../../src/events/alert-description.js';
import { EVENT_CATALOGUE } from '../../src/events/event-catalogue.js';
import { METRIC_CATALOGUE, type MetricDescription } from '../../src/runtime/metric-catalogue.js';
import { pathOf, sourceOf } from '../../tools/docs/docstrings.js';

const SOURCES = readdirSync(pathOf('src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => ({ file: `src/${file.replaceAll('\\', '/')}`, text: sourceOf(`src/${file}`) }));
const withoutComments = (text: string): string => text.replaceAll(/\/\*[^]*?\*\/|\/\/.*$/gm, '');
/** All code but the catalogues and what only declares. */
const CODE = SOURCES.filter(
  ({ file }) => !/-catalogue\.ts$|^src\/errors\/|^src\/events\/marketplace-event\.ts$/.test(file),
)
  .map(({ text }) => withoutComments(text))
  .join('\n');
const unused = (catalogue: object, use: (name: string) => RegExp): string[] =>
  Object.keys(catalogue).filter((name) => !use(name).test(CODE));
const escaped = (name: string): string => name.replaceAll('.', '\\.');

// That nothing is raised, told, counted or thrown that is in no catalogue is the compiler's to say: names are types.
describe('what a catalogue describes is used:', () => {
  it('every alert is raised somewhere', () => {
    expect(unused(ALERT_CATALOGUE, (kind) => new RegExp(`\\bkind: (?:\\w+ \\? )?(?:'\\w+' : )?'${kind}'`))).toEqual([]);
  });

  it('every event is told somewhere', () => {
    // The events of a life are made of the words that tell of it: `subscription.${telling.type}`.
    const use = (type: string): RegExp => {
      const [room, word = ''] = type.split('.');
      return new RegExp(`'${escaped(type)}'${room === 'subscription' ? `|\\btype: '${word}'` : ''}`);
    };
    expect(unused(EVENT_CATALOGUE, use)).toEqual([]);
  });

  it('every metric is counted somewhere', () => {
    expect(unused(METRIC_CATALOGUE, (name) => new RegExp(`countMetric\\('${escaped(name)}'`))).toEqual([]);
  });

  it('every error is thrown or answered somewhere', () => {
    expect(unused(ERROR_CATALOGUE, (code) => new RegExp(`'${code}'|^\\s*${code}:`, 'm'))).toEqual([]);
  });

  it('finds what nobody uses', () => {
    expect(unused({ clockSkew: 0, colour: 0 }, (kind) => new RegExp(`\\bkind: '${kind}'`))).toEqual(['colour']);
  });
});

describe('alerts', () => {
  it('are named in SQL as in the catalogue', () => {
    const statements = SOURCES.flatMap(({ text }) => text.match(/`[^`]*\bmarketplace\.alert\b[^`]*`/g) ?? []);
    const named = statements.flatMap((text) => [
      ...[...text.matchAll(/\bkind = '(\w+)'/g)].map((match) => match[1] ?? ''),
      ...[...text.matchAll(/\bkind IN \(([^)]*)\)/g)].flatMap((match) =>
        [...(match[1] ?? '').matchAll(/'(\w+)'/g)].map((name) => name[1] ?? ''),
      ),
    ]);
    expect(named).toContain('deadlineNear');
    expect(named.filter((kind) => !(kind in ALERT_CATALOGUE))).toEqual([]);
  });

  it.each(Object.entries<AlertDescription>(ALERT_CATALOGUE))('%s says all that an operator needs', (_, alert) => {
    for (const text of [alert.subject, alert.meaning, alert.cost, alert.action, alert.ends])
      expect(text.length).toBeGreaterThan(8);
    for (const sentence of [alert.meaning, alert.cost, alert.action]) expect(sentence).toMatch(/^[A-Z].*\.$/);
    for (const event of alert.events) expect(EVENT_CATALOGUE).toHaveProperty([event]);
  });
});

describe('errors', () => {
  it.each(Object.entries(ERROR_CATALOGUE))(
    '%s says what it means and what to do',
    (_, { seenBy, status, meaning, fix }) => {
      expect(meaning).toMatch(/^\S.*\.$/);
      expect(fix).toMatch(/^\S.*\.$/);
      // What is answered over HTTP has a status, and nothing else has.
      const isAnswered = seenBy.some((audience) => ['buyer', 'sender', 'operator'].includes(audience));
      expect(status.length > 0).toBe(isAnswered);
    },
  );
});

describe('metrics', () => {
  it.each(Object.entries<MetricDescription>(METRIC_CATALOGUE))(
    '%s has a unit and says what its labels hold',
    (_, metric) => {
      expect(metric.unit).toMatch(/^\{\w+\}$/);
      for (const holds of Object.values(metric.labels)) expect(holds).not.toBe('');
    },
  );
});
