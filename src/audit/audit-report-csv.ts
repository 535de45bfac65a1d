import { type AuditReport } from './audit-report.js';

const COLUMNS = [
  ...['section', 'kind', 'productCode', 'dimension', 'hour', 'operation', 'region', 'from', 'to', 'awsUnits'],
  ...['ledgerUnits', 'recordId', 'eventId', 'meteringRecordId', 'detail'],
] as const;

type Line = Partial<Record<(typeof COLUMNS)[number], string | null>>;

/** The report as one table, RFC 4180: what a line is about stands in `section`. */
export function auditReportCsv(report: AuditReport): string {
  const lines: Line[] = [
    { section: 'report', from: report.from, to: report.to, detail: `made at ${report.madeAt}` },
    ...report.totals.map((total): Line => ({
      section: 'total',
      ...textOf(total, ['productCode', 'dimension', 'awsUnits', 'ledgerUnits']),
    })),
    ...report.incidents.flatMap(({ kind, productCode, dimension, hour, taken, recordId, ledgerUnits }) =>
      taken.map(({ eventId, meteringRecordId, region, identity, units }): Line => ({
        ...{ section: 'incident', kind, productCode, dimension, hour, region, awsUnits: units, ledgerUnits },
        ...{ recordId, eventId, meteringRecordId, detail: `by ${identity}` },
      })),
    ),
    ...report.coverage.flatMap(({ operation, region, settled, early, gaps, isDenied }) =>
      (
        [
          ['settled', settled],
          ['early', early],
          ['gap', gaps],
        ] as const
      ).flatMap(([kind, intervals]) =>
        intervals.map((interval): Line => ({
          ...{ section: 'coverage', kind, operation, region, ...interval },
          detail: isDenied ? 'may not be read' : '',
        })),
      ),
    ),
    ...report.unclear.map(({ kind, eventId, region, at, requestId, attemptId, why }): Line => ({
      ...{ section: 'unclear', kind, eventId, region, from: at },
      detail: [requestId && `request ${requestId}`, attemptId && `attempt ${attemptId}`, why]
        .filter(Boolean)
        .join('; '),
    })),
    ...report.open.map(({ recordId, productCode, dimension, hour, quantity, state, isAbsent, obstacles }): Line => ({
      ...{ section: 'open', kind: isAbsent ? 'absent' : state, productCode, dimension, hour, recordId },
      ...{ ledgerUnits: quantity, detail: obstacles.join('; ') },
    })),
  ];
  const rows = lines.map((line) => COLUMNS.map((column) => cell(line[column] ?? '')).join(','));
  return [COLUMNS.join(','), ...rows, ''].join('\r\n');
}

/** A sheet takes a text that begins so for a formula: a quote before it keeps it a text. */
const FORMULA = /^[=+\-@\t\r\n]/;
/** No sum works over a number that was made a text. */
const NUMBER = /^-\d+(\.\d+)?$/;

function cell(text: string): string {
  const safe = FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function textOf<T, K extends keyof T>(value: T, names: readonly K[]): Pick<T, K> {
  return Object.fromEntries(names.map((name) => [name, value[name]])) as Pick<T, K>;
}
