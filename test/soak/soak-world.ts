import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  JobScheduler,
  MarketplaceMeteringModule,
  MeteringService,
  type Options,
  RegistrationService,
} from '../../src/index.js';
import { LedgerDatabase } from '../../src/database/ledger-database.js';
import { registrationFormOf } from '../../src/registration/registration-form.js';
import { RegistrationIntake } from '../../src/registration/registration-intake.js';
import { PostgresServer } from '../../tools/postgres/postgres-server.js';
import { FreezingProxy } from '../support/freezing-proxy.js';
import { type Agreement, MarketplaceSimulator, type SeededRandom, SELLER, VirtualClock } from '../support/market.js';
import { eventually } from '../support/processes.js';
import { PRODUCT_CODE, replicaOptions } from '../support/replica-options.js';
import { Journal } from './journal.js';
import { SoakProcess } from './soak-process.js';

/** An hour of business time is ten seconds. */
const RATE = 360;
const START = new Date('2026-11-11T10:00:00Z');
const SECRET = 'the-secret-of-the-api-destination';
const JOBS_MS = 500;
const SETTLING_HOURS = 4;
const HOUR_MS = 3_600_000;
const PATIENCE = 5;
const LET_IN_AFTER_THE_END = 0.05;

const OPTIONS: Options = {
  sellerAccount: SELLER,
  notifications: { eventBridgeSecrets: [SECRET] },
  reconcileAfterMs: HOUR_MS,
  aws: {
    callsPerSecond: { getEntitlements: 1000, searchAgreements: 1000, describeAgreement: 1000, getAgreementTerms: 1000 },
  },
  submission: { backoffBaseMs: 50, backoffCapMs: 2000, probeIntervalMs: 1000, requestTimeoutMs: 4000, leaseMs: 8000 },
  jobs: {
    autoStart: true,
    sealIntervalMs: JOBS_MS,
    submitIntervalMs: JOBS_MS,
    deadlineIntervalMs: JOBS_MS,
    recoveryIntervalMs: JOBS_MS,
    inboxIntervalMs: JOBS_MS,
    deliverIntervalMs: JOBS_MS,
    reconcileIntervalMs: JOBS_MS,
  },
};

interface Place {
  postgres: PostgresServer;
  readonly dataDir: string;
  readonly proxy: FreezingProxy;
  readonly simulator: MarketplaceSimulator;
  readonly relay: Server;
}

/** AWS, a Postgres behind a proxy, replicas in processes, and the host's own journal. */
export class SoakWorld {
  readonly journal = new Journal(() => this.simulator.clock.now());
  readonly agreements = new Map<string, Agreement>();
  readonly replicas: SoakProcess[] = [];
  private office!: INestApplicationContext;

  private constructor(
    private readonly place: Place,
    private readonly random: SeededRandom,
  ) {}

  static async start(seed: number, size: { replicas: number; tenants: number }): Promise<SoakWorld> {
    const { SeededRandom: Random } = await import('aws-marketplace-simulator');
    // Open to the user that Postgres runs as.
    const dataDir = path.join(os.tmpdir(), `marketplace-soak-${randomBytes(6).toString('hex')}`);
    const postgres = await PostgresServer.start({
      dataDir,
      settings: { max_connections: 200 },
    });
    const proxy = await FreezingProxy.before(postgres.url);
    const clock = new VirtualClock({ startAt: START, rate: RATE });
    const simulator = await MarketplaceSimulator.start({ clock, seed, callsPerSecond: 0, sellerAccountId: SELLER });
    const anchoredAt = new Date();
    const startsAt = clock.now();
    simulator.createProduct({ productCode: PRODUCT_CODE, dimensions: ['requests', 'storage'] });
    const relay = createServer();
    relay.listen(0, '127.0.0.1');
    const world = new SoakWorld({ postgres, dataDir, proxy, simulator, relay }, new Random(seed, 'relay'));
    relay.on('request', (request, response) => void world.relay(request, response));
    const where = { databaseUrl: postgres.url, awsEndpoint: simulator.url, clock };
    world.office = await patiently(() =>
      NestFactory.createApplicationContext(
        MarketplaceMeteringModule.forRoot(
          replicaOptions(where, {
            ...OPTIONS,
            jobs: { autoStart: false },
            // Nothing befalls it: it waits for a slow machine.
            submission: { ...OPTIONS.submission, requestTimeoutMs: 60_000, leaseMs: 120_000 },
          }),
        ),
        { logger: false, abortOnError: false },
      ),
    );
    simulator.notifications.addTarget({
      kind: 'apiDestination',
      url: `http://127.0.0.1:${(relay.address() as AddressInfo).port}/marketplace/notifications`,
      headers: { 'x-marketplace-secret': SECRET },
    });
    for (let number = 1; number <= size.tenants; number += 1) await patiently(() => world.join(`tenant-${number}`));
    const order = {
      databaseUrl: proxy.through(postgres.url),
      awsEndpoint: simulator.url,
      clock: { startsAt: startsAt.toISOString(), anchoredAt: anchoredAt.toISOString(), rate: RATE },
      options: OPTIONS,
    };
    for (let number = 0; number < size.replicas; number += 1) {
      const replica = new SoakProcess(order, (reply) => {
        if (reply.kind === 'recorded') world.journal.acknowledge(reply.key);
        if (reply.kind === 'refused') world.journal.refuse(reply.key, reply.code);
      });
      world.replicas.push(replica);
    }
    return world;
  }

