import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { StartCheckGateway } from '../aws/start-check-gateway.js';
import { StartRefusedError } from '../errors/start-refused-error.js';
import { unreadVariables } from '../options/buyers-environment.js';
import { isInstallation, type ResolvedOptions, type ResolvedProduct } from '../options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { checkCredentials } from './credential-check.js';
import { refusalOf, unreachable } from './refusal-text.js';
import { type CheckOutcome } from './start-check.js';
import { verdictOn } from './start-refusal.js';
import { nextTryMs, pauseMs as pauseForEverMs } from './start-schedule.js';
import { UnregisteredWatch } from './unregistered-watch.js';
import { type RegisteringProduct, UsageRegistrar } from './usage-registrar.js';
import { type Workload } from './workload.js';
import { WorkloadDiscovery } from './workload-discovery.js';

/** `waiting`: no answer yet. `open`: none for too long, and the product says to go on without. */
export type StartCheckState = 'waiting' | 'passed' | 'open' | 'refused';

/** One call that a product has to make before the software serves. */
export interface StartCheckView {
  productCode: string;
  /** `MeterUsage` is its DryRun. */
  call: 'RegisterUsage' | 'MeterUsage';
  state: StartCheckState;
  failures: number;
  /** Of the last try without an answer. */
  lastFailure: string | null;
}

interface Check {
  view: StartCheckView;
  product: ResolvedProduct;
  attempt: (workload: Workload) => Promise<CheckOutcome>;
  failOpen: boolean;
}

/**
 * What software in a buyer's account does before it serves: finds its role and region, and calls RegisterUsage, or asks
 * by a DryRun of MeterUsage whether it may meter. A refusal ends the process with an exit code of its kind; all else is
 * tried again while the process is alive and not ready. Nothing of it happens in a process that does not serve.
 */
