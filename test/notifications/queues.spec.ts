import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Alerts, type RootOptions } from '../../src/index.js';
import { AwsClients } from '../../src/aws/aws-clients.js';
import { type QueueAudience, QueueListener, regionOf } from '../../src/aws/queue-listener.js';
import { resolveOptions } from '../../src/options/resolved-options.js';
import { QueueIntake } from '../../src/subscription/inbox/queue-intake.js';
import { migratedDatabase, type TestDatabase } from '../support/postgres.js';
import { eventually, spawnTypescript } from '../support/processes.js';
import { agreementEvent, type Json, legacyMessage, licenseEvent, PRODUCT_CODE, SELLER } from './messages.js';
import { migrate, NotificationHost } from './notification-host.js';
import { type Queue, SqsEmulator } from './sqs-emulator.js';

let sqs: SqsEmulator;
let postgres: TestDatabase;
let queue: Queue;
const hosts: NotificationHost[] = [];

beforeAll(async () => {
  [sqs, postgres] = await Promise.all([SqsEmulator.start(), migratedDatabase(migrate)]);
});
afterEach(async () => {
  sqs.interfere = () => false;
  for (const host of hosts.splice(0)) await host.close();
});
afterAll(async () => {
  await sqs.stop();
  await postgres.drop();
});

/** An application that reads a queue of its own. */
async function reader(options: RootOptions = {}, ways: Json = {}): Promise<NotificationHost> {
  queue = sqs.queue();
  return readerOf(queue, options, ways);
}

async function readerOf({ url }: Queue, options: RootOptions = {}, ways: Json = {}): Promise<NotificationHost> {
  const host = await NotificationHost.start(postgres, 'http://127.0.0.1:9', {
    options: {
      submission: { backoffBaseMs: 1, backoffCapMs: 20 },
      ...options,
      notifications: { sqsQueueUrls: [url], sqsEndpoint: sqs.endpoint, ...ways },
    },
  });
  hosts.push(host);
  return host;
}

const receive = (host: NotificationHost): Promise<void> => host.app.get(QueueIntake).receiveOnce();
const NOTHING = { ready: [], inFlight: [] };
const storedBy = async (host: NotificationHost): Promise<Json[]> =>
  (await host.inbox()).filter((row) => row.received_via === `sqs:${queue.name}`);
const openAlerts = (host: NotificationHost): Promise<Json[]> =>
  host.database.query(
    `SELECT kind, subject FROM marketplace.alert WHERE resolved_at IS NULL AND subject LIKE '%' || $1 || '%'
      ORDER BY subject`,
    [queue.name],
  );