  /** Every replica has come up. */
  async ready(): Promise<void> {
    await eventually('the replicas are up', () => this.replicas.every(({ url }) => url !== null), 10 * 60_000);
  }

  get simulator(): MarketplaceSimulator {
    return this.place.simulator;
  }

  get proxy(): FreezingProxy {
    return this.place.proxy;
  }

  get database(): LedgerDatabase {
    return this.office.get(LedgerDatabase);
  }

  get metering(): MeteringService {
    return this.office.get(MeteringService);
  }

  /** A buyer signs and signs up, now. */
  async join(tenantId: string): Promise<void> {
    const agreement = this.simulator.subscribe({ productCode: PRODUCT_CODE });
    const form = registrationFormOf(this.simulator.registrationForm(agreement), '');
    if (form === null) throw new Error('the simulator’s form is no form');
    const { url, setCookie } = await this.office.get(RegistrationIntake).receive(form, '127.0.0.1');
    const code = url.searchParams.get('registrationCode') ?? '';
    const browser = { headers: { cookie: setCookie?.split(';')[0] } };
    await this.office.get(RegistrationService).claim(code, { tenantId, browser });
    this.agreements.set(tenantId, agreement);
  }

  /** The host uses something, writes it down, and records it with whichever replica it meets. */
  use(random: SeededRandom): void {
    const tenantId = this.tenant(random);
    const entry = this.journal.write(tenantId, random.integer(1000) / 8);
    this.ask(entry, random);
  }

  /** Who has ended is let in once in a while, as hosts do that learn of it late. */
  private tenant(random: SeededRandom): string {
    const tenants = [...this.agreements];
    const active = tenants.filter(([, agreement]) => this.simulator.agreement(agreement).status === 'ACTIVE');
    const among = random.next() < LET_IN_AFTER_THE_END ? tenants : active;
    return among[random.integer(among.length)]?.[0] ?? tenants[0]?.[0] ?? '';
  }

  /** What nobody has answered, or what was refused, is asked once more with its key, as a host would from its queue. */
  askAgain(random: SeededRandom): void {
    const open = this.journal.entries.filter(({ state }) => state !== 'acknowledged');
    const entry = open[random.integer(open.length)];
    if (entry && random.next() < 0.5) this.ask(entry, random);
  }

  async restartPostgres(): Promise<void> {
    const { port } = this.place.postgres;
    await this.place.postgres.stop();
    this.place.postgres = await PostgresServer.start({
      dataDir: this.place.dataDir,
      port,
      settings: { max_connections: 200 },
    });
  }

  /** The replicas are gone; one that nothing befalls does what is left, for some hours of business time. */
  async settle(): Promise<void> {
    await Promise.all(this.replicas.map((replica) => replica.end()));
    const { clock, notifications } = this.simulator;
    notifications.undisturb();
    clock.run({ rate: 0 });
    // As if machine time had passed: what the dead held is free.
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    const jobs = this.office.get(JobScheduler);
    for (let step = 0; step < SETTLING_HOURS * 4; step += 1) {
      clock.advance(HOUR_MS / 4);
      await notifications.settled();
      for (const job of ['inbox', 'reconcile', 'seal', 'submit', 'recovery', 'deadline', 'seal', 'submit'] as const)
        await jobs.runOnce(job);
    }
    for (let round = 0; round < 20 && (await this.pending()) > 0; round += 1) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      await jobs.runOnce('recovery');
      await jobs.runOnce('submit');
    }
  }

  progress(): string {
    const { journal } = this;
    const counts = (['acknowledged', 'open', 'refused'] as const).map((state) => `${journal.count(state)} ${state}`);
    return `${this.simulator.clock.now().toISOString()}: ${counts.join(', ')}, ${this.simulator.bill().length} lines billed`;
  }

  async stop(): Promise<void> {
    await Promise.all(this.replicas.map((replica) => replica.end()));
    await this.office.close();
    await this.proxy.stop();
    await this.simulator.stop();
    this.place.relay.close();
    this.place.relay.closeAllConnections();
    await this.place.postgres.stop();
    await rm(this.place.dataDir, { recursive: true, force: true });
  }

  private async pending(): Promise<number> {
    const [row] = await this.database.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM marketplace.metering_record WHERE state IN ('pending', 'sending')`,
    );
    return row?.n ?? 0;
  }

  private ask(
    { key, tenantId, quantity }: { key: string; tenantId: string; quantity: number },
    random: SeededRandom,
  ): void {
    this.replicas[random.integer(this.replicas.length)]?.ask({ kind: 'record', key, tenantId, quantity });
  }

  /** What AWS sends reaches whichever replica the load balancer chooses, or nobody, and then AWS tries again. */
  private async relay(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const alive = this.replicas.filter(({ url, isStopped }) => url !== null && !isStopped);
    const target = alive[this.random.integer(Math.max(1, alive.length))];
    try {
      if (!target?.url) throw new Error('nobody is there');
      const answer = await fetch(`${target.url}${request.url ?? ''}`, {
        method: 'POST',
        body: Buffer.concat(chunks),
        headers: { 'content-type': 'application/json', 'x-marketplace-secret': SECRET },
        signal: AbortSignal.timeout(3000),
      });
      response.writeHead(answer.status).end();
    } catch {
      response.writeHead(503).end();
    }
  }
}

/** A machine that is busy is no disaster of the soak. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt >= PATIENCE) throw error;
    }
  }
}
