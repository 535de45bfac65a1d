import { type KeyObject } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { resolveOptions } from '../../src/options/resolved-options.js';
import { SnsCertificates } from '../../src/subscription/inbox/sns-certificates.js';
import { certificateUrlOf, subscribeUrlOf } from '../../src/subscription/inbox/sns-url.js';
import { ELLIPTIC, ISSUED_TO_SNS, OUT_OF_DATE, SELF_SIGNED } from '../support/sns-test-key.js';
import { TOPIC_ARN } from './messages.js';

const SIMULATOR = 'http://127.0.0.1:4570';
const FILE = `SimpleNotificationService-${'0123456789abcdef'.repeat(2)}.pem`;
const AT_AWS = `https://sns.us-east-1.amazonaws.com/${FILE}`;

describe('the place of a certificate', () => {
  it.each([
    [AT_AWS, TOPIC_ARN],
    [`https://sns.cn-north-1.amazonaws.com.cn/${FILE}`, 'arn:aws-cn:sns:cn-north-1:111122223333:topic'],
    [`https://sns.us-gov-west-1.amazonaws.com/${FILE}`, 'arn:aws-us-gov:sns:us-gov-west-1:111122223333:topic'],
    [`https://sns.ap-southeast-2.amazonaws.com/${FILE}`, 'arn:aws:sns:ap-southeast-2:111122223333:topic'],
  ])('is %s for %s', (url, topicArn) => {
    expect(certificateUrlOf(url, topicArn, undefined)?.url.href).toBe(url);
  });

  // G14: a bucket may be called "sns", and its region may look like one of SNS's.
  it.each([
    [`https://sns.s3-us-west-2.amazonaws.com/${FILE}`, 'arn:aws:sns:s3-us-west-2:111122223333:topic'],
    [`https://sns.s3-us-west-2.amazonaws.com/${FILE}`, 'arn:aws:sns:us-west-2:111122223333:topic'],
    [`https://sns.eu-west-1.amazonaws.com/${FILE}`, TOPIC_ARN],
    [`https://sns.cn-north-1.amazonaws.com/${FILE}`, 'arn:aws-cn:sns:cn-north-1:111122223333:topic'],
    [`https://sns.us-east-1.amazonaws.com.cn/${FILE}`, TOPIC_ARN],
    [AT_AWS, 'us-east-1'],
  ])('is not %s for %s', (url, topicArn) => {
    expect(certificateUrlOf(url, topicArn, undefined)).toBeNull();
  });

  it.each([
    AT_AWS.replace('https', 'http'),
    AT_AWS.replace('sns.', 's3.'),
    AT_AWS.replace('.com/', '.com.evil.example/'),
    AT_AWS.replace('amazonaws', 'amazonaws-evil'),
    AT_AWS.replace('sns.us-east-1', 'evil.example#sns.us-east-1'),
    AT_AWS.replace('https://', 'https://user@'),
    AT_AWS.replace('https://', 'https://evil.example\\@'),
    AT_AWS.replace('.com/', '.com:8443/'),
    AT_AWS.replace('.com/', '.com./'),
    AT_AWS.replace('us-east-1', 'u.s'),
    AT_AWS.replace('us-east-1', 'bucket.s3.us-east-1'),
    AT_AWS.replace('Simple', 'bucket/Simple'),
    AT_AWS.replace('0123', 'zzzz'),
    AT_AWS.replace('.pem', '.pem/../x'),
    `${AT_AWS}?x=1`,
    `${AT_AWS}#x`,
    `${SIMULATOR}/${FILE}`,
    'file:///etc/passwd',
    'sns.us-east-1.amazonaws.com',
    '',
    undefined,
    `https://sns.us-east-1.amazonaws.com/${'x'.repeat(3000)}`,
  ])('is not %s', (url) => {
    expect(certificateUrlOf(url, TOPIC_ARN, undefined)).toBeNull();
  });

  it('is also at the simulator where one stands in for AWS, under the same path', () => {
    expect(certificateUrlOf(`${SIMULATOR}/${FILE}`, TOPIC_ARN, SIMULATOR)?.isAws).toBe(false);
    expect(certificateUrlOf(`${SIMULATOR}/etc/${FILE}`, TOPIC_ARN, SIMULATOR)).toBeNull();
    expect(certificateUrlOf(`${SIMULATOR.replace('4570', '4571')}/${FILE}`, TOPIC_ARN, SIMULATOR)).toBeNull();
  });
});

