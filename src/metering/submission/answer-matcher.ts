import { type GatewayResults, type ReportEcho, type UsageReport } from '../../aws/metering-gateway.js';
import { hourOf } from '../../runtime/clock.js';
import { type RecordAnswer } from '../settlement/evidence.js';

/** Answers of one call, told apart by record. */
export interface MatchedAnswers {
  /** One answer for each record sent, in the order sent. */
  answers: RecordAnswer[];
  /** Results that mean none of the records. */
  strangers: number;
}

/**
 * Which identity a record is found by in an answer. Records of different kinds never share a call: LicenseArn and
 * ProductCode must not meet in one (AWS refuses it, or bills twice), and an echo that names both ids of a legacy
 * customer could mean two records.
 */
type IdentityKind = 'license' | 'account' | 'customer';

export function identityOf(
  named: Pick<ReportEcho, 'licenseArn' | 'customerAwsAccountId' | 'customerIdentifier'>,
): [IdentityKind, string] | null {
  if (named.licenseArn !== null) return ['license', named.licenseArn];
  if (named.customerIdentifier !== null) return ['customer', named.customerIdentifier];
  return named.customerAwsAccountId === null ? null : ['account', named.customerAwsAccountId];
}

/** What an echo of this record is recognised by, or null where it names no customer. */
export function matchKeyOf(report: ReportEcho): string | null {
  const identity = identityOf(report);
  return identity === null ? null : matchKey(identity, report);
}

function matchKey(identity: readonly [IdentityKind, string], { dimension, timestamp }: ReportEcho): string | null {
  if (dimension === null || timestamp === null) return null;
  return JSON.stringify([...identity, dimension, hourOf(timestamp).getTime()]);
}

/** An echo may name more ids of the customer than the record did. */
function keysOf(echo: ReportEcho): string[] {
  const identities: (readonly [IdentityKind, string | null])[] = [
    ['license', echo.licenseArn],
    ['account', echo.customerAwsAccountId],
    ['customer', echo.customerIdentifier],
  ];
  return identities.flatMap(([kind, value]) => {
    const key = value === null ? null : matchKey([kind, value], echo);
    return key === null ? [] : [key];
  });
}

/**
 * Finds what became of each record: by what AWS echoes of it, never by its place in the answer, and with no assumption
 * that all are there.
 */
export function answersOf(
  sent: readonly { report: UsageReport }[],
  { results, unprocessed }: GatewayResults,
): MatchedAnswers {
  const positions = new Map(sent.map(({ report }, index) => [matchKeyOf(report), index]));
  const found = sent.map((): RecordAnswer[] => []);
  let strangers = 0;
  const assign = (echo: ReportEcho, answer: RecordAnswer): void => {
    const position = keysOf(echo)
      .map((key) => positions.get(key))
      .find((index) => index !== undefined);
    if (position === undefined) strangers += 1;
    else found[position]?.push(answer);
  };
  for (const result of results)
    assign(result, { kind: 'status', status: result.status, meteringRecordId: result.meteringRecordId });
  for (const echo of unprocessed) assign(echo, { kind: 'unprocessed' });
  return { answers: found.map(oneOf), strangers };
}

/** A Success stands, whatever else is said; other contradictions say nothing. */
function oneOf(answers: readonly RecordAnswer[]): RecordAnswer {
  const [first, ...others] = answers;
  if (first === undefined) return { kind: 'missing' };
  const success = answers.find((answer) => answer.kind === 'status' && answer.status === 'Success');
  if (success) return success;
  const agree = others.every((other) => meaning(other) === meaning(first));
  return agree ? first : { kind: 'missing' };
}

function meaning(answer: RecordAnswer): string {
  return answer.kind === 'status' ? answer.status : answer.kind;
}
