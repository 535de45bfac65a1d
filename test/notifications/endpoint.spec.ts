import { createConnection } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  type CanActivate,
  type DynamicModule,
  type ExecutionContext,
  type INestApplication,
  Injectable,
  Logger,
  type LoggerService,
  type NestInterceptor,
  type PipeTransform,
  SetMetadata,
  VersioningType,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE, Reflector } from '@nestjs/core';
import { map } from 'rxjs';
import { SnsCertificates } from '../../src/subscription/inbox/sns-certificates.js';
import { migratedDatabase, type TestDatabase } from '../support/postgres.js';
import {
  agreementEvent,
  eventBridgeEvent,
  type Json,
  legacyMessage,
  messageId,
  SELLER,
  snsEnvelope,
  TOPIC_ARN,
} from './messages.js';
import {
  type Adapter,
  ADAPTERS,
  type HostSettings,
  migrate,
  NotificationHost,
  SECRETS,
  SnsStandIn,
} from './notification-host.js';
import { signed } from './sns-signer.js';

let postgres: TestDatabase;
let sns: SnsStandIn;
const hosts: NotificationHost[] = [];

beforeAll(async () => {
  [postgres, sns] = await Promise.all([migratedDatabase(migrate), SnsStandIn.start()]);
});
afterAll(async () => {
  await sns.stop();
  await postgres.drop();
});

async function hostWith(settings: HostSettings = {}): Promise<NotificationHost> {
  const host = await NotificationHost.start(postgres, sns.origin, settings);
  hosts.push(host);
  return host;
}

const envelope = (rest: Json = {}, message: unknown = legacyMessage('subscribe-success')): Json =>
  snsEnvelope(message, { SigningCertURL: sns.certificateUrl(), ...rest });
const confirmation = (rest: Json = {}): Json =>
  envelope({
    Type: 'SubscriptionConfirmation',
    Token: 'a-token',
    SubscribeURL: `${sns.origin}/?confirm=${messageId()}`,
    ...rest,
  });
const answerOf = async (response: Response): Promise<unknown[]> => {
  const { errorCode, outcome } = (await response.json()) as { errorCode?: string; outcome?: string };
  return [response.status, outcome ?? errorCode];
};