describe('a queue', () => {
  it('may hold events of EventBridge, and messages of topics in their envelope or raw', async () => {
    const host = await reader();
    const event = licenseEvent('License Updated - Manufacturer');
    const raw = licenseEvent('License Deprovisioned - Manufacturer');
    await queue.send(event, legacyMessage('unsubscribe-pending'));
    await queue.topic(`enveloped-${queue.name}`, false).publish(legacyMessage('subscribe-success'));
    await queue.topic(`raw-${queue.name}`, true).publish(raw);
    await receive(host);
    expect((await storedBy(host)).map(({ origin, type, state }) => [origin, type, state]).sort()).toEqual([
      ['eventBridge', 'license.deprovisioned', 'pending'],
      ['eventBridge', 'license.updated', 'pending'],
      ['sns', 'legacy.subscribeSucceeded', 'pending'],
      ['sqs', 'legacy.unsubscribePending', 'pending'],
    ]);
    expect(queue.held).toEqual(NOTHING);
  });

  it('of more than a batch is read until it is empty', async () => {
    const host = await reader();
    for (let n = 0; n < 23; n += 1) await queue.send(agreementEvent('Purchase Agreement Ending - Proposer'));
    await receive(host);
    expect(await storedBy(host)).toHaveLength(23);
    expect(queue.held).toEqual(NOTHING);
  });

  it('of which SQS asks a few servers alone where nobody waits is emptied nevertheless', async () => {
    const host = await reader();
    await queue.send(agreementEvent('Purchase Agreement Ended - Proposer', { status: 'CANCELLED' }));
    sqs.interfere = (operation, response, { WaitTimeSeconds: wait }) => {
      if (operation !== 'ReceiveMessage' || Number(wait ?? 0) > 0) return false;
      response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' }).end('{}');
      return true;
    };
    await receive(host);
    expect(await storedBy(host)).toHaveLength(1);
  });

  it('whose unreadable messages somebody has taken on tells of those that are unreadable for another reason', async () => {
    const host = await reader();
    const told = async (): Promise<number> => {
      const rows = await host.database.query(
        `SELECT FROM marketplace.outbox_event WHERE type = 'alert.raised' AND payload->>'subject' = $1`,
        [`sqs:${queue.name}`],
      );
      return rows.length;
    };
    const takeOn = (): Promise<unknown> =>
      host.app
        .get(Alerts)
        .acknowledge(
          { kind: 'messageDeadLettered', subject: `sqs:${queue.name}` },
          { by: 'ada', note: 'a rule of ours' },
        );
    await queue.send('not json');
    await receive(host);
    await takeOn();
    await queue.send('not json either');
    await receive(host);
    expect(await told()).toBe(1);
    // In one batch with what is known, whichever comes last.
    await queue.send('no json', legacyMessage('subscribe-anew'), 'no json again');
    await receive(host);
    expect(await told()).toBe(2);
    await takeOn();
    await queue.send(legacyMessage('subscribe-anew'));
    await receive(host);
    expect(await told()).toBe(2);
  });

  it('that brings a message twice, at once and later, has it stored once', async () => {
    const host = await reader();
    const event = agreementEvent('Purchase Agreement Ended - Proposer', { status: 'CANCELLED' });
    await queue.send(event, event);
    await receive(host);
    await queue.send(event);
    await receive(host);
    expect(await storedBy(host)).toMatchObject([{ message_id: event.id, type: 'agreement.ended' }]);
    expect(queue.held).toEqual(NOTHING);
  });

  it('that holds poison keeps nobody else waiting: it is dead-lettered under its own id, deleted, and a person is told', async () => {
    const host = await reader();
    await queue.send('<poison/>', agreementEvent('License Updated'));
    const { ready } = queue.held;
    await receive(host);
    expect(await storedBy(host)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          origin: 'sqs',
          message_id: ready[0],
          state: 'deadLettered',
          error: 'the body is not JSON',
        }),
        expect.objectContaining({ origin: 'eventBridge', state: 'pending' }),
      ]),
    );
    expect(queue.held).toEqual(NOTHING);
    expect(await openAlerts(host)).toEqual([{ kind: 'messageDeadLettered', subject: `sqs:${queue.name}` }]);
  });

  it('that holds what the database refuses has it dead-lettered in a form that it can hold, and its neighbours stored', async () => {
    const host = await reader();
    await host.database.query(
      `ALTER TABLE marketplace.inbox_message ADD CONSTRAINT test_refusal CHECK (body NOT LIKE '%refuse me%')`,
    );
    await queue.send(agreementEvent('License Updated'), agreementEvent('refuse me'), agreementEvent('License Updated'));
    await receive(host);
    await host.database.query(`ALTER TABLE marketplace.inbox_message DROP CONSTRAINT test_refusal`);
    const stored = await storedBy(host);
    expect(stored.map(({ state }) => state).sort()).toEqual(['deadLettered', 'pending', 'pending']);
    expect(stored.find(({ state }) => state === 'deadLettered')?.error).toMatch(
      /^kept in base64, since the database refused it/,
    );
    expect(queue.held).toEqual(NOTHING);
  });

  it.each([
    ['backslash and u0000 as plain text', 'six characters: \\u0000'],
    ['NUL', 'one character: \0'],
    ['half of a pair', 'half: \ud83d'],
    ['backslash before NUL', 'both: \\\0'],
  ])(
    'that holds %s among ten messages has all ten stored, and what it says of the agreement is heard (G11)',
    async (_, odd) => {
      const host = await reader();
      const messages = Array.from({ length: 10 }, (_none, index) =>
        agreementEvent(
          'Purchase Agreement Created - Proposer',
          {},
          index === 4 ? { offer: { id: odd, note: odd } } : {},
        ),
      );
      await queue.send(...messages);
      await receive(host);
      expect(await storedBy(host)).toHaveLength(10);
      expect(
        (await storedBy(host)).every(({ state, type }) => state === 'pending' && type === 'agreement.created'),
      ).toBe(true);
      expect(queue.held).toEqual(NOTHING);
    },
  );

  it('that brings messages of foreign topics and accounts has them dead-lettered, where the options name topics', async () => {
    const host = await reader({}, { snsTopicArns: [`arn:aws:sns:us-east-1:${SELLER}:other`] });
    await queue.topic(`foreign-${queue.name}`, false).publish(legacyMessage('unsubscribe-success'));
    await queue.send(agreementEvent('Purchase Agreement Ended', {}, {}, { account: '666666666666' }));
    await receive(host);
    expect((await storedBy(host)).map(({ state, error }) => [state, error]).sort()).toEqual([
      ['deadLettered', `the event is one of account …6666, not of the seller's`],
      ['deadLettered', `topic foreign-${queue.name} of account …0000 is not in notifications.snsTopicArns`],
    ]);
    expect(queue.held).toEqual(NOTHING);
  });
});

