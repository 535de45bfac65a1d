import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';

/** What is asked of the audit: hours of usage, and in which form. */
export interface AuditQuery {
  from: Date;
  to: Date;
  format: 'json' | 'csv';
}

const NAMES = ['from', 'to', 'format'];
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})$/;

/**
 * Reads the query of a request from its URL, whatever query parser or pipes the host has installed.
 * @throws MarketplaceMeteringError `FILTER_INVALID` naming every parameter concerned, the rule and the fix.
 */
export function readAuditQuery(url: string): AuditQuery {
  const start = url.indexOf('?');
  const given = new URLSearchParams(start < 0 ? '' : url.slice(start));
  const problems: string[] = [];
  for (const name of new Set(given.keys())) {
    if (!NAMES.includes(name))
      problems.push(`${name.slice(0, 40)}: there is no such parameter; give any of ${NAMES.join(', ')}`);
    else if (given.getAll(name).length > 1) problems.push(`${name}: give it once`);
  }
  const instantOf = (name: string): Date => {
    const text = given.get(name) ?? '';
    const instant = new Date(INSTANT.test(text) ? text : Number.NaN);
    if (Number.isNaN(instant.getTime()))
      problems.push(`${name}: give an ISO instant such as 2026-12-01T00:00:00Z (a + must be sent as %2B)`);
    return instant;
  };
  const [from, to] = [instantOf('from'), instantOf('to')];
  const format = given.get('format') ?? 'json';
  if (format !== 'json' && format !== 'csv') problems.push('format: give json or csv');
  if (problems.length > 0) throw new MarketplaceMeteringError('FILTER_INVALID', problems.join('; '));
  return { from, to, format: format === 'csv' ? 'csv' : 'json' };
}