describe.each(ADAPTERS)('on %s', (adapter) => {
  let host: NotificationHost;
  beforeAll(async () => {
    host = await hostWith({ adapter });
  });
  beforeEach(() => {
    sns.status = 200;
    sns.asked.length = 0;
  });
  afterAll(async () => {
    for (const running of hosts.splice(0)) await running.close();
  });

  it.each(['1', '2'] as const)(
    'a message that SNS signed by version %s is stored once, however often it comes',
    async (version) => {
      const message = signed(envelope(), version);
      expect(await answerOf(await host.postSns(message))).toEqual([200, 'received']);
      expect(await answerOf(await host.postSns(message))).toEqual([200, 'repeated']);
      const stored = (await host.inbox()).filter((row) => row.message_id === message.MessageId);
      expect(stored).toEqual([
        {
          origin: 'sns',
          message_id: message.MessageId,
          received_via: 'https',
          type: 'legacy.subscribeSucceeded',
          state: 'pending',
          error: null,
        },
      ]);
    },
  );

  it('a certificate is fetched once for many messages', async () => {
    const other = { SigningCertURL: sns.certificateUrl(adapter.length) };
    for (let n = 0; n < 3; n += 1) expect((await host.postSns(signed(envelope(other), '2'))).status).toBe(200);
    expect(sns.asked).toHaveLength(1);
  });

  it('an event of EventBridge is taken with either of two secrets, also through a topic, and is one message by any way', async () => {
    const event = agreementEvent('Purchase Agreement Created - Proposer');
    expect(await answerOf(await host.postEvent(event, SECRETS[0]))).toEqual([200, 'received']);
    expect(await answerOf(await host.postEvent(event, SECRETS[1]))).toEqual([200, 'repeated']);
    expect(await answerOf(await host.postSns(signed(envelope({}, event), '2')))).toEqual([200, 'repeated']);
    const stored = (await host.inbox()).filter((row) => row.message_id === event.id);
    expect(stored).toMatchObject([{ origin: 'eventBridge', type: 'agreement.created', state: 'pending' }]);
  });

  it('what cannot be read but proves where it comes from is kept for a person, what is of no concern is kept as such', async () => {
    const odd = { answer: messageId() };
    expect(await answerOf(await host.postEvent(odd, SECRETS[0]))).toEqual([200, 'received']);
    expect(await answerOf(await host.postEvent(odd, SECRETS[0]))).toEqual([200, 'repeated']);
    const elsewhere = eventBridgeEvent('Something', {}, { source: 'aws.ec2' });
    expect(await answerOf(await host.postEvent(elsewhere, SECRETS[0]))).toEqual([200, 'received']);
    const states = (await host.inbox()).filter((row) => row.origin === 'http' || row.message_id === elsewhere.id);
    expect(states.map((row) => [row.state, row.type])).toEqual(
      expect.arrayContaining([
        ['deadLettered', null],
        ['ignored', null],
      ]),
    );
  });

  it.each([
    ['backslash and u0000 as plain text', 'six characters: \\u0000'],
    ['NUL', 'one character: \0'],
    ['half of a pair', 'half: \ud83d'],
  ])('an event that holds %s is received, from EventBridge and through a topic (G11)', async (_, odd) => {
    const events = [0, 1].map(() =>
      agreementEvent('Purchase Agreement Created - Proposer', {}, { offer: { id: odd } }),
    );
    expect(await answerOf(await host.postEvent(events[0]!, SECRETS[0]))).toEqual([200, 'received']);
    expect(await answerOf(await host.postSns(signed(envelope({}, events[1]!), '2')))).toEqual([200, 'received']);
    const stored = (await host.inbox()).filter((row) => events.some(({ id }) => id === row.message_id));
    expect(stored.map(({ type, state }) => [type, state])).toEqual([
      ['agreement.created', 'pending'],
      ['agreement.created', 'pending'],
    ]);
  });

  describe('D40: leaves no trace of', () => {
    const foreignTopic = 'arn:aws:sns:us-east-1:666666666666:aws-mp-subscription-notification-evil';
    const ago = (ms: number): Json => ({ Timestamp: new Date(Date.parse('2026-11-11T10:00:00Z') - ms).toISOString() });
    const DAY = 24 * 3_600_000;

    it.each<[string, (to: NotificationHost) => Promise<Response>, number, string]>([
      [
        'a forged message',
        (to) => to.postSns({ ...signed(envelope(), '2'), Message: '{"action":"unsubscribe-success"}' }),
        403,
        'SIGNATURE_INVALID',
      ],
      ['a message without signature', (to) => to.postSns(envelope({ Signature: null })), 403, 'SIGNATURE_INVALID'],
      [
        'a message of another key',
        (to) => to.postSns(envelope({ Signature: 'A'.repeat(342) + '==' })),
        403,
        'SIGNATURE_INVALID',
      ],
      [
        'a message that brings its own certificate',
        (to) =>
          to.postSns(
            signed(envelope({ SigningCertURL: `${to.origin}/SimpleNotificationService-${'0'.repeat(32)}.pem` }), '2'),
          ),
        403,
        'SIGNATURE_INVALID',
      ],
      [
        'a message of a foreign topic',
        (to) => to.postSns(signed(envelope({ TopicArn: foreignTopic }), '2')),
        403,
        'TOPIC_FOREIGN',
      ],
      [
        'a message of a topic in disguise',
        (to) => to.postSns(signed(envelope({ TopicArn: `${TOPIC_ARN}\n` }), '2')),
        403,
        'TOPIC_FOREIGN',
      ],
      [
        'a message that is replayed after a day',
        (to) => to.postSns(signed(envelope(ago(DAY + 1000)), '2')),
        403,
        'MESSAGE_EXPIRED',
      ],
      ['a message from the future', (to) => to.postSns(signed(envelope(ago(-301_000)), '2')), 403, 'MESSAGE_EXPIRED'],
      ['a message of no time', (to) => to.postSns(signed(envelope({ Timestamp: 'now' }), '2')), 403, 'MESSAGE_EXPIRED'],
      [
        'an event of a foreign account',
        (to) => to.postEvent(agreementEvent('License Updated', {}, {}, { account: '666666666666' }), SECRETS[0]),
        403,
        'ACCOUNT_FOREIGN',
      ],
      [
        'an event of a foreign account through a topic',
        (to) => to.postSns(signed(envelope({}, agreementEvent('x', {}, {}, { account: '666666666666' })), '2')),
        403,
        'ACCOUNT_FOREIGN',
      ],
      [
        'an event with a wrong secret',
        (to) => to.postEvent(agreementEvent('License Updated'), `${SECRETS[0]!}x`),
        403,
        'SECRET_INVALID',
      ],
      [
        'an event with an empty secret',
        (to) => to.postEvent(agreementEvent('License Updated'), ''),
        403,
        'SECRET_INVALID',
      ],
      ['an event without secret', (to) => to.postEvent(agreementEvent('License Updated')), 403, 'SECRET_INVALID'],
      [
        'a raw message of a topic, which bears no signature',
        (to) => to.postSns(legacyMessage('unsubscribe-success')),
        403,
        'SECRET_INVALID',
      ],
      [
        'an SNS message with a secret in place of a signature',
        (to) => to.post(envelope(), { 'x-marketplace-secret': SECRETS[0]! }),
        403,
        'SIGNATURE_INVALID',
      ],
      ['text', (to) => to.postSns('hello'), 400, 'BODY_INVALID'],
      ['nothing', (to) => to.postSns(''), 400, 'BODY_INVALID'],
      ['too much', (to) => to.postSns(envelope({ Message: 'x'.repeat(256 * 1024) })), 413, 'BODY_TOO_LARGE'],
      [
        'a confirmation of a foreign topic',
        (to) => to.postSns(signed(confirmation({ TopicArn: foreignTopic }), '2')),
        403,
        'TOPIC_FOREIGN',
      ],
      [
        'a forged confirmation',
        (to) => to.postSns({ ...signed(confirmation(), '2'), Token: 'another' }),
        403,
        'SIGNATURE_INVALID',
      ],
      [
        'a confirmation elsewhere',
        (to) => to.postSns(signed(confirmation({ SubscribeURL: `${to.origin}/x` }), '2')),
        403,
        'SIGNATURE_INVALID',
      ],
      [
        'the forged end of a subscription',
        (to) => to.postSns(envelope({ Type: 'UnsubscribeConfirmation' })),
        403,
        'SIGNATURE_INVALID',
      ],
    ])('%s', async (_, send, status, errorCode) => {
      const before = await host.trace();
      const response = await send(host);
      expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
      expect(await answerOf(response)).toEqual([status, errorCode]);
      expect(await host.trace()).toEqual(before);
      expect(sns.confirmations()).toEqual([]);
    });

    it('what claims to be small and is not', async () => {
      const before = await host.trace();
      const { hostname, port } = new URL(host.origin);
      const socket = createConnection(Number(port), hostname);
      const answer = new Promise<string>((resolve) =>
        socket.once('data', (data) => {
          resolve(data.toString());
        }),
      );
      socket.write(
        'POST /marketplace/notifications HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nTransfer-Encoding: ' +
          'chunked\r\n\r\n',
      );
      for (let n = 0; n < 5; n += 1) socket.write(`10000\r\n${'{'.repeat(0x10000)}\r\n`);
      socket.write('0\r\n\r\n');
      expect(await answer).toMatch(/^HTTP\/1\.1 413 /);
      socket.destroy();
      expect(await host.trace()).toEqual(before);
    });
  });

  it('says 503, so that AWS tries again, when the certificate cannot be had', async () => {
    const message = signed(envelope({ SigningCertURL: sns.certificateUrl(100 + adapter.length) }), '2');
    sns.status = 500;
    const refused = await host.postSns(message);
    expect(refused.headers.get('retry-after')).toBe('30');
    expect(await answerOf(refused)).toEqual([503, 'CERTIFICATE_UNAVAILABLE']);
    sns.status = 200;
    expect(await answerOf(await host.postSns(message))).toEqual([503, 'CERTIFICATE_UNAVAILABLE']);
    // As many seconds later as AWS was asked to wait.
    const certificates = host.app.get<unknown, { nowMs: () => number }>(SnsCertificates);
    const later = certificates.nowMs() + 30_000;
    const time = jest.spyOn(certificates, 'nowMs').mockReturnValue(later);
    expect(await answerOf(await host.postSns(message))).toEqual([200, 'received']);
    time.mockRestore();
  });

  it('confirms the subscription of a topic of ours, and says 503 as long as SNS does not', async () => {
    const message = signed(confirmation(), '2');
    expect((await host.postSns(signed(envelope(), '1'))).status).toBe(200);
    sns.status = 500;
    expect(await answerOf(await host.postSns(message))).toEqual([503, 'CONFIRMATION_FAILED']);
    sns.status = 200;
    expect(await answerOf(await host.postSns(message))).toEqual([200, 'confirmed']);
    expect(sns.confirmations()).toEqual(
      [1, 2].map(() => new URL(message.SubscribeURL as string).href.slice(sns.origin.length)),
    );
  });

  it('raises an alert when the subscription of a topic is ended, until it is confirmed again', async () => {
    const open = (): Promise<Json[]> =>
      host.database.query(
        `SELECT kind, subject, severity FROM marketplace.alert WHERE resolved_at IS NULL AND kind = 'setupError'`,
      );
    expect(
      await answerOf(await host.postSns(signed({ ...confirmation(), Type: 'UnsubscribeConfirmation' }, '2'))),
    ).toEqual([200, 'unsubscribed']);
    expect(sns.confirmations()).toEqual([]);
    expect(await open()).toEqual([
      { kind: 'setupError', subject: 'topic aws-mp-subscription-notification-abc123def456', severity: 'critical' },
    ]);
    expect((await host.postSns(signed(confirmation(), '2'))).status).toBe(200);
    expect(await open()).toEqual([]);
  });

  it('takes only version 2 where that is demanded', async () => {
    const strict = await hostWith({
      adapter,
      options: { notifications: { snsTopicArns: [TOPIC_ARN], snsSignature: 'v2' } },
    });
    expect(await answerOf(await strict.postSns(signed(envelope(), '1')))).toEqual([403, 'SIGNATURE_INVALID']);
    expect(await answerOf(await strict.postSns(signed(envelope(), '2')))).toEqual([200, 'received']);
    expect(await answerOf(await strict.postEvent(agreementEvent('License Updated'), SECRETS[0]))).toEqual([
      403,
      'SECRET_INVALID',
    ]);
  });

  it('takes older messages where the options say so', async () => {
    const patient = await hostWith({
      adapter,
      options: { notifications: { snsTopicArns: [TOPIC_ARN], maxAgeMs: 3 * 24 * 3_600_000 } },
    });
    const late = signed(envelope({ Timestamp: '2026-11-09T10:00:00Z' }), '2');
    expect(await answerOf(await patient.postSns(late))).toEqual([200, 'received']);
  });

  it('is closed where no way in is open, and not there where it is left out', async () => {
    const closed = await hostWith({ adapter, options: { notifications: {} } });
    expect(await answerOf(await closed.postSns(signed(envelope(), '2')))).toEqual([403, 'NOTIFICATIONS_CLOSED']);
    const without = await hostWith({ adapter, options: { notifications: false } });
    expect((await without.postSns(signed(envelope(), '2'))).status).toBe(404);
  });

  it('says 503 when the database is away, and 200 when it is back', async () => {
    const away = await hostWith({ adapter });
    const message = signed(envelope(), '2');
    const { dataSource } = away.database;
    await dataSource.destroy();
    expect(await answerOf(await away.postSns(message))).toEqual([503, 'NOTIFICATION_FAILED']);
    expect(await answerOf(await away.postEvent(agreementEvent('License Updated'), SECRETS[0]))).toEqual([
      503,
      'NOTIFICATION_FAILED',
    ]);
    await dataSource.initialize();
    expect(await answerOf(await away.postSns(message))).toEqual([200, 'received']);
  });
});

