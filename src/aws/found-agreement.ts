import { type AgreementViewSummary, type DescribeAgreementOutput } from '@aws-sdk/client-marketplace-agreement';

/** An agreement as AWS lists or describes it, with the parts that the model leaves optional guarded. */
export interface FoundAgreement {
  agreementId: string;
  /** `ACTIVE`, `CANCELLED`, …: open, as AWS may add to it. */
  status: string;
  /** Null where AWS named none. An agreement may be ACTIVE before it starts: it was signed. */
  startTime: Date | null;
  /** Null of an agreement without an end. */
  endTime: Date | null;
  /** When anything of it changed last; null where AWS does not say (DescribeAgreement never does). */
  lastUpdateTime: Date | null;
  /** The first agreement of the chain of renewals and replacements; its own id where there is none before it. */
  initialAgreementId: string;
  customerAwsAccountId: string | null;
  offerId: string | null;
  /** In the form that the API takes. DescribeAgreement names none. */
  licenseArns: readonly string[];
  /** `prod-…` */
  productIds: readonly string[];
}

/** Of the year 9000 and later: the date by which some of AWS's texts mean that there is no end. */
const NO_END_FROM = new Date('9000-01-01T00:00:00Z');

export function foundOf(summary: AgreementViewSummary & Partial<DescribeAgreementOutput>): FoundAgreement[] {
  const { agreementId, status, startTime, endTime, initialAgreementId, entitlements, proposalSummary } = summary;
  if (agreementId === undefined || status === undefined) return [];
  const named = (values: (string | undefined)[]): string[] =>
    values.filter((value) => value !== undefined && value !== '') as string[];
  return [
    {
      agreementId,
      status,
      startTime: startTime ?? null,
      endTime: endTime === undefined || endTime >= NO_END_FROM ? null : endTime,
      lastUpdateTime: summary.lastUpdateTime ?? null,
      initialAgreementId: initialAgreementId ?? agreementId,
      customerAwsAccountId: summary.acceptor?.accountId ?? null,
      offerId: proposalSummary?.offerId ?? null,
      licenseArns: named((entitlements ?? []).map(({ licenseArn }) => licenseArn)),
      productIds: named((proposalSummary?.resources ?? []).map(({ id }) => id)),
    },
  ];
}

const DURATION = /^P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/;
const PARTS_MS = [365 * 86_400_000, 30 * 86_400_000, 7 * 86_400_000, 86_400_000, 3_600_000, 60_000, 1000];

/**
 * Milliseconds of an ISO 8601 duration: a free trial has 5 to 31 days when it is signed, and whatever is left of them
 * where AWS tells the time that it came to. Null for what is none, or of no length.
 */
export function durationMsOf(duration: string | undefined): number | null {
  const parts = DURATION.exec(duration ?? '')?.slice(1) ?? [];
  const ms = PARTS_MS.reduce((sum, partMs, index) => sum + Number(parts[index] ?? 0) * partMs, 0);
  return ms > 0 ? Math.round(ms) : null;
}
