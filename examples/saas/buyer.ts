import { setTimeout } from 'node:timers/promises';
import { type Agreement, type MarketplaceSimulator, type SubscribeOptions } from 'aws-marketplace-simulator';
import { type RenderSize } from './larkspur/render-order.js';

const RELOADS_MAX = 5;
const RELOAD_AFTER_MS = 500;

export interface RenderRequest {
  images: number;
  size: RenderSize;
  project?: string;
}

export interface RenderResponse extends RenderRequest {
  id: string;
  megapixels: number;
  renderedAt: string;
  repeated: boolean;
}

export interface Destination {
  url: string;
  simulator: MarketplaceSimulator;
  productCode: string;
}

/**
 * A customer without hands: subscribes and signs up as a browser does, and renders through the API as a program does.
 */
export class Buyer {
  private constructor(
    readonly company: string,
    /** The AWS account, under which all agreements of this buyer are made. */
    readonly accountId: string,
    /** The first one. */
    readonly agreement: Agreement,
    private readonly to: Destination,
    private readonly cookie: string,
    private readonly apiKey: string,
  ) {}

  static async arrive(company: string, to: Destination, terms: Partial<SubscribeOptions> = {}): Promise<Buyer> {
    const { url, simulator, productCode } = to;
    const agreement = simulator.subscribe({ productCode, ...terms });
    const { code, cookie: bound } = await arrivalOf(agreement, to);
    const form = { code, company, email: 'orders@example.com' };
    const signedUp = await post(`${url}/sign-up`, form, { cookie: bound });
    locationOf(signedUp);
    const cookie = cookieOf(signedUp);
    const page = await (await post(`${url}/dashboard/api-key`, {}, { cookie })).text();
    const apiKey = /id="api-key">([^<]+)</.exec(page)?.[1];
    if (apiKey === undefined) throw new Error(`${company} got no API key`);
    return new Buyer(company, agreement.accountId, agreement, to, cookie, apiKey);
  }

  /** Subscribes again and adds the subscription to the account that is there already, signed in. */
  async comeBack(): Promise<Agreement> {
    const { url, simulator, productCode } = this.to;
    const agreement = simulator.subscribe({ productCode, accountId: this.accountId });
    const { code, cookie } = await arrivalOf(agreement, this.to);
    locationOf(await post(`${url}/sign-up/existing`, { code }, { cookie: `${this.cookie}; ${cookie}` }));
    return agreement;
  }

  /** Resolves once Larkspur has promised the images, and with them their usage. */
  async render(request: RenderRequest, requestKey?: string): Promise<RenderResponse> {
    const response = await fetch(`${this.to.url}/api/renders`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${this.apiKey}`,
        'content-type': 'application/json',
        ...(requestKey !== undefined && { 'idempotency-key': requestKey }),
      },
      body: JSON.stringify(request),
    });
    if (!response.ok)
      throw new Error(`${this.company} could not render: HTTP ${response.status} ${await response.text()}`);
    return (await response.json()) as RenderResponse;
  }
}

/**
 * The way from AWS's page to the seller's sign-up page.
 * @returns the registration code that it brings along, and the cookie that binds it to the browser
 */
async function arrivalOf(
  agreement: Agreement,
  { url, simulator }: Destination,
): Promise<{ code: string; cookie: string }> {
  const landed = await land(`${url}/marketplace/registration`, simulator.registrationForm(agreement));
  const code = new URL(locationOf(landed), url).searchParams.get('registrationCode') ?? '';
  return { code, cookie: cookieOf(landed) };
}

function cookieOf(response: Response): string {
  return response.headers
    .getSetCookie()
    .map((cookie) => cookie.split(';')[0])
    .join('; ');
}

/** As a person does whom the page tells to wait and reload: AWS may be slow for a moment. */
async function land(url: string, form: Record<string, string>): Promise<Response> {
  for (let reloads = 0; ; reloads += 1) {
    const landed = await post(url, form);
    if (landed.status < 500 || reloads === RELOADS_MAX) return landed;
    await setTimeout(RELOAD_AFTER_MS);
  }
}

function post(url: string, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, { method: 'POST', body: new URLSearchParams(fields), headers, redirect: 'manual' });
}

function locationOf(response: Response): string {
  const location = response.headers.get('location');
  if (response.status !== 303 || location === null)
    throw new Error(`${response.url} answered ${response.status} where it should lead on`);
  return location;
}