describe('a message', () => {
  it('is deleted only after its commit', async () => {
    const host = await reader();
    const event = agreementEvent('License Updated');
    await queue.send(event);
    const committed: unknown[] = [];
    sqs.interfere = async (operation) => {
      if (operation === 'DeleteMessageBatch') committed.push(...(await storedBy(host)));
      return false;
    };
    await receive(host);
    expect(committed).toMatchObject([{ message_id: event.id }]);
  });

  it('stays in the queue while the database is away, is not fetched again and again, and is stored when it is back', async () => {
    const host = await reader({ jobs: { autoStart: true } });
    const away = (['transaction', 'query'] as const).map((way) =>
      jest.spyOn(host.database, way).mockRejectedValue(new Error('the database is away')),
    );
    const event = agreementEvent('License Updated');
    await queue.send(event);
    const [, asked] = away;
    const askedAgain = async (): Promise<void> => {
      const before = asked?.mock.calls.length ?? 0;
      await eventually('the database was asked several times', () => (asked?.mock.calls.length ?? 0) > before + 5);
    };
    try {
      // A wait for messages that had begun may have brought it once.
      await askedAgain();
      await queue.reveal();
      await askedAgain();
      expect(queue.held).toEqual({ ready: [expect.any(String)], inFlight: [] });
    } finally {
      for (const way of away) way.mockRestore();
    }
    await eventually(
      'the message was stored and deleted',
      () => queue.held.ready.length + queue.held.inFlight.length === 0,
    );
    expect(await storedBy(host)).toMatchObject([
      { message_id: event.id, state: expect.stringMatching(/pending|waiting/) },
    ]);
  });

  it('whose reader was killed between commit and deletion comes again, and changes nothing', async () => {
    const host = await reader();
    const event = agreementEvent('License Deprovisioned');
    await queue.send(event);
    const atDeletion = new Promise<void>((resolve) => {
      sqs.interfere = (operation) => {
        if (operation !== 'DeleteMessageBatch') return false;
        resolve();
        return true;
      };
    });
    const child = spawnTypescript('test/notifications/queue-replica.ts', [
      JSON.stringify({
        database: { url: postgres.url, poolSize: 2 },
        sellerAccount: SELLER,
        products: [{ productCode: PRODUCT_CODE, dimensions: ['requests'], identity: 'legacy' }],
        signUpUrl: 'https://app.example.com/sign-up',
        notifications: { sqsQueueUrls: [queue.url], sqsEndpoint: sqs.endpoint },
      }),
    ]);
    const ended = new Promise<NodeJS.Signals | null>((resolve) =>
      child.once('exit', (_, signal) => {
        resolve(signal);
      }),
    );
    await Promise.race([atDeletion, ended]);
    child.kill('SIGKILL');
    expect(await ended).toBe('SIGKILL');
    const stored = await storedBy(host);
    expect(stored).toMatchObject([{ message_id: event.id, state: 'pending' }]);
    expect(queue.held.inFlight).toHaveLength(1);

    sqs.interfere = () => false;
    await queue.reveal();
    await receive(host);
    expect(await storedBy(host)).toEqual(stored);
    expect(queue.held).toEqual(NOTHING);
  });
});

