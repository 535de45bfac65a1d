import { type ValuesOf } from './values-of.js';

/** What becomes of agreements, and how the Agreement API shows them. */
export interface AgreementSwitches {
  /**
   * The hour for final usage. `ended`: it runs from Purchase Agreement Ended, and License Deprovisioned comes within
   * minutes (the strictest mixture of the texts). `deprovisioned`: License Deprovisioned comes as soon and opens it
   * [SG-eb, current text; SKILL]. `endedUntilDeprovisioned`: Ended opens it, and License Deprovisioned closes it an
   * hour later [SG-eb, earlier text]. Default `ended`.
   */
  finalHourOpenedBy: 'ended' | 'deprovisioned' | 'endedUntilDeprovisioned';
  /**
   * Milliseconds of the simulator's clock, >= 0, from the end to License Deprovisioned. 31 seconds [SEEN]; seconds to
   * minutes. Default 30000.
   */
  deprovisionedAfterMs: number;
  /**
   * A renewal makes a new agreement [SG-evt, SDK-A] with a `newLicense` [LARA] or with the `sameLicense`, or only
   * prolongs the `sameAgreement` and announces License Updated alone [SKILL/troubleshooting]. Default `newLicense`.
   */
  renewalLicense: 'newLicense' | 'sameLicense' | 'sameAgreement';
  /** License of an agreement that replaces another. AWS is silent. Default `newLicense`. */
  replacementLicense: 'newLicense' | 'sameLicense';
  /**
   * What becomes of a free trial that is converted. AWS is silent; that "the same calls bill" afterwards [SKILL]
   * suggests the `sameAgreement`. The others are a new agreement. Default `sameAgreement`.
   */
  trialConversion: 'sameAgreement' | 'sameLicense' | 'newLicense';
  /**
   * When Purchase Agreement Created of an agreement that was signed ahead comes: at its `start` [SG-sns for the topics;
   * the times in SG-evt hint at it], or at the `signing`. The topics of a legacy product always speak at the start
   * [SG-sns]. Default `start`.
   */
  futureCreated: 'start' | 'signing';
  /** When the first License Updated of an agreement that was signed ahead comes. AWS is silent. Default `start`. */
  futureLicenseUpdated: 'start' | 'signing';
  /**
   * Which of Purchase Agreement Created and the first License Updated is sent first; their times are equal. AWS is
   * silent. Default `createdFirst`.
   */
  initialEventsOrder: 'createdFirst' | 'licenseFirst';
  /**
   * Purchase Agreement Ended of an agreement that was renewed or replaced: `sent` [buyer guide], or `notSent`: its
   * reasons in SG-eb are expiry, cancellation and termination. Default `sent`.
   */
  endedOfFollowed: 'sent' | 'notSent';
  /**
   * From when on an agreement is RENEWED whose renewal was signed ahead: from the `start` of the renewal; from its
   * `signing`, while it runs on, and Purchase Agreement Ended says so then; or `never`, and it is EXPIRED [SG-eb's
   * reasons]. AWS is silent. Default `start`.
   */
  renewedFrom: 'start' | 'signing' | 'never';
  /**
   * GetAgreementTerms of a free trial without a paid part of its own: the trial's term `besidePaid` usage prices, or
   * `alone`. AWS is silent. Default `besidePaid`.
   */
  trialTerms: 'besidePaid' | 'alone';
  /**
   * GetAgreementTerms of a trial that became paid in the same agreement: the trial's term is `absent`, or `kept` beside
   * the paid ones. Silent. Default `absent`.
   */
  convertedTrialTerm: 'absent' | 'kept';
  /**
   * GetAgreementTerms of an agreement that ended before its time: durations and end as they were `signed`, or
   * `shortened` to what it came to. Silent. Default `signed`.
   */
  endedTerms: 'signed' | 'shortened';
  /**
   * The endTime of an agreement that was cancelled or terminated: the instant at which it was (`told`), or `signed`: none
   * of one that had none (pay-as-you-go), the planned one of a contract. AWS is silent. Default `told`.
   */
  cancelledEndTime: 'told' | 'signed';
  /**
   * lastUpdateTime of an agreement that has ended: its end counts as a change (`end`), or only what was changed while it
   * ran (`before`). Amendments and renewals do [SDK-A]; of an end AWS is silent. Default `end`.
   */
  endedUpdateTime: 'end' | 'before';
  /**
   * Milliseconds of the simulator's clock, 0 to 3600000, by which SearchAgreements lags behind: an agreement that ended
   * is listed as it was before, a new one not at all. AWS is silent; DescribeAgreement is up to date. Default 0.
   */
  searchIndexDelayMs: number;
  /**
   * Milliseconds of the simulator's clock, 0 to 3600000, by which GetAgreementTerms lags behind changes of an agreement;
   * the terms that it began with are there at once. AWS is silent. Default 0.
   */
  agreementTermsDelayMs: number;
  /**
   * The filter LicenseArn of SearchAgreements: `supported` [SDK-A], or `refused`, as by older references, which lack
   * it. Default `supported`.
   */
  licenseArnFilter: 'supported' | 'refused';
  /**
   * DescribeAgreement and GetAgreementTerms by the manufacturer of a resold product, who is neither proposer nor
   * acceptor: refused, one way or the other [SDK-A: what one participated in as proposer or acceptor], or `answered`
   * [SG-eb tells manufacturers to call it]. SearchAgreements has no way to ask. Default `AccessDeniedException`.
   */
  resoldAgreement: 'AccessDeniedException' | 'ResourceNotFoundException' | 'answered';
  /** Calls per second of GetAgreementTerms: 5 [older API reference], 10 [developer guide]. Default 5. */
  getAgreementTermsPerSecond: number;
}

/** The values worth testing, the default first. */
export const agreementSwitchValues: ValuesOf<AgreementSwitches> = {
  finalHourOpenedBy: ['ended', 'deprovisioned', 'endedUntilDeprovisioned'],
  deprovisionedAfterMs: [30_000, 300_000],
  renewalLicense: ['newLicense', 'sameLicense', 'sameAgreement'],
  replacementLicense: ['newLicense', 'sameLicense'],
  trialConversion: ['sameAgreement', 'sameLicense', 'newLicense'],
  futureCreated: ['start', 'signing'],
  futureLicenseUpdated: ['start', 'signing'],
  initialEventsOrder: ['createdFirst', 'licenseFirst'],
  endedOfFollowed: ['sent', 'notSent'],
  renewedFrom: ['start', 'signing', 'never'],
  trialTerms: ['besidePaid', 'alone'],
  convertedTrialTerm: ['absent', 'kept'],
  endedTerms: ['signed', 'shortened'],
  cancelledEndTime: ['told', 'signed'],
  endedUpdateTime: ['end', 'before'],
  searchIndexDelayMs: [0, 5_000],
  agreementTermsDelayMs: [0, 5_000],
  licenseArnFilter: ['supported', 'refused'],
  resoldAgreement: ['AccessDeniedException', 'ResourceNotFoundException', 'answered'],
  getAgreementTermsPerSecond: [5, 10],
};
