import { type INestApplication } from '@nestjs/common';
import { type Agreement, MarketplaceSimulator, VirtualClock } from 'aws-marketplace-simulator';
import { type BalanceView, JobScheduler, MeteringService } from 'nestjs-marketplace-metering';
import { PostgresServer } from '../../tools/postgres/postgres-server.js';
import { EVENT_SECRET, startAtlas } from './atlas.js';
import { type UsageReport } from './atlas.controller.js';
import { ATLAS, CALLS_IN_A_PACK, METERED_DIMENSIONS } from './contract-listing.js';

/** What is held against each other in the end; all of it in units of usage. */
export interface ContractAccount {
  recordedUnits: number;
  /** On AWS's bill; a pack counts with the calls that it holds. */
  billedUnits: number;
  /** Named by the ledger with a reason: included, carried, owed, waiting. */
  accountedUnits: number;
  included: number;
  carried: number;
  /** Lines of AWS's bill, by dimension. */
  bill: Record<string, number>;
  conserved: boolean;
}

const TENANT = 'fernweh';
const HOUR_MS = 3_600_000;
const HALF_AN_HOUR_MS = HOUR_MS / 2;
const JOBS = ['inbox', 'reconcile', 'inbox', 'seal', 'entitlements', 'seal', 'submit', 'recovery', 'deadline'] as const;
const START = new Date('2026-06-10T08:00:00Z');

/** A buyer's contract on localhost: real HTTP, real Postgres, the real AWS SDK against the simulator. */
export class ContractStory {
  private readonly parts: (() => Promise<void>)[] = [];
  private readonly clock = new VirtualClock({ startAt: START, rate: 0 });
  private recorded = 0;
  private app!: INestApplication;
  private simulator!: MarketplaceSimulator;
  private agreement!: Agreement;

  constructor(private readonly say: (line: string) => void) {}

  async tell(): Promise<ContractAccount> {
    await this.open();
    await this.signUp();

    this.say('9,000 geocodings and 5 of storage: all calls are included');
    await this.use({ dimension: 'geocoding', quantity: 9000 }, { dimension: 'storage', quantity: 5 });
    await this.hours(2);

    this.say('3,400 routings share the packs: 1,000 of them are included, two packs exceed, 400 are carried');
    await this.use({ dimension: 'routing', quantity: 3400 });
    await this.hours(2);

    this.say('two packs more are bought; usage of an earlier hour comes late, a report is corrected');
    await this.expectExport(403);
    this.simulator.setEntitlements(this.agreement, [{ dimension: 'pack', value: 12 }]);
    await this.hours(1);
    await this.expectExport(200);
    const early = new Date(START.getTime() + HOUR_MS / 4).toISOString();
    await this.use({ dimension: 'geocoding', quantity: 300, occurredAt: early });
    await this.use({ dimension: 'routing', quantity: -200, reason: 'a report that failed' });
    await this.hours(2);

    this.say('GetEntitlements is away: the hour waits, and goes with the last answer five hours after it began');
    const outage = this.simulator.faults.add({ kind: 'error500Before', operation: 'GetEntitlements' });
    await this.use({ dimension: 'geocoding', quantity: 2500 });
    await this.hours(7);
    outage.remove();
    await this.use({ dimension: 'routing', quantity: 1100 }, { dimension: 'storage', quantity: 2 });
    await this.hours(2);
    return this.account();
  }

  async end(): Promise<void> {
    for (let part = this.parts.pop(); part !== undefined; part = this.parts.pop()) await part();
  }

  private async open(): Promise<void> {
    const postgres = await PostgresServer.start();
    this.parts.push(() => postgres.stop());
    this.simulator = await MarketplaceSimulator.start({ clock: this.clock, callsPerSecond: 0 });
    this.parts.push(() => this.simulator.stop());
    this.simulator.createProduct({ productCode: ATLAS.productCode, dimensions: METERED_DIMENSIONS });
    const databaseUrl = await postgres.createDatabase('atlas');
    this.app = await startAtlas({ databaseUrl, awsEndpoint: this.simulator.url, clock: this.clock });
    this.parts.push(() => this.app.close());
    // What an EventBridge rule with an API destination does in production.
    const url = `${await this.app.getUrl()}/marketplace/notifications`;
    this.simulator.notifications.addTarget({
      ...{ kind: 'apiDestination', url, headers: { 'x-marketplace-secret': EVENT_SECRET } },
    });
  }

