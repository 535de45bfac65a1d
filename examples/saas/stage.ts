import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { type LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type NestExpressApplication } from '@nestjs/platform-express';
import { MarketplaceSimulator, VirtualClock } from 'aws-marketplace-simulator';
import { withClient } from '../../tools/postgres/connection.js';
import { PostgresServer } from '../../tools/postgres/postgres-server.js';
import { ControlPanelModule } from './control-panel/control-panel.module.js';
import { FlowService } from './control-panel/flow.service.js';
import { flowPanel } from './control-panel/flow.view.js';
import { hourTakes, type Timeline } from './demo-clock.js';
import { DEMO_JOBS, DEMO_SUBMISSION, larkspurOptionsOf, type LarkspurSettings } from './larkspur-settings.js';
import { MEGAPIXELS, RENDERS } from './larkspur/larkspur.options.js';
import { type Html } from './web/html.js';
import { securityHeaders } from './web/security-headers.js';

export interface StageOptions {
  /** How many times as fast as the wall clock business time runs. */
  rate: number;
  /** Business time at the start. Default: now. */
  startsAt?: Date;
  /** Default: a free one. */
  port?: number | undefined;
  /** Default: a Postgres of the stage's own, gone with it. */
  databaseUrl?: string | undefined;
  /** What differs from the demo's settings. */
  settings?: Partial<LarkspurSettings>;
  logger: LoggerService | false;
}

const HOST = '127.0.0.1';
const TOKEN_LIFETIME_MS = 4 * 3_600_000;
const CALLS_REMEMBERED = 2000;

/** Everything the demo runs on: a real Postgres, AWS Marketplace on localhost, and Larkspur between them. */
export class Stage {
  /** What has been started, to be stopped in the opposite order. */
  private readonly parts: (() => Promise<void>)[] = [];
  private started: { simulator: MarketplaceSimulator; app: NestExpressApplication; settings: LarkspurSettings } | null =
    null;

  private constructor(private readonly options: StageOptions) {}

  /** @throws whatever keeps a part from starting; the parts before it are stopped again. */
  static async start(options: StageOptions): Promise<Stage> {
    // The terminal is for the story.
    process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
    const stage = new Stage(options);
    try {
      await stage.build();
      return stage;
    } catch (error) {
      await stage.stop();
      throw error;
    }
  }

  get simulator(): MarketplaceSimulator {
    return this.running.simulator;
  }

  get app(): NestExpressApplication {
    return this.running.app;
  }

  /** All that another replica of the application needs to know. */
  get settings(): LarkspurSettings {
    return this.running.settings;
  }

  /**
   * Stops everything, the application first, so that it can still reach its database and AWS. Harmless when repeated.
   */
  async stop(): Promise<void> {
    for (let part = this.parts.pop(); part !== undefined; part = this.parts.pop()) await part();
  }

  /** Stops the application alone; what it ran on stays, for an audit. */
  async stopApplication(): Promise<void> {
    await this.parts.pop()?.();
  }

  private get running() {
    if (!this.started) throw new Error('The stage has not started');
    return this.started;
  }

  private async build(): Promise<void> {
    const { rate, startsAt = new Date(), settings: given } = this.options;
    const port = await freePort(this.options.port);
    const databaseUrl = await this.database();
    const timeline: Timeline = { startsAt: startsAt.toISOString(), anchoredAt: new Date().toISOString(), rate };
    const simulator = await this.startSimulator(timeline);
    const settings: LarkspurSettings = {
      databaseUrl,
      publicUrl: `http://${HOST}:${port}`,
      awsEndpoint: simulator.url,
      productCode: simulator.createProduct({ dimensions: [RENDERS, MEGAPIXELS] }).productCode,
      sellerAccount: `demo-${Date.now().toString(36)}`,
      adminToken: randomBytes(16).toString('hex'),
      eventSecret: randomBytes(16).toString('hex'),
      timeline,
      unlistedDimensions: [],
      submission: DEMO_SUBMISSION,
      jobs: DEMO_JOBS,
      ...given,
    };
    const app = await this.startApplication(simulator, settings, port);
    this.started = { simulator, app, settings };
  }

  private async database(): Promise<string> {
    const { databaseUrl } = this.options;
    if (databaseUrl !== undefined) {
      // Here it fails at once and clearly; the application would keep trying for half a minute.
      await withClient(databaseUrl, (client) => client.query('SELECT 1'));
      return databaseUrl;
    }
    const postgres = await PostgresServer.start();
    this.parts.push(() => postgres.stop());
    return postgres.createDatabase('larkspur');
  }

  private async startSimulator({ startsAt, rate }: Timeline): Promise<MarketplaceSimulator> {
    const simulator = await MarketplaceSimulator.start({
      clock: new VirtualClock({ startAt: new Date(startsAt), rate }),
      callLogLimit: CALLS_REMEMBERED,
      // A person reads the page on which the token waits, and people do not go faster because the demo does.
      switches: { registrationTokenLifetimeMs: TOKEN_LIFETIME_MS * rate },
    });
    this.parts.push(() => simulator.stop());
    return simulator;
  }

  private async startApplication(
    simulator: MarketplaceSimulator,
    settings: LarkspurSettings,
    port: number,
  ): Promise<NestExpressApplication> {
    const { rate } = settings.timeline;
    const larkspur = {
      ...larkspurOptionsOf(settings),
      dashboardPanel: async (tenantId: string): Promise<Html> =>
        flowPanel(await app.get(FlowService).read(tenantId), {
          rate: hourTakes(rate),
          tenantId,
          returnTo: '/dashboard',
        }),
    };
    const app = await NestFactory.create<NestExpressApplication>(
      ControlPanelModule.forRoot({ larkspur, simulator, sellerAccount: settings.sellerAccount, rate }),
      { logger: this.options.logger, forceCloseConnections: true, abortOnError: false },
    );
    this.parts.push(() => app.close());
    app.disable('x-powered-by');
    app.use(securityHeaders(settings.publicUrl));
    await app.listen(port, HOST);
    // What an EventBridge rule with an API destination does in production.
    simulator.notifications.addTarget({
      kind: 'apiDestination',
      url: `${settings.publicUrl}/marketplace/notifications`,
      headers: { 'x-marketplace-secret': settings.eventSecret },
    });
    return app;
  }
}

/**
 * A port that nobody has: the one asked for, or any. The sign-up address must be known before the application listens.
 */
async function freePort(wanted = 0): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(wanted, HOST, resolve);
  });
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