describe('the URL that confirms a subscription', () => {
  const confirms = `https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=${TOPIC_ARN}&Token=abc`;
  it('confirms that topic at SNS, and nothing else', () => {
    expect(subscribeUrlOf(confirms, TOPIC_ARN, undefined)?.href).toBe(confirms);
    for (const other of [
      confirms.replace('ConfirmSubscription', 'DeleteTopic'),
      confirms.replace('/?', '/path?'),
      confirms.replace(TOPIC_ARN, `${TOPIC_ARN}-2`),
      confirms.replace('https', 'http'),
      confirms.replace('sns.us-east-1.amazonaws.com', '169.254.169.254'),
    ]) {
      expect(subscribeUrlOf(other, TOPIC_ARN, undefined)).toBeNull();
    }
    expect(subscribeUrlOf(`${SIMULATOR}/confirm`, TOPIC_ARN, SIMULATOR)).not.toBeNull();
  });
});

/** With machine time that a test moves. */
class TimedCertificates extends SnsCertificates {
  now = 0;
  protected override nowMs(): number {
    return this.now;
  }
}

describe('the keys of SNS', () => {
  let certificates: TimedCertificates;
  let fetched: jest.SpiedFunction<typeof fetch>;
  const answering = (answer: () => Response | Promise<Response>): void => {
    fetched.mockImplementation(() => Promise.resolve().then(answer));
  };
  const keyAt = (url: string): Promise<KeyObject> => certificates.keyAt(url, TOPIC_ARN);
  const numbered = (n: number): string => AT_AWS.replace('0123', String(n).padStart(4, '0'));
  const refusal = (call: Promise<unknown>): Promise<unknown> =>
    call.then(
      () => 'no refusal',
      (error: unknown) => [(error as { code: string }).code, (error as { detail: string | null }).detail],
    );

  beforeEach(() => {
    const options = {
      database: { url: 'postgres://x/y' },
      products: [{ productCode: 'a', dimensions: ['b'] }],
      signUpUrl: 'https://x.example',
    };
    certificates = new TimedCertificates(resolveOptions({ ...options, aws: { endpoint: SIMULATOR } }, {}));
    fetched = jest.spyOn(globalThis, 'fetch');
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('are fetched once, however many ask at the same time, without following anybody elsewhere', async () => {
    answering(() => new Response(ISSUED_TO_SNS));
    const keys = await Promise.all([keyAt(AT_AWS), keyAt(AT_AWS)]);
    keys.push(await keyAt(AT_AWS));
    expect(new Set(keys.map((key) => key.export({ type: 'spki', format: 'pem' }))).size).toBe(1);
    expect(fetched).toHaveBeenCalledTimes(1);
    expect(fetched).toHaveBeenCalledWith(new URL(AT_AWS), { redirect: 'error', signal: expect.any(AbortSignal) });
  });

  it('are few in memory, the oldest going first', async () => {
    answering(() => new Response(ISSUED_TO_SNS));
    for (let n = 0; n < 17; n += 1) await keyAt(numbered(n));
    await keyAt(numbered(16));
    expect(fetched).toHaveBeenCalledTimes(17);
    await keyAt(numbered(0));
    expect(fetched).toHaveBeenCalledTimes(18);
  });

  it('are fetched four at once and no more, so that strangers cannot keep us busy', async () => {
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    answering(() => released.then(() => new Response(ISSUED_TO_SNS)));
    const under = [0, 1, 2, 3].map((n) => keyAt(numbered(n)));
    expect(await refusal(keyAt(numbered(4)))).toEqual([
      'CERTIFICATE_UNAVAILABLE',
      '4 certificates are being fetched already',
    ]);
    release();
    await Promise.all(under);
    await keyAt(numbered(4));
  });

  it('are not asked for anywhere else', async () => {
    expect(await refusal(keyAt(`https://evil.example/${FILE}`))).toEqual([
      'SIGNATURE_INVALID',
      'SigningCertURL is not where SNS keeps the certificates of this topic’s region',
    ]);
    expect(fetched).not.toHaveBeenCalled();
  });

  it.each<[string, () => Response | Promise<Response>, string]>([
    ['SNS fails', () => new Response('', { status: 500 }), 'SNS answered 500'],
    ['there is none', () => new Response('', { status: 404 }), 'SNS answered 404'],
    ['the answer is too long', () => new Response('x'.repeat(33_000)), 'SNS answered with more than 32768 bytes'],
    [
      'nobody answers',
      () => Promise.reject(new DOMException('late', 'TimeoutError')),
      'SNS could not be reached (TimeoutError)',
    ],
    [
      'nobody is there',
      () =>
        Promise.reject(
          new TypeError('fetch failed', { cause: Object.assign(new Error('secret url'), { code: 'ENOTFOUND' }) }),
        ),
      'SNS could not be reached (ENOTFOUND)',
    ],
  ])('are asked for again when %s', async (_, answer, detail) => {
    answering(answer);
    expect(await refusal(keyAt(AT_AWS))).toEqual(['CERTIFICATE_UNAVAILABLE', detail]);
    answering(() => new Response(ISSUED_TO_SNS));
    // Not at once: a message that is posted again and again makes no calls of its own.
    certificates.now = 29_999;
    expect(await refusal(keyAt(AT_AWS))).toEqual(['CERTIFICATE_UNAVAILABLE', detail]);
    expect(fetched).toHaveBeenCalledTimes(1);
    certificates.now = 30_000;
    await keyAt(AT_AWS);
  });

  it('are fetched twenty times a minute and no more, whatever strangers name; one that is kept is there all the while', async () => {
    answering(() => new Response(ISSUED_TO_SNS));
    await keyAt(AT_AWS);
    answering(() => new Response('', { status: 404 }));
    for (let n = 1; n < 200; n += 1) await refusal(keyAt(numbered(n)));
    expect(fetched).toHaveBeenCalledTimes(20);
    expect(await refusal(keyAt(numbered(500)))).toEqual([
      'CERTIFICATE_UNAVAILABLE',
      'too many certificates were named this minute',
    ]);
    await keyAt(AT_AWS);
    certificates.now = 60_000;
    for (let n = 1000; n < 1200; n += 1) await refusal(keyAt(numbered(n)));
    expect(fetched).toHaveBeenCalledTimes(40);
  });

  it.each([
    ['runs out', OUT_OF_DATE, 'the certificate has run out, or is not valid yet'],
    ['was issued by its owner to itself', SELF_SIGNED, 'the certificate was not issued to SNS'],
    ['makes no RSA signatures', ELLIPTIC, 'what lies at SigningCertURL is no certificate for RSA signatures'],
    ['is none', 'hello', 'what lies at SigningCertURL is no certificate for RSA signatures'],
  ])('are not taken from a certificate that %s', async (_, pem, detail) => {
    answering(() => new Response(pem));
    expect(await refusal(keyAt(AT_AWS))).toEqual(['SIGNATURE_INVALID', detail]);
  });

  it('of a simulator come in a certificate of its own making', async () => {
    answering(() => new Response(SELF_SIGNED));
    expect((await keyAt(`${SIMULATOR}/${FILE}`)).asymmetricKeyType).toBe('rsa');
  });
});