describe('a listener', () => {
  it('runs by itself where jobs do, and hears at once', async () => {
    const host = await reader({ jobs: { autoStart: true } });
    await eventually('it waits for messages', () => sqs.calls.includes('ReceiveMessage'));
    await queue.send(agreementEvent('License Updated'));
    await eventually('the message was deleted', () => queue.held.ready.length + queue.held.inFlight.length === 0);
    expect(await storedBy(host)).toHaveLength(1);
  });

  it('ends a wait for messages with the application', async () => {
    sqs.calls.length = 0;
    const host = await reader({ jobs: { autoStart: true } });
    await eventually('it waits for messages', () => sqs.calls.includes('ReceiveMessage'));
    const before = performance.now();
    await hosts.pop()?.close();
    expect(performance.now() - before).toBeLessThan(10_000);
    expect(host.database.dataSource.isInitialized).toBe(false);
  });

  it('stores and deletes what it has received before the application ends', async () => {
    const host = await reader({ jobs: { autoStart: true } });
    let closing: Promise<void> | undefined;
    sqs.interfere = (operation) => {
      if (operation === 'DeleteMessageBatch') closing ??= hosts.pop()?.close();
      return false;
    };
    await queue.send(agreementEvent('License Updated'));
    await eventually('it is closing', () => closing !== undefined);
    await closing;
    expect(queue.held).toEqual(NOTHING);
    expect(host.database.dataSource.isInitialized).toBe(false);
  });

  it('that may not read raises an alert, asks seldom, and goes on when it may', async () => {
    const denied = {
      __type: 'com.amazonaws.sqs#AccessDeniedException',
      message: `User: arn:aws:iam::${SELLER}:role/app is not authorized`,
    };
    sqs.interfere = (operation, response) => {
      if (operation !== 'ReceiveMessage') return false;
      response.writeHead(403, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(denied));
      return true;
    };
    sqs.calls.length = 0;
    const host = await reader({ jobs: { autoStart: true }, submission: { backoffBaseMs: 200, backoffCapMs: 60_000 } });
    await eventually('the alert is raised', async () => (await openAlerts(host)).length === 1);
    expect(await openAlerts(host)).toEqual([{ kind: 'setupError', subject: `queue ${queue.name}: ReceiveMessage` }]);
    const [alert] = await host.database.query<{ message: string }>(
      `SELECT message FROM marketplace.alert WHERE subject = 'queue ${queue.name}: ReceiveMessage'`,
    );
    expect(alert?.message).toMatch(/AccessDenied.*sqs:ReceiveMessage/s);
    expect(alert?.message).not.toContain(SELLER);
    expect(sqs.calls.filter((operation) => operation === 'ReceiveMessage').length).toBeLessThan(5);

    sqs.interfere = () => false;
    await queue.send(agreementEvent('License Updated'));
    await eventually('the message was stored', async () => (await storedBy(host)).length === 1);
    await eventually('the alert is resolved', async () => (await openAlerts(host)).length === 0);
  });

  it('of a queue that does not exist says so', async () => {
    const host = await reader();
    sqs.server.deleteQueue(queue.name);
    await expect(receive(host)).rejects.toThrow(/queue/i);
    expect(await openAlerts(host)).toEqual([{ kind: 'setupError', subject: `queue ${queue.name}: ReceiveMessage` }]);
  });

  it('that may not delete keeps the alert, however well it reads', async () => {
    const host = await reader();
    await queue.send(agreementEvent('License Updated'));
    sqs.interfere = (operation, response) => {
      if (operation !== 'DeleteMessageBatch') return false;
      response
        .writeHead(403, { 'content-type': 'application/x-amz-json-1.0' })
        .end(JSON.stringify({ __type: 'AccessDeniedException' }));
      return true;
    };
    await expect(receive(host)).rejects.toThrow();
    await receive(host);
    expect(await openAlerts(host)).toEqual([
      { kind: 'setupError', subject: `queue ${queue.name}: DeleteMessageBatch` },
    ]);
    sqs.interfere = () => false;
    await queue.reveal();
    await receive(host);
    expect(await openAlerts(host)).toEqual([]);
  });

  it('keeps messages hidden from others for as long as they are worked on', async () => {
    queue = sqs.queue();
    await queue.send('a', 'b');
    const options = resolveOptions(
      {
        ...{
          database: { url: 'postgres://x/y' },
          signUpUrl: 'https://x.example',
          products: [{ productCode: 'a', dimensions: ['b'] }],
        },
        notifications: { sqsQueueUrls: [queue.url], sqsEndpoint: sqs.endpoint },
        aws: { credentials: () => Promise.resolve({ accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret' }) },
      },
      {},
    );
    const worked: string[] = [];
    const audience: QueueAudience = {
      receive: async (messages) => {
        const until = queue.hiddenUntil;
        await eventually('the time was renewed', () => queue.hiddenUntil > until);
        worked.push(...messages.map(({ body }) => body));
        // Only the first is safe: only the first goes.
        return new Set(messages.slice(0, 1).map(({ id }) => id));
      },
      isReady: async () => true,
      failed: async (operation) => {
        throw new Error(operation);
      },
      works: async () => undefined,
    };
    await new QueueListener(queue.url, options, new AwsClients(options), audience, {
      waitSeconds: 0,
      visibilitySeconds: 30,
      heartbeatSeconds: 0.05,
    }).drain();
    expect(worked.sort()).toEqual(['a', 'b']);
    expect(queue.held).toEqual({ ready: [], inFlight: [expect.any(String)] });
  });
});

describe('the region of a queue', () => {
  it.each([
    ['https://sqs.eu-central-1.amazonaws.com/123456789012/q', 'eu-central-1'],
    ['https://sqs.us-gov-west-1.amazonaws.com/123456789012/q', 'us-gov-west-1'],
    ['https://sqs.cn-north-1.amazonaws.com.cn/123456789012/q', 'cn-north-1'],
    ['https://sqs-fips.us-east-2.amazonaws.com/123456789012/q', 'us-east-2'],
    ['https://vpce-1-2.sqs.us-west-2.vpce.amazonaws.com/123456789012/q', 'us-west-2'],
    ['https://us-west-1.queue.amazonaws.com/123456789012/q', 'us-west-1'],
    ['http://sqs.eu-west-1.localhost:4566/000000000000/q', 'eu-west-1'],
    ['https://queue.amazonaws.com/123456789012/q', 'us-east-1'],
    ['http://localhost:4566/000000000000/q', 'us-east-1'],
  ])('of %s is %s', (url, region) => {
    expect(regionOf(url, 'us-east-1')).toBe(region);
  });
});
