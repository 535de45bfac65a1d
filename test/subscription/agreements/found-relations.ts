import { BEGIN, HOUR_MS, MINUTE_MS, SECOND_MS, type Told } from './drawn-relations.js';
import { type RelationTelling, type TrueAgreement } from './told-relation.js';

const TOLD_AT_ONCE: RelationTelling = {
  ...{ skewMs: 0, isLegacy: false, delays: [0], lags: [0], conversionBy: 'agreement.amended', isFlagged: false },
  ...{ hasEvents: false, isRaw: false, arrivesAfter: null, startBy: 'created', createdAt: 'signing' },
  ...{ licenseAt: 'signing', tellsFollowed: false, namesPrevious: false, namesInitial: false, isKept: false },
  ...{
    cancelledEnd: 'told',
    changeTold: 'all',
    losses: [false],
    resold: null,
    renewedFrom: 'end',
    repeats: [false],
    questions: [],
  },
};
const alone = (key: string, startsAt: number, endsAt: number): TrueAgreement => ({
  ...{ key, signedAt: startsAt, startsAt, endsAt, endsAs: 'CANCELLED', plannedAt: null, previous: null, initial: key },
  ...{ license: key, trialUntil: null, convertedAt: null, amended: null },
});

/** AWS is asked when the end that was signed has passed, too, and names that one. */
const FOUND_AFTER_ITS_PLANNED_END: Told = {
  agreements: [{ ...alone('a0', BEGIN + 3 * HOUR_MS, BEGIN + 8 * HOUR_MS), plannedAt: BEGIN + 8.5 * HOUR_MS }],
  telling: { ...TOLD_AT_ONCE, cancelledEnd: 'signed', losses: [true] },
};

/** The license of a renewal comes minutes after the end, and AWS's list, asked ten minutes after that, is from before. */
const RENEWED_MINUTES_AFTER_ITS_END: Told = {
  agreements: [
    { ...alone('a0', BEGIN + 3 * HOUR_MS, BEGIN + 8 * HOUR_MS), endsAs: 'EXPIRED', plannedAt: BEGIN + 8 * HOUR_MS },
    {
      ...alone('a1', BEGIN + 8 * HOUR_MS, Infinity),
      ...{ signedAt: BEGIN + 8 * HOUR_MS + 4 * MINUTE_MS, previous: 'a0', initial: 'a0', license: 'a0' },
    },
  ],
  telling: { ...TOLD_AT_ONCE, lags: [9 * MINUTE_MS], startBy: 'license', losses: [true] },
};

/** Another renewal follows what one, called off before it began, would have followed: messages alone link the two. */
const RENEWED_AFTER_A_RENEWAL_WAS_CALLED_OFF: Told = {
  agreements: [
    { ...alone('a0', BEGIN + HOUR_MS, BEGIN + 9 * HOUR_MS), endsAs: 'RENEWED', plannedAt: BEGIN + 9 * HOUR_MS },
    { ...alone('a1', BEGIN + 8 * HOUR_MS, BEGIN + 5 * HOUR_MS), signedAt: BEGIN + 3 * HOUR_MS, previous: 'a0' },
    { ...alone('a2', BEGIN + 9 * HOUR_MS, Infinity), previous: 'a0' },
  ],
  telling: { ...TOLD_AT_ONCE, namesPrevious: true },
};

/** Only a license tells of what was signed ahead, and AWS's list is from before that. */
const LICENSE_AHEAD_OF_THE_LISTS: Told = {
  agreements: [{ ...alone('a0', BEGIN + 8 * HOUR_MS, Infinity), signedAt: BEGIN + 3 * HOUR_MS }],
  telling: { ...TOLD_AT_ONCE, lags: [30 * SECOND_MS], startBy: 'license' },
};

/** AWS calls the trial RENEWED since the signing of its renewal, when its terms tell of a conversion. */
const CONVERTED_BEFORE_ITS_RENEWAL_WAS_SIGNED: Told = {
  agreements: [
    {
      ...{ ...alone('a0', BEGIN + HOUR_MS, BEGIN + 3 * HOUR_MS), endsAs: 'RENEWED', plannedAt: BEGIN + 3 * HOUR_MS },
      ...{ trialUntil: BEGIN + 4 * HOUR_MS, convertedAt: BEGIN + HOUR_MS + 19 * MINUTE_MS },
    },
    {
      ...{ ...alone('a1', BEGIN + 3 * HOUR_MS, Infinity), signedAt: BEGIN + HOUR_MS + 45 * MINUTE_MS },
      ...{ previous: 'a0', initial: 'a0' },
    },
  ],
  telling: { ...TOLD_AT_ONCE, isLegacy: true, lags: [2 * MINUTE_MS], arrivesAfter: 0, renewedFrom: 'signing' },
};

