import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { type DynamicModule, type INestApplication, Module, type NestApplicationOptions } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { VirtualClock } from 'aws-marketplace-simulator';
import { MarketplaceMeteringModule, type RootOptions } from '../../src/index.js';
import { LedgerDatabase } from '../../src/database/ledger-database.js';
import { migrate, START, testCredentials } from '../support/ledger-harness.js';
import { type TestDatabase } from '../support/postgres.js';
import { SELF_SIGNED } from '../support/sns-test-key.js';
import { type Json, PRODUCT_CODE, SELLER, TOPIC_ARN } from './messages.js';

export { migrate };
export const ADAPTERS = ['express', 'fastify'] as const;
export type Adapter = (typeof ADAPTERS)[number];
export const SECRETS = ['the-old-secret-0123456789abcdef', 'the-new-secret-0123456789abcdef'];

/** Stands in for SNS as a simulator would: it serves the certificate, and hears of confirmations. */
export class SnsStandIn {
  readonly asked: string[] = [];
  /** Status of the next answers. */
  status = 200;

  private constructor(
    private readonly server: Server,
    readonly origin: string,
  ) {}

  static async start(): Promise<SnsStandIn> {
    const server = createServer((request, response) => {
      standIn.asked.push(request.url ?? '');
      response.writeHead(standIn.status).end(SELF_SIGNED);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const standIn = new SnsStandIn(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    return standIn;
  }

  /** Each under a URL of its own, as SNS gives a new certificate a new one. */
  certificateUrl(n = 0): string {
    return `${this.origin}/SimpleNotificationService-${String(n).padStart(32, '0')}.pem`;
  }

  confirmations(): string[] {
    return this.asked.filter((url) => !url.endsWith('.pem'));
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

@Module({})
class HostModule {}

export interface HostSettings {
  adapter?: Adapter;
  options?: RootOptions;
  nest?: NestApplicationOptions;
  module?: Partial<DynamicModule>;
  /** What a host does to its application before it listens. */
  configure?: (app: INestApplication) => unknown;
}

/** An application of a stranger with the module in it. */
export class NotificationHost {
  private constructor(
    readonly app: INestApplication,
    readonly origin: string,
  ) {}

  static async start(
    postgres: TestDatabase,
    awsEndpoint: string,
    settings: HostSettings = {},
  ): Promise<NotificationHost> {
    const { adapter = 'express', options = {}, nest = {}, module = {}, configure } = settings;
    const metering = MarketplaceMeteringModule.forRoot({
      database: { url: postgres.url, poolSize: 4 },
      sellerAccount: SELLER,
      products: [{ productCode: PRODUCT_CODE, dimensions: ['requests'], identity: 'legacy' }],
      signUpUrl: 'https://app.example.com/sign-up',
      clock: new VirtualClock({ startAt: START, rate: 0 }),
      jobs: { autoStart: false },
      aws: { endpoint: awsEndpoint, credentials: testCredentials },
      ...options,
      notifications: options.notifications ?? { snsTopicArns: [TOPIC_ARN], eventBridgeSecrets: SECRETS },
    });
    const root: DynamicModule = { module: HostModule, ...module, imports: [metering] };
    const given = { logger: false, abortOnError: false, ...nest } as const;
    const app =
      adapter === 'express'
        ? await NestFactory.create(root, given)
        : await NestFactory.create(root, new FastifyAdapter(), given);
    await configure?.(app);
    await app.listen(0, '127.0.0.1');
    return new NotificationHost(app, await app.getUrl());
  }

  get database(): LedgerDatabase {
    return this.app.get(LedgerDatabase);
  }

  /** As SNS sends: JSON, called text/plain. */
  postSns(message: Json | string, path = '/marketplace/notifications'): Promise<Response> {
    return this.post(
      message,
      { 'Content-Type': 'text/plain; charset=UTF-8', 'x-amz-sns-message-type': 'Notification' },
      path,
    );
  }

  /** As an API destination of EventBridge sends. */
  postEvent(event: Json | string, secret?: string, path = '/marketplace/notifications'): Promise<Response> {
    const proof: Record<string, string> = secret === undefined ? {} : { 'x-marketplace-secret': secret };
    return this.post(event, { 'Content-Type': 'application/json; charset=utf-8', ...proof }, path);
  }

  post(
    message: Json | string,
    headers: Record<string, string>,
    path = '/marketplace/notifications',
  ): Promise<Response> {
    const body = typeof message === 'string' ? message : JSON.stringify(message, null, 2);
    return fetch(`${this.origin}${path}`, { method: 'POST', body, headers });
  }

  /** What stands in the inbox, by message id. */
  async inbox(): Promise<Json[]> {
    return this.database.query<Json>(
      `SELECT origin, message_id, received_via, type, state, error FROM marketplace.inbox_message
        ORDER BY received_at, message_id`,
    );
  }

  /** Everything that a message can change. */
  async trace(): Promise<Json | undefined> {
    const [row] = await this.database.query<Json>(
      `SELECT (SELECT count(*)::int FROM marketplace.inbox_message) AS messages, (SELECT count(*)::int
        FROM marketplace.alert) AS alerts,
         (SELECT count(*)::int FROM marketplace.outbox_event) AS events, (SELECT count(*)::int
           FROM marketplace.subscription) AS subscriptions`,
    );
    return row;
  }

  close(): Promise<void> {
    return this.app.close();
  }
}