describe.each(ADAPTERS)('a host on %s', (adapter) => {
  afterEach(async () => {
    for (const running of hosts.splice(0)) await running.close();
  });

  async function outcomesOf(settings: HostSettings, path?: string): Promise<unknown[]> {
    const host = await hostWith({ adapter, ...settings });
    return [
      (await host.postSns(signed(envelope(), '2'), path)).status,
      (await host.postEvent(agreementEvent('License Updated'), SECRETS[0], path)).status,
      await answerOf(await host.postEvent(agreementEvent('License Updated'), 'x', path)),
    ];
  }
  const works = [200, 200, [403, 'SECRET_INVALID']];

  it('with strict pipes, an envelope and filters of its own changes nothing', async () => {
    expect(await outcomesOf({ module: ENHANCERS })).toEqual(works);
  });

  it('with a global prefix, versioned URIs and a path of its choice finds it there', async () => {
    const configure = (app: INestApplication): void => {
      app.setGlobalPrefix('api').enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });
    };
    const notifications = { snsTopicArns: [TOPIC_ARN], eventBridgeSecrets: SECRETS, path: 'aws/word' };
    expect(await outcomesOf({ configure, options: { notifications } }, '/api/aws/word')).toEqual(works);
  });

  it('with a guard on everything opens it by its own decorator', async () => {
    const module = { providers: [Reflector, { provide: APP_GUARD, useClass: ClosedGuard }] };
    expect(await outcomesOf({ module })).toMatchObject([403, 403, [403, undefined]]);
    expect(await outcomesOf({ module, options: { decorators: [SetMetadata('public', true)] } })).toEqual(works);
  });

  it('with rawBody changes nothing', async () => {
    expect(await outcomesOf({ nest: { rawBody: true } })).toEqual(works);
  });
});

