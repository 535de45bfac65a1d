import { type SeededRandom, type Switches, switchValues } from '../support/market.js';
import { pick } from '../support/seeded-run.js';

/**
 * Switches that change what the module hears and how AWS answers, and not what an act is nor what AWS takes: whatever
 * they are, the oracle’s bill is the same.
 */
const NAMES = [
  ...(['deprovisionedAfterMs', 'futureCreated', 'futureLicenseUpdated', 'initialEventsOrder'] as const),
  ...([
    'endedOfFollowed',
    'renewedFrom',
    'trialTerms',
    'convertedTrialTerm',
    'endedTerms',
    'licenseArnFilter',
  ] as const),
  ...(['usageLicenseUpdated', 'eventLicenseArn', 'licenseEventOfferId', 'endedEventOffer'] as const),
  ...(['openEndInEvents', 'previousAgreementInEvents', 'eventRequestId', 'unknownEventFields'] as const),
  ...(['snsSignatureVersion', 'otherAllocations', 'duplicateMeteringRecordId', 'resentMeteringRecordId'] as const),
  ...(['notSubscribedMeteringRecordId', 'resultOrder', 'constraintError', 'errorType', 'usageBeforeStart'] as const),
  ...(['usageAfterEnd', 'badLicense', 'unknownCustomerIdentifier', 'registrationTokenReuse'] as const),
  ...(['registrationFormFields', 'accountIdBesideLicenseArn'] as const),
] satisfies readonly (keyof Switches)[];

/** By which AWS's answers are behind: no text says. */
const ANSWER_DELAYS_MS = [0, 5_000, 540_000];

/**
 * How this world's AWS reads its own texts. Ends count as changes: where the messages of one are lost, or come after
 * its hour was sealed, nothing else tells when it was.
 */
export function drawReadings(random: SeededRandom): Partial<Switches> {
  const drawn = Object.fromEntries(NAMES.map((name) => [name, pick<unknown>(random, switchValues[name])]));
  const searchIndexDelayMs = pick(random, ANSWER_DELAYS_MS);
  const cancelledEndTime = pick(random, switchValues.cancelledEndTime);
  return { ...drawn, searchIndexDelayMs, cancelledEndTime, agreementTermsDelayMs: pick(random, ANSWER_DELAYS_MS) };
}