/** It is called RENEWED, and has no end, when the list tells of its conversion, which no message does. */
const CONVERTED_AND_RENEWED_BETWEEN_TWO_ANSWERS: Told = {
  agreements: [
    {
      ...{ ...alone('a0', BEGIN + HOUR_MS, BEGIN + 3 * HOUR_MS), endsAs: 'RENEWED', plannedAt: null },
      ...{ trialUntil: BEGIN + 4 * HOUR_MS, convertedAt: BEGIN + HOUR_MS + 20 * MINUTE_MS + 1 },
    },
    {
      ...{
        ...alone('a1', BEGIN + 3 * HOUR_MS, BEGIN + 5 * HOUR_MS),
        endsAs: 'RENEWED',
        plannedAt: BEGIN + 5 * HOUR_MS,
      },
      ...{ signedAt: BEGIN + HOUR_MS + 50 * MINUTE_MS + 1, previous: 'a0', initial: 'a0' },
    },
    { ...alone('a2', BEGIN + 5 * HOUR_MS, Infinity), previous: 'a1', initial: 'a0' },
  ],
  telling: { ...TOLD_AT_ONCE, isLegacy: true, renewedFrom: 'signing' },
};

/** The buyer arrives when the renewal is signed, at which AWS calls what runs on RENEWED. */
const ARRIVED_AT_THE_SIGNING: Told = {
  agreements: [
    { ...alone('a0', BEGIN + HOUR_MS, BEGIN + 6 * HOUR_MS), endsAs: 'RENEWED' },
    {
      ...{ ...alone('a1', BEGIN + 6 * HOUR_MS, Infinity), signedAt: BEGIN + HOUR_MS + 10 * MINUTE_MS - 1 },
      ...{ previous: 'a0', initial: 'a0', license: 'a0' },
    },
  ],
  telling: {
    ...{ ...TOLD_AT_ONCE, arrivesAfter: 10 * MINUTE_MS, startBy: 'both', tellsFollowed: true, namesPrevious: true },
    ...{ resold: 'contract', renewedFrom: 'signing' },
  },
};

/** AWS names the first of the chain alone, and calls that RENEWED since the signing of a renewal that never ran. */
const RENEWED_WITHOUT_AN_END_AFTER_ONE_WAS_CALLED_OFF: Told = {
  agreements: [
    { ...alone('a0', BEGIN + HOUR_MS, BEGIN + 3 * HOUR_MS), endsAs: 'RENEWED' },
    {
      ...{ ...alone('a1', BEGIN + 3 * HOUR_MS, BEGIN + 2 * HOUR_MS), signedAt: BEGIN + HOUR_MS + MINUTE_MS },
      ...{ previous: 'a0', initial: 'a0' },
    },
    { ...alone('a2', BEGIN + 3 * HOUR_MS + 1, Infinity), previous: 'a0', initial: 'a0' },
  ],
  telling: { ...TOLD_AT_ONCE, namesInitial: true, renewedFrom: 'signing' },
};

/** The same of a legacy buyer, whom nothing names; the renewal starts half a minute after the other would have. */
const LEGACY_RENEWED_AFTER_ONE_WAS_CALLED_OFF: Told = {
  agreements: RENEWED_WITHOUT_AN_END_AFTER_ONE_WAS_CALLED_OFF.agreements.map((one) => ({
    ...one,
    ...(one.key === 'a0' && { endsAt: one.endsAt + 30_001 }),
    ...(one.key === 'a2' && { signedAt: one.startsAt + 30_000, startsAt: one.startsAt + 30_000 }),
  })),
  telling: { ...TOLD_AT_ONCE, isLegacy: true, renewedFrom: 'signing' },
};

/** Its end was amended away, which no message tells, when AWS is asked again, and calls it RENEWED. */
const RENEWED_AFTER_ITS_END_WAS_TAKEN_AWAY: Told = {
  agreements: [
    {
      ...{ ...alone('a0', BEGIN + HOUR_MS, BEGIN + 3 * HOUR_MS), endsAs: 'RENEWED' },
      amended: { at: BEGIN + HOUR_MS + 12 * MINUTE_MS, from: BEGIN + HOUR_MS + 13 * MINUTE_MS },
    },
    {
      ...{ ...alone('a1', BEGIN + 3 * HOUR_MS, Infinity), signedAt: BEGIN + HOUR_MS + 20 * MINUTE_MS },
      ...{ previous: 'a0', initial: 'a0' },
    },
  ],
  telling: { ...TOLD_AT_ONCE, isLegacy: true, renewedFrom: 'signing' },
};

/** What draws have found, each once wrong. */
export const FOUND: readonly Told[] = [
  FOUND_AFTER_ITS_PLANNED_END,
  LICENSE_AHEAD_OF_THE_LISTS,
  RENEWED_MINUTES_AFTER_ITS_END,
  RENEWED_AFTER_A_RENEWAL_WAS_CALLED_OFF,
  CONVERTED_BEFORE_ITS_RENEWAL_WAS_SIGNED,
  CONVERTED_AND_RENEWED_BETWEEN_TWO_ANSWERS,
  ARRIVED_AT_THE_SIGNING,
  RENEWED_WITHOUT_AN_END_AFTER_ONE_WAS_CALLED_OFF,
  LEGACY_RENEWED_AFTER_ONE_WAS_CALLED_OFF,
  RENEWED_AFTER_ITS_END_WAS_TAKEN_AWAY,
];
