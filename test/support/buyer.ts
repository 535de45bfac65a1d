import { expect } from '@jest/globals';
import { type BrowserRequest, type RecordResult, type Subscription } from '../../src/index.js';
import { browserOf } from './browser.js';
import { type Agreement, type SubscribeOptions } from './market.js';
import { type Usage, type World } from './world.js';

interface Terms {
  startsAt?: Date;
  endsAt?: Date;
  as?: 'newLicense' | 'sameLicense' | 'sameAgreement';
  entitlements?: NonNullable<SubscribeOptions['entitlements']>;
}

/** An AWS account that buys one product: what it does at AWS, in its browser, and in the host's application. */
export class Buyer {
  /** In the order in which they were signed. */
  readonly agreements: Agreement[];
  /** Of the arrival, or as the host heard it. */
  subscriptionId = '';
  tenantId = '';
  /** What the landing page handed to the sign-up page. */
  registrationCode = '';
  /** With what its browser has kept of that page. */
  browser: BrowserRequest = { headers: {} };

  constructor(
    readonly world: World,
    first: Agreement,
  ) {
    this.agreements = [first];
  }

  /** The one signed last, as it stands now. */
  get agreement(): Agreement {
    return this.world.simulator.agreement(this.agreements.at(-1)!);
  }

  get accountId(): string {
    return this.agreement.accountId;
  }

  get productCode(): string {
    return this.agreement.productCode;
  }

  /** Arrives at the landing page with a new token for the agreement signed last. */
  async arrive(agreement: Agreement = this.agreement): Promise<string> {
    const { world } = this;
    const response = await world.post(world.simulator.registrationForm(agreement));
    expect(response.status).toBe(303);
    this.registrationCode = new URL(response.headers.get('location') ?? '').searchParams.get('registrationCode') ?? '';
    this.browser = browserOf(response);
    const { subscriptionId } = await world.registrations.inspect(this.registrationCode);
    this.subscriptionId = subscriptionId;
    return subscriptionId;
  }

  /** Signs up, as the tenant that the host knows. */
  async signUp(tenantId: string): Promise<void> {
    const { browser } = this;
    await this.world.registrations.claim(this.registrationCode, { tenantId, browser });
    this.tenantId = tenantId;
  }

  /** The landing page again, by the tenant that is known. */
  async comeBack(): Promise<void> {
    await this.arrive();
    await this.signUp(this.tenantId);
  }

  /** Usage of the tenant; before the sign-up, of the subscription. */
  use(quantity: Usage['quantity'], usage: Partial<Usage> = {}): Promise<RecordResult> {
    const { productCode, tenantId, subscriptionId } = this;
    const several = this.world.products().length > 1;
    const subject = tenantId === '' ? { subscriptionId } : { tenantId, ...(several && { productCode }) };
    return this.world.record({ ...subject, quantity, ...usage });
  }

  /** Several uses of one unit each, with keys of their own. */
  async useTimes(times: number, key: string): Promise<void> {
    for (let time = 1; time <= times; time += 1) await this.use(1, { idempotencyKey: `${key}-${time}` });
  }

  /** Renews now, or signs ahead what begins at `startsAt`. */
  renew(terms: Terms = {}): Agreement {
    return this.add(this.world.simulator.renew(this.agreement, terms));
  }

  replace(terms: Terms = {}): Agreement {
    return this.add(this.world.simulator.replace(this.agreement, terms));
  }

  convertTrial(terms: Terms = {}): Agreement {
    return this.add(this.world.simulator.convertTrial(this.agreement, terms));
  }

  cancel(): Agreement {
    return this.world.simulator.cancel(this.agreement);
  }

  /** Buys again, after an end: a new agreement that nothing links to the one before. */
  return(options: Partial<SubscribeOptions> = {}): Agreement {
    return this.concurrent(options);
  }

  /** Buys once more, beside what runs. */
  concurrent(options: Partial<SubscribeOptions> = {}): Agreement {
    const { productCode, accountId } = this.agreements[0]!;
    return this.add(this.world.purchase({ productCode, accountId, ...options }));
  }

  async subscription(): Promise<Subscription> {
    const subscription = await this.world.subscriptions.get(this.subscriptionId);
    if (!subscription) throw new Error(`no subscription ${this.subscriptionId}`);
    return subscription;
  }

  async state(): Promise<string> {
    return (await this.subscription()).state;
  }

  private add(agreement: Agreement): Agreement {
    if (!this.agreements.some(({ agreementId }) => agreementId === agreement.agreementId))
      this.agreements.push(agreement);
    return agreement;
  }
}
