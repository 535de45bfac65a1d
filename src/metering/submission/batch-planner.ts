// Which records travel in one call, and which work comes next. Pure.
import {
  BATCH_RECORDS_MAX,
  CALL_BYTES_LIMIT,
  envelopeBytes,
  reportBytes,
  type UsageReport,
} from '../../aws/metering-gateway.js';
import { type MeteringOperation } from '../settlement/deadlines.js';
import { identityOf, matchKeyOf } from './answer-matcher.js';

/**
 * A record as it may be sent: nothing here changes after sealing, so that a retry is the same request, byte for byte.
 */
export interface SendableRecord {
  id: string;
  productCode: string;
  report: UsageReport;
  /** Of MeterUsage: the resource that it is bound to. */
  resourceId: string | null;
}

/**
 * The lines in which records wait. `batch`: together. `troubled`: together too, but apart from the healthy, because AWS
 * has failed to answer about them again and again. `late`: past due, so that AWS may refuse it for its age, each alone.
 * `probe`: of a quarantined cause whose time to be tried has come, alone.
 */
export type Lane = 'batch' | 'troubled' | 'late' | 'probe';

/** Work of one product and lane that could be claimed now. */
export interface WaitingWork {
  product_code: string;
  region: string;
  operation: MeteringOperation;
  lane: Lane;
  due_at: Date;
}

/** ProductCode of the request, or null when the licenses name the product. */
export function requestProductCodeOf(record: SendableRecord): string | null {
  return record.report.licenseArn === null ? record.productCode : null;
}

/**
 * The longest useful beginning of `candidates` that can go out in one call: one identity form, one product, at most 25
 * records, fewer bytes than CloudTrail keeps, and no two records that one echo could mean. What does not fit stays for
 * the next call.
 * @param candidates in the order in which they are due
 */
export function planBatch<T extends SendableRecord>(candidates: readonly T[]): T[] {
  const [first] = candidates;
  if (first === undefined) return [];
  const batch: T[] = [];
  const keys = new Set<string>();
  const kind = identityOf(first.report)?.[0];
  let bytes = 0;
  for (const candidate of candidates) {
    if (batch.length === BATCH_RECORDS_MAX) break;
    const key = matchKeyOf(candidate.report);
    const size = reportBytes(candidate.report);
    const fits = envelopeBytes(requestProductCodeOf(first), batch.length + 1) + bytes + size < CALL_BYTES_LIMIT;
    const alike = candidate.productCode === first.productCode && identityOf(candidate.report)?.[0] === kind;
    // The first is taken whatever it weighs: sealing bounds a single record, and leaving it here for ever would lose it
    // in silence.
    if (batch.length > 0 && (!fits || !alike || key === null || keys.has(key))) continue;
    batch.push(candidate);
    bytes += size;
    if (key !== null) keys.add(key);
  }
  return batch;
}

/**
 * Whose turn it is, as long as there is such work: neither late, troubled nor quarantined records can starve the
 * healthy, nor these them: five turns in ten are theirs. Where a lane has none the others follow in the order of `LANES`.
 */
const TURNS = 10;
const TURNS_OF_OTHERS: ReadonlyMap<number, Lane> = new Map([
  [2, 'late'],
  [4, 'troubled'],
  [6, 'late'],
  [8, 'troubled'],
  [9, 'probe'],
]);
const LANES: readonly Lane[] = ['batch', 'late', 'troubled', 'probe'];

/**
 * What to send next: by the turn's lane, then where fewest calls of this process are under way (each region has a
 * budget of its own, and waiting for one must not idle another), then what is due earliest.
 */
export function chooseWork(
  waiting: readonly WaitingWork[],
  turn: number,
  underWay: ReadonlyMap<string, number>,
): WaitingWork | undefined {
  const lanes = [TURNS_OF_OTHERS.get(turn % TURNS), ...LANES];
  const busy = ({ region }: WaitingWork): number => underWay.get(region) ?? 0;
  const lane = lanes.find((name) => waiting.some((work) => work.lane === name));
  return waiting
    .filter((work) => work.lane === lane)
    .sort((a, b) => busy(a) - busy(b) || a.due_at.getTime() - b.due_at.getTime())
    .at(0);
}