@Injectable()
export class StartChecks implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('MarketplaceContainer');
  private readonly stopping = new AbortController();
  private readonly checks: Check[];
  private readonly isNeeded: boolean;
  private readonly hasDelayed = new Set<string>();
  private begun: Promise<void> | null = null;
  private tellDecided: () => void = ignore;
  private refusal: StartRefusedError | null = null;

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly discovery: WorkloadDiscovery,
    private readonly registrar: UsageRegistrar,
    private readonly gateway: StartCheckGateway,
    private readonly watch: UnregisteredWatch,
    server: HttpAdapterHost,
  ) {
    const serves = options.container.serves ?? Boolean(server.httpAdapter as unknown);
    this.isNeeded = serves && isInstallation(options);
    this.checks = this.isNeeded ? options.products.flatMap((product) => this.checksOf(product)) : [];
  }

  /** @throws StartRefusedError where `container.exit` has returned */
  async onApplicationBootstrap(): Promise<void> {
    if (!this.isNeeded) return;
    const decided = new Promise<void>((resolve) => (this.tellDecided = resolve));
    this.begun = this.run();
    const { listenAfterMs } = this.options.container;
    const waiting = new AbortController();
    await Promise.race([decided, sleep(listenAfterMs, undefined, { signal: waiting.signal }).catch(ignore)]);
    waiting.abort();
    // Thrown here and not there: once the application listens nobody waits for it any more.
    if (this.refusal) throw this.refusal;
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    this.registrar.leave();
    await this.begun;
  }

  get views(): readonly StartCheckView[] {
    return this.checks.map(({ view }) => view);
  }

  get isReady(): boolean {
    return this.refusal === null && this.checks.every(({ view: { state } }) => state === 'passed' || state === 'open');
  }

  private checksOf(product: ResolvedProduct): Check[] {
    const { productCode, registerUsage, usageOperation, mode } = product;
    const view = (call: StartCheckView['call']): StartCheckView => ({
      ...{ productCode, call, state: 'waiting', failures: 0, lastFailure: null },
    });
    return [
      ...(registerUsage && usageOperation !== 'MeterUsage'
        ? [
            {
              ...{ view: view('RegisterUsage'), product, failOpen: registerUsage.failOpen },
              attempt: (workload: Workload) => this.registrar.register(product as RegisteringProduct, workload),
            },
          ]
        : []),
      ...(usageOperation !== 'RegisterUsage' && mode === 'live'
        ? [
            {
              ...{ view: view('MeterUsage'), product, failOpen: false },
              attempt: (workload: Workload) => this.dryRun(product, workload),
            },
          ]
        : []),
    ];
  }

  /** Never rejects. */
  private async run(): Promise<void> {
    try {
      this.tellSetting();
      const since = performance.now();
      const workload = await this.untilFound(since);
      if (!workload) return;
      await Promise.all(this.checks.map((check) => this.pass(check, workload, since)));
    } catch (error) {
      this.end(error instanceof StartRefusedError ? error : unforeseen(error));
    }
  }

  /** The role, the region and the resource; null when the process is told to stop meanwhile. */
  private async untilFound(since: number): Promise<Workload | null> {
    const workload = await this.discovery.find();
    this.logger.log(`signs with ${workload.says} in ${workload.region}`);
    for (const note of workload.notes) this.logger.warn(note);
    for (let failures = 1; ; failures += 1) {
      const outcome = await checkCredentials(workload);
      if (outcome.kind === 'passed') return workload;
      if (outcome.kind === 'refused') throw outcome.error;
      for (const { view } of this.checks) Object.assign(view, { failures, lastFailure: outcome.why });
      this.logger.warn(outcome.why);
      const pauseMs = this.nextTryMs(failures, since);
      if (pauseMs === null && !this.checks.every(({ failOpen }) => failOpen)) throw noCredentials(outcome.why);
      // Who goes on without an answer is shown so by the call's own check.
      if (pauseMs === null) return workload;
      if (!(await this.pause(pauseMs))) return null;
    }
  }

  private async pass(check: Check, workload: Workload, since: number): Promise<void> {
    const { view, product, failOpen } = check;
    const { startPatienceMs } = this.options.container;
    while (!this.isStopping()) {
      const outcome = await check.attempt(workload);
      if (outcome.kind === 'failed' && this.isStopping()) return;
      if (outcome.kind === 'refused') {
        this.end(outcome.error, view);
        return;
      }
      if (outcome.kind === 'passed') {
        this.logger.log(`product ${product.productCode}: ${outcome.detail}`);
        if (view.state === 'open') await this.watch.registered(product.productCode);
        this.enter(view, 'passed');
        return;
      }
      view.failures += 1;
      view.lastFailure = outcome.why;
      // At each power of two: an outage of half an hour neither floods the log nor drowns in it.
      if ((view.failures & (view.failures - 1)) === 0)
        this.logger.warn(`product ${product.productCode}: no answer to ${view.call} yet (${outcome.why})`);
      const pauseMs = this.nextTryMs(view.failures, since);
      if (pauseMs === null && !failOpen) {
        this.end(unreachable(view.call, product.productCode, workload, startPatienceMs, outcome.why), view);
        return;
      }
      if (pauseMs === null) {
        this.enter(view, 'open');
        await this.watch.unregistered(product.productCode, workload, outcome.why);
      }
      if (!(await this.pause(pauseMs ?? pauseForEverMs(view.failures, this.options.submission, Math.random())))) return;
    }
  }

  /** Whether metering is permitted. That is not whether the buyer is subscribed: the first record's answer says that. */
  private async dryRun(product: ResolvedProduct, workload: Workload): Promise<CheckOutcome> {
    const { productCode, dimensions } = product;
    const jitterMs = this.hasDelayed.has(productCode) ? 0 : Math.random() * this.options.container.startJitterMs;
    this.hasDelayed.add(productCode);
    if (!(await this.pause(jitterMs))) return { kind: 'failed', why: 'the process ends' };
    const answer = await this.gateway.dryRun({
      ...{ region: workload.region, productCode, dimension: dimensions[0] ?? '' },
      timestamp: this.options.clock.now(),
      timeoutMs: this.options.submission.requestTimeoutMs,
    });
    if (answer.kind === 'permitted') return { kind: 'passed', detail: 'may meter usage' };
    const { failure } = answer;
    const verdict = verdictOn(failure);
    if (verdict.kind === 'retry') return { kind: 'failed', why: `${failure.code}: ${failure.message}`, failure };
    const code = verdict.kind === 'refused' ? verdict.code : 'START_REFUSED';
    return { kind: 'refused', error: refusalOf(code, 'MeterUsage', productCode, workload, failure) };
  }

  private tellSetting(): void {
    const unread = unreadVariables(this.options.products, process.env);
    if (unread.length > 0)
      this.logger.warn(`not read here, because only the code decides in a buyer's account: ${unread.join(', ')}`);
    const { endpoint } = this.options.aws;
    if (endpoint === undefined) return;
    this.logger.warn(
      `DEVELOPMENT: calls go to ${new URL(endpoint).origin} and not to AWS, and are verified with the keys in the code. ` +
        'Nothing is billed by AWS. Remove aws.endpoint from the code before a release.',
    );
  }

  private enter(view: StartCheckView, state: StartCheckState): void {
    view.state = state;
    if (this.isReady) this.tellDecided();
  }

  private end(error: StartRefusedError, view?: StartCheckView): void {
    if (view) this.enter(view, 'refused');
    this.refusal ??= error;
    this.stopping.abort();
    this.registrar.leave();
    this.tellDecided();
    this.logger.error(`${error.message} [${error.code}, exit code ${error.exitCode}]`);
    const { exit = exitNow } = this.options.container;
    exit(error.exitCode, error);
  }

  private isStopping(): boolean {
    return this.stopping.signal.aborted;
  }

  private nextTryMs(failures: number, since: number): number | null {
    const { container, submission } = this.options;
    const spent = { elapsedMs: performance.now() - since, patienceMs: container.startPatienceMs };
    return nextTryMs(failures, submission, Math.random(), spent);
  }

  private async pause(pauseMs: number): Promise<boolean> {
    return sleep(pauseMs, true, { signal: this.stopping.signal }).catch(() => false);
  }
}

function exitNow(code: number): void {
  Logger.flush();
  process.exit(code);
}

function noCredentials(why: string): StartRefusedError {
  return new StartRefusedError('CREDENTIALS_REFUSED', `The software gets no credentials of its role: ${why}.`);
}

function unforeseen(error: unknown): StartRefusedError {
  const message = `The software cannot start: ${error instanceof Error ? error.message : String(error)}`;
  return new StartRefusedError('START_REFUSED', message, { cause: error });
}

function ignore(): void {
  // Aborted: nobody waits any more.
}
