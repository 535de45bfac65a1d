import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import SnsPayloadValidator from 'sns-payload-validator';
import { snsEnvelopeOf } from '../../src/subscription/inbox/sns-envelope.js';
import { isSignatureAccepted, isSignedBy } from '../../src/subscription/inbox/sns-signature.js';
import { ISSUED_TO_SNS } from '../support/sns-test-key.js';
import { type Json, legacyMessage, snsEnvelope } from './messages.js';
import { signed } from './sns-signer.js';

const KEY = new X509Certificate(ISSUED_TO_SNS).publicKey;
const NOTIFICATION = snsEnvelope(legacyMessage('subscribe-success'));
const CONFIRMATION = snsEnvelope('You have chosen to subscribe', {
  Type: 'SubscriptionConfirmation',
  Token: 'token',
  SubscribeURL: 'https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription',
});
const END = { ...CONFIRMATION, Type: 'UnsubscribeConfirmation' };

const holds = (envelope: Json, accepted: 'any' | 'v2' = 'any'): boolean =>
  isSignedBy(snsEnvelopeOf(envelope)!, KEY, accepted);

/** What another implementation says of it: independent of ours, but for the certificate, which it would fetch. */
async function holdsElsewhere(envelope: Json): Promise<boolean> {
  const validator = new SnsPayloadValidator() as unknown as {
    certCache: Map<string, string>;
    validate(payload: Json): Promise<unknown>;
  };
  validator.certCache.set(envelope.SigningCertURL as string, ISSUED_TO_SNS);
  return validator.validate({ ...envelope }).then(
    () => true,
    () => false,
  );
}

describe.each(['1', '2'] as const)('a signature of version %s', (version) => {
  it.each([
    ['a notification', NOTIFICATION],
    ['a notification with a subject', { ...NOTIFICATION, Subject: 'x' }],
    ['a notification with an empty subject', { ...NOTIFICATION, Subject: null }],
    ['a confirmation', CONFIRMATION],
    ['an end', END],
  ])('of %s holds, here and elsewhere', async (_, envelope) => {
    const message = signed(envelope, version);
    expect(holds(message)).toBe(true);
    expect(await holdsElsewhere(message)).toBe(true);
  });

  it.each(['Message', 'MessageId', 'Timestamp', 'TopicArn', 'Subject'])('does not cover another %s', async (field) => {
    const message = { ...signed({ ...NOTIFICATION, Subject: 'x' }, version), [field]: 'another' };
    expect(holds(message)).toBe(false);
    expect(await holdsElsewhere(message)).toBe(false);
  });

  it.each(['SubscribeURL', 'Token'])('of a confirmation does not cover another %s', (field) => {
    expect(holds({ ...signed(CONFIRMATION, version), [field]: 'another' })).toBe(false);
  });

  it('of one type does not cover another type', () => {
    expect(holds({ ...signed(CONFIRMATION, version), Type: 'Notification' })).toBe(false);
  });

  it('of the end of a subscription may leave out what only confirmations have, as the validators differ on it', () => {
    expect(holds(signed(END, version, ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type']))).toBe(
      true,
    );
  });

  it('is none when it is claimed to be of the other version', () => {
    expect(holds({ ...signed(NOTIFICATION, version), SignatureVersion: version === '1' ? '2' : '1' })).toBe(false);
  });

  it('is not made by moving words from one field into another', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), fc.string({ maxLength: 40 }), (message, subject) => {
        const text = `${message}\nSubject\n${subject}`;
        const moved = { ...signed({ ...NOTIFICATION, Message: text }, version), Message: message, Subject: subject };
        expect(holds(moved)).toBe(false);
      }),
      { numRuns: 20 },
    );
  });
});

describe('versions', () => {
  it('1 is not taken where 2 is demanded', () => {
    expect(holds(signed(NOTIFICATION, '1'), 'v2')).toBe(false);
    expect(holds(signed(NOTIFICATION, '2'), 'v2')).toBe(true);
  });

  it.each([
    ['1', undefined],
    ['2', null],
    [undefined, 'AAAA'],
    [null, null],
    ['3', 'AAAA'],
    ['constructor', 'AAAA'],
    ['', 'AAAA'],
    ['1', ''],
    ['1', 'not base64!'],
    ['1', 'A'.repeat(3000)],
  ])('%j with signature %s are not worth a certificate', (SignatureVersion, Signature) => {
    const envelope = snsEnvelopeOf({ ...NOTIFICATION, SignatureVersion, Signature })!;
    expect(isSignatureAccepted(envelope, 'any')).toBe(false);
    expect(isSignedBy(envelope, KEY, 'any')).toBe(false);
  });
});