  /** A buyer of ten packs comes from AWS to the landing page, and signs up. */
  private async signUp(): Promise<void> {
    this.say('a buyer of ten packs signs up');
    const { productCode } = ATLAS;
    this.agreement = this.simulator.subscribe({ productCode, entitlements: [{ dimension: 'pack', value: 10 }] });
    const landing = await fetch(`${await this.app.getUrl()}/marketplace/registration`, {
      method: 'POST',
      body: new URLSearchParams(this.simulator.registrationForm(this.agreement)),
      redirect: 'manual',
    });
    const registrationCode = new URL(landing.headers.get('location') ?? '').searchParams.get('registrationCode');
    const cookie = landing.headers
      .getSetCookie()
      .map((one) => one.split(';')[0])
      .join('; ');
    await this.post('sign-up', { company: TENANT, registrationCode }, { cookie });
    await this.work();
  }

  private async use(...reports: readonly UsageReport[]): Promise<void> {
    for (const report of reports) {
      const { outcome } = await this.post<{ outcome: string }>('usage', report);
      if (outcome !== 'recorded') throw new Error(`usage was answered with ${outcome}`);
      this.recorded += report.quantity;
    }
  }

  private async expectExport(expected: number): Promise<void> {
    const { status } = await fetch(`${await this.app.getUrl()}/bulk-export`, { headers: { 'x-tenant': TENANT } });
    if (status !== expected) throw new Error(`the guarded route answers ${status} instead of ${expected}`);
  }

  private async post<Answer>(path: string, body: object, headers: Record<string, string> = {}): Promise<Answer> {
    const response = await fetch(`${await this.app.getUrl()}/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-tenant': TENANT, ...headers },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as Answer;
  }

  private async hours(count: number): Promise<void> {
    for (let half = 0; half < 2 * count; half += 1) {
      this.clock.advance(HALF_AN_HOUR_MS);
      await this.work();
    }
  }

  /** What running jobs do by themselves. */
  private async work(): Promise<void> {
    await this.simulator.notifications.settled();
    for (const job of JOBS) await this.app.get(JobScheduler).runOnce(job);
  }

  private async account(): Promise<ContractAccount> {
    const balances = await this.app.get(MeteringService).balance();
    const bill: Record<string, number> = {};
    for (const { dimension, quantity } of this.simulator.bill()) bill[dimension] = (bill[dimension] ?? 0) + quantity;
    const billed = Object.entries(bill).reduce((sum, [dimension, quantity]) => sum + unitsOf(dimension, quantity), 0);
    const accounted = balances.reduce((sum, balance) => sum + accountedIn(balance), 0);
    const isOnTheBill = balances.every(
      ({ dimension, byState }) => Number(byState.metered ?? 0) === unitsOf(dimension, bill[dimension] ?? 0),
    );
    const isConserved = balances.length > 0 && balances.every(({ conserved }) => conserved);
    return {
      recordedUnits: this.recorded,
      billedUnits: billed,
      accountedUnits: accounted,
      included: balances.reduce((sum, { included }) => sum + Number(included), 0),
      carried: balances.reduce((sum, { carry }) => sum + Number(carry), 0),
      bill,
      conserved: isConserved && isOnTheBill && this.recorded === billed + accounted,
    };
  }
}

function unitsOf(dimension: string, quantity: number): number {
  return dimension === 'overage_pack' ? quantity * CALLS_IN_A_PACK : quantity;
}

/** All that the ledger holds and AWS has not billed. */
function accountedIn({ unsealed, waiting, setApart, included, carry, byState }: BalanceView): number {
  const unbilled = Object.entries(byState).flatMap(([state, units]) => (state === 'metered' ? [] : [units]));
  const parts = [unsealed, setApart, included, carry, ...Object.values(waiting), ...unbilled];
  return parts.reduce((sum, part) => sum + Number(part), 0);
}