describe('what is said and logged', () => {
  afterEach(async () => {
    Logger.overrideLogger(false);
    for (const running of hosts.splice(0)) await running.close();
  });

  it.each<Adapter>(['express', 'fastify'])(
    'on %s holds no secret, token, account id or URL of a stranger, and does not grow with every try',
    async (adapter) => {
      const host = await hostWith({ adapter });
      const lines: string[] = [];
      const listener = (...words: unknown[]): void => {
        lines.push(words.map((word) => (typeof word === 'string' ? word : JSON.stringify(word))).join(' '));
      };
      Logger.overrideLogger(
        Object.fromEntries(
          ['log', 'error', 'warn', 'debug', 'verbose', 'fatal'].map((level) => [level, listener]),
        ) as unknown as LoggerService,
      );
      const strangers = 'https://evil.example/SimpleNotificationService-0.pem';
      const answers = [
        await host.postEvent(agreementEvent('License Updated'), 'a-wrong-secret-of-somebody'),
        await host.postEvent(agreementEvent('License Updated', {}, {}, { account: '666666666666' }), SECRETS[0]),
        await host.postSns(signed(envelope({ SigningCertURL: strangers }), '2')),
        await host.postSns(signed(confirmation({ SubscribeURL: 'https://evil.example/?Token=a-token' }), '2')),
        await host.postSns(signed(confirmation(), '2')),
      ];
      for (let n = 0; n < 30; n += 1) answers.push(await host.postEvent('{}', 'guess'));
      const said = [...lines, ...(await Promise.all(answers.map((answer) => answer.text())))].join('\n');
      expect(lines.filter((line) => line.includes('SECRET_INVALID'))).toHaveLength(5);
      expect(lines.join('\n')).toContain('the subscription of an SNS topic is confirmed');
      for (const hidden of [
        'a-wrong-secret',
        ...SECRETS,
        'a-token',
        'evil.example',
        '666666666666',
        SELLER,
        sns.origin,
      ])
        expect(said).not.toContain(hidden);
    },
  );
});

