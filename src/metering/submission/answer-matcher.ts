// Which line of an answer speaks of which record. Pure.
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

/** What an echo leaves out is null in its key, and so in the key of no record. */
function matchKey(
  [kind, name]: readonly [IdentityKind, string | null],
  { dimension, timestamp }: ReportEcho,
): string | null {
  return timestamp === null ? null : JSON.stringify([kind, name, dimension, hourOf(timestamp).getTime()]);
}

/** An echo may name more ids of the customer than the record did. */
function keysOf(echo: ReportEcho): (string | null)[] {
  const { licenseArn, customerAwsAccountId, customerIdentifier } = echo;
  return [
    matchKey(['license', licenseArn], echo),
    matchKey(['account', customerAwsAccountId], echo),
    matchKey(['customer', customerIdentifier], echo),
  ];
}

/**
 * Finds what became of each record: by what AWS echoes of it, never by its place in the answer, and with no assumption
 * that all are there.
 */
export function answersOf(
  sent: readonly { report: UsageReport }[],
  { results, unprocessed }: GatewayResults,
): MatchedAnswers {
  const found = sent.map(({ report }) => ({ key: matchKeyOf(report), answers: [] as RecordAnswer[] }));
  const byKey = new Map(found.map(({ key, answers }) => [key, answers]));
  // A record that names no customer is meant by no echo, not by one that names none either.
  byKey.delete(null);
  let strangers = 0;
  const assign = (echo: ReportEcho, answer: RecordAnswer): void => {
    const meant = keysOf(echo)
      .map((key) => byKey.get(key))
      .find((answers) => answers !== undefined);
    if (meant === undefined) strangers += 1;
    else meant.push(answer);
  };
  for (const result of results)
    assign(result, { kind: 'status', status: result.status, meteringRecordId: result.meteringRecordId });
  for (const echo of unprocessed) assign(echo, { kind: 'unprocessed' });
  return { answers: found.map(({ answers }) => oneOf(answers)), strangers };
}

/** A Success stands, whatever else is said; other contradictions say nothing. */
function oneOf(answers: readonly RecordAnswer[]): RecordAnswer {
  const [first, ...others] = answers;
  if (first === undefined) return { kind: 'missing' };
  const success = answers.find((answer) => meaning(answer) === 'Success');
  if (success) return success;
  const agree = others.every((other) => meaning(other) === meaning(first));
  return agree ? first : { kind: 'missing' };
}

function meaning(answer: RecordAnswer): string {
  return answer.kind === 'status' ? answer.status : answer.kind;
}
