import { type ValuesOf } from './values-of.js';

/** What EventBridge events and SNS messages look like. */
export interface MessageSwitches {
  /** Whether License Updated comes for a product without entitlements, too. AWS is silent. Default `sent`. */
  usageLicenseUpdated: 'sent' | 'notSent';
  /**
   * LicenseArn in events: as the guide prints it, `aws:license-manager:us-east-1:<owner>:l-<id>` (`documented`, which
   * the metering API refuses) [SG-evt], or as the `api` has it [SEEN]. Default `documented`.
   */
  eventLicenseArn: 'documented' | 'api';
  /**
   * Offer id in license events: `prefixed` with `offer-` as everywhere [SEEN], or `bare` [SG-evt, license examples].
   * Default `prefixed`.
   */
  licenseEventOfferId: 'prefixed' | 'bare';
  /** Whether Purchase Agreement Ended names the offer: `present` [SG-evt] or `absent` [SEEN]. Default `present`. */
  endedEventOffer: 'present' | 'absent';
  /**
   * `endTime` in events of an agreement without an end: `year9999`, which stands for 9999-01-01T00:00:00Z [SEEN], or
   * `absent`. Default `year9999`.
   */
  openEndInEvents: 'year9999' | 'absent';
  /**
   * `resaleAuthorization` in events of a direct offer: `{ "id": null }` (`nullId`) [SG-evt, SEEN], or `absent` [SG-eb].
   * Default `nullId`.
   */
  directResaleAuthorization: 'nullId' | 'absent';
  /**
   * Where Purchase Agreement Created names the agreement before: in `renewals` [SG-evt], in `renewalsAndReplacements`
   * (silent), or in `none` [LARA]. Default `renewals`.
   */
  previousAgreementInEvents: 'renewals' | 'renewalsAndReplacements' | 'none';
  /**
   * `requestId` in events of one transaction: another `perEvent` [SEEN], or `shared`. AWS is silent. Default
   * `perEvent`.
   */
  eventRequestId: 'perEvent' | 'shared';
  /** Members in events that no text has. AWS adds some over the years. Default `none`. */
  unknownEventFields: 'none' | 'added';
  /**
   * SignatureVersion of SNS messages: `1` (SHA1withRSA) or `2` (SHA256withRSA). The owner of the topic chooses. Default
   * `1`, the default of SNS.
   */
  snsSignatureVersion: '1' | '2';
}

/** The values worth testing, the default first. */
export const messageSwitchValues: ValuesOf<MessageSwitches> = {
  usageLicenseUpdated: ['sent', 'notSent'],
  eventLicenseArn: ['documented', 'api'],
  licenseEventOfferId: ['prefixed', 'bare'],
  endedEventOffer: ['present', 'absent'],
  openEndInEvents: ['year9999', 'absent'],
  directResaleAuthorization: ['nullId', 'absent'],
  previousAgreementInEvents: ['renewals', 'renewalsAndReplacements', 'none'],
  eventRequestId: ['perEvent', 'shared'],
  unknownEventFields: ['none', 'added'],
  snsSignatureVersion: ['1', '2'],
};