describe('a host without body parsers', () => {
  afterEach(async () => {
    for (const running of hosts.splice(0)) await running.close();
  });

  it('on express leaves the body to the module, bounds included', async () => {
    const host = await hostWith({ nest: { bodyParser: false } });
    expect(await answerOf(await host.postSns(signed(envelope(), '2')))).toEqual([200, 'received']);
    expect(await answerOf(await host.postEvent(agreementEvent('License Updated'), SECRETS[0]))).toEqual([
      200,
      'received',
    ]);
    expect((await host.postSns(envelope({ Message: 'x'.repeat(256 * 1024) }))).status).toBe(413);
  });
});

/** Refuses every value, as a ValidationPipe with forbidNonWhitelisted does with fields it was not told of. */
class StrictPipe implements PipeTransform {
  transform(): never {
    throw new Error('property Type should not exist');
  }
}
class EnvelopeInterceptor implements NestInterceptor {
  intercept: NestInterceptor['intercept'] = (_, next) => next.handle().pipe(map((data: unknown) => ({ data })));
}
class TeapotFilter {
  catch(
    _: unknown,
    host: { switchToHttp(): { getResponse(): { status(code: number): { send(body: string): void } } } },
  ): void {
    host.switchToHttp().getResponse().status(418).send('the host has caught it');
  }
}
@Injectable()
class ClosedGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}
  canActivate(context: ExecutionContext): boolean {
    return this.reflector.get<boolean | undefined>('public', context.getClass()) === true;
  }
}
const ENHANCERS: Partial<DynamicModule> = {
  providers: [
    { provide: APP_PIPE, useClass: StrictPipe },
    { provide: APP_INTERCEPTOR, useClass: EnvelopeInterceptor },
    { provide: APP_FILTER, useClass: TeapotFilter },
  ],
};
