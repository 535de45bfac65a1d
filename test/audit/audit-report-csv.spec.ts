import { describe, expect, it } from '@jest/globals';
import { type AuditReport } from '../../src/audit/audit-report.js';
import { auditReportCsv } from '../../src/audit/audit-report-csv.js';

const REPORT: AuditReport = {
  ...{ from: '2026-11-11T09:00:00.000Z', to: '2026-11-11T13:00:00.000Z', madeAt: '2026-11-12T00:00:00.000Z' },
  coverage: [
    {
      ...{ operation: 'BatchMeterUsage', region: 'us-east-1', early: [], isDenied: true },
      settled: [{ from: '2026-11-11T09:00:00.000Z', to: '2026-11-11T10:00:00.000Z' }],
      gaps: [{ from: '2026-11-11T10:00:00.000Z', to: '2026-11-12T00:00:00.000Z' }],
    },
  ],
  totals: [
    {
      productCode: 'larkspur',
      dimension: '=HYPERLINK("x")',
      awsUnits: '5',
      awsRecords: 1,
      ledgerUnits: '4',
      ledgerRecords: 1,
    },
  ],
  incidents: [
    {
      ...{ kind: 'twoRegions', productCode: 'larkspur', dimension: 'a, "b"\nc', hour: '2026-11-11T10:00:00.000Z' },
      ...{ recordId: null, ledgerUnits: null },
      taken: ['us-east-1', 'eu-west-1'].map((region) => ({
        ...{ eventId: `event-${region}`, meteringRecordId: null, region, identity: 'license', units: '3' },
      })),
    },
  ],
  ...{ incidentCount: 1, elsewhere: 0 },
  unclear: [
    {
      ...{ kind: 'omitted', eventId: 'event', region: 'us-east-1', at: '2026-11-11T11:00:00.000Z' },
      ...{ requestId: 'request', attemptId: null, why: null },
    },
  ],
  open: [
    {
      ...{ recordId: 'record', productCode: 'larkspur', dimension: '-dash', hour: '2026-11-11T10:00:00.000Z' },
      ...{ quantity: '9', state: 'unknown', reason: 'expired', isAbsent: false, obstacles: ['one', 'two'] },
    },
  ],
};

describe('the report as a table', () => {
  it('has a line for each thing, quoted as RFC 4180 asks, and no formula', () => {
    expect(auditReportCsv(REPORT).split('\r\n')).toEqual([
      'section,kind,productCode,dimension,hour,operation,region,from,to,awsUnits,ledgerUnits,recordId,eventId,meteringRecordId,detail',
      'report,,,,,,,2026-11-11T09:00:00.000Z,2026-11-11T13:00:00.000Z,,,,,,made at 2026-11-12T00:00:00.000Z',
      `total,,larkspur,"'=HYPERLINK(""x"")",,,,,,5,4,,,,`,
      'incident,twoRegions,larkspur,"a, ""b""\nc",2026-11-11T10:00:00.000Z,,us-east-1,,,3,,,event-us-east-1,,by license',
      'incident,twoRegions,larkspur,"a, ""b""\nc",2026-11-11T10:00:00.000Z,,eu-west-1,,,3,,,event-eu-west-1,,by license',
      'coverage,settled,,,,BatchMeterUsage,us-east-1,2026-11-11T09:00:00.000Z,2026-11-11T10:00:00.000Z,,,,,,may not be read',
      'coverage,gap,,,,BatchMeterUsage,us-east-1,2026-11-11T10:00:00.000Z,2026-11-12T00:00:00.000Z,,,,,,may not be read',
      'unclear,omitted,,,,,us-east-1,2026-11-11T11:00:00.000Z,,,,,event,,request request',
      "open,unknown,larkspur,'-dash,2026-11-11T10:00:00.000Z,,,,,,9,record,,,one; two",
      '',
    ]);
  });

  it.each([
    ['-12', '-12'],
    ['-0.5', '-0.5'],
    ['9007199254740993.000000000001', '9007199254740993.000000000001'],
    ['-1+1', "'-1+1"],
    ['-12a', "'-12a"],
    ['-', "'-"],
    ['+12', "'+12"],
    ['\n=1', '"\'\n=1"'],
    ['\t=1', "'\t=1"],
    ['@x', "'@x"],
  ])('leaves numbers as they are, and makes a text of what a sheet would compute: %j', (text, cell) => {
    const total = { ...REPORT.totals[0]!, dimension: text };
    const csv = auditReportCsv({ ...REPORT, totals: [total], incidents: [], coverage: [], unclear: [], open: [] });
    expect(csv.slice(csv.indexOf('total'))).toBe(`total,,larkspur,${cell},,,,,,5,4,,,,\r\n`);
  });

  it('says what is early, what may be read, whose attempt is unclear and why, and what is absent', () => {
    const [coverage, unclear, open] = [REPORT.coverage[0]!, REPORT.unclear[0]!, REPORT.open[0]!];
    const early = [{ from: '2026-11-11T12:00:00.000Z', to: '2026-11-11T13:00:00.000Z' }];
    const lines = auditReportCsv({
      ...REPORT,
      ...{ totals: [], incidents: [] },
      coverage: [{ ...coverage, settled: [], early, gaps: [], isDenied: false }],
      unclear: [
        { ...unclear, attemptId: 'attempt', why: 'eventTime is no instant' },
        { ...unclear, kind: 'unreadable', requestId: null, why: 'it is no JSON' },
      ],
      open: [{ ...open, isAbsent: true, obstacles: [] }],
    }).split('\r\n');
    expect(lines.slice(2)).toEqual([
      'coverage,early,,,,BatchMeterUsage,us-east-1,2026-11-11T12:00:00.000Z,2026-11-11T13:00:00.000Z,,,,,,',
      'unclear,omitted,,,,,us-east-1,2026-11-11T11:00:00.000Z,,,,,event,,request request; attempt attempt; eventTime is no instant',
      'unclear,unreadable,,,,,us-east-1,2026-11-11T11:00:00.000Z,,,,,event,,it is no JSON',
      "open,absent,larkspur,'-dash,2026-11-11T10:00:00.000Z,,,,,,9,record,,,",
      '',
    ]);
  });
});
