import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { BatchMeterUsageCommand } from '@aws-sdk/client-marketplace-metering';
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { MarketplaceSimulator, VirtualClock } from '../../src/index.js';
import { meteringClient } from '../marketplace-client.js';
import { repositoryRoot } from '../../../../test/support/processes.js';

jest.setTimeout(60_000);

const START = new Date('2026-11-18T12:30:00Z');
const SCREENSHOTS = path.join(repositoryRoot, '.tmp/screenshots');

let sim: MarketplaceSimulator;
let browser: Browser;
let page: Page;
let seller: Server;
/** What buyers' browsers posted to the seller's registration page. */
const arrivals: { type: string; form: URLSearchParams }[] = [];
const complaints: string[] = [];

beforeAll(async () => {
  sim = await MarketplaceSimulator.start({ clock: new VirtualClock({ startAt: START, rate: 0 }), callsPerSecond: 0 });
  seller = createServer((request, response) => {
    void text(request).then((body) => {
      if (request.method === 'POST')
        arrivals.push({ type: request.headers['content-type'] ?? '', form: new URLSearchParams(body) });
      response.end('welcome');
    });
  }).listen(0, '127.0.0.1');
  await once(seller, 'listening');
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  page = await visitor();
});
afterAll(async () => {
  await browser.close();
  seller.close();
  seller.closeAllConnections();
  await sim.stop();
});

async function visitor(options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
  context.setDefaultTimeout(10_000);
  const opened = await context.newPage();
  opened.on('pageerror', (error) => complaints.push(String(error)));
  opened.on('console', (message) => {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      complaints.push(message.text());
  });
  await opened.goto(`${sim.url}/_simulator/`);
  await opened.locator('body[data-live=true]').waitFor();
  return opened;
}

async function screenshot(of: Page, name: string): Promise<void> {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await of.screenshot({ path: path.join(SCREENSHOTS, `simulator-${name}.png`), fullPage: true });
}

const section = (name: string) => page.getByRole('region', { name, exact: true }).first();

it('publishes a product, subscribes a buyer, and sends them to the seller as AWS does', async () => {
  await screenshot(page, 'empty');
  await page.getByText('Publish a product').click();
  await page.getByLabel('Product code', { exact: true }).fill('maple');
  await page.getByLabel('Dimensions', { exact: true }).fill('users, gigabytes');
  await page.getByRole('button', { name: 'Publish' }).click();
  await section('Products').getByText('users, gigabytes · by license').waitFor();

  await page.getByLabel('Buyer’s AWS account', { exact: true }).fill('012345678901');
  await page.getByLabel('Free trial', { exact: true }).check();
  await page.getByRole('button', { name: 'Subscribe' }).click();
  const card = page.getByRole('listitem').filter({ hasText: '012345678901' });
  await card.getByText('ACTIVE').waitFor();

  await card.getByRole('button', { name: 'Set up account' }).click();
  await page.getByRole('status').getByText('Give the registration URL').waitFor();
  await page
    .getByLabel('Registration URL of the seller', { exact: true })
    .fill(`http://127.0.0.1:${(seller.address() as AddressInfo).port}/registration`);
  const [tab] = await Promise.all([
    page.waitForEvent('popup'),
    card.getByRole('button', { name: 'Set up account' }).click(),
  ]);
  await tab.getByText('welcome').waitFor();
  expect(arrivals.map(({ type, form }) => [type, [...form.keys()]])).toEqual([
    ['application/x-www-form-urlencoded', ['x-amzn-marketplace-token', 'x-amzn-marketplace-offer-type']],
  ]);
  expect(await page.getByRole('status').isHidden()).toBe(true);
  await tab.close();
});

it('shows calls and the bill as they come, and what a fault made of them', async () => {
  await page.getByRole('button', { name: 'Lose answers' }).click();
  await page.getByRole('button', { name: 'Lose answers', pressed: true }).waitFor();
  const [agreement] = sim.agreements();
  const client = meteringClient(sim.url);
  const record = {
    Timestamp: START,
    Quantity: 5,
    LicenseArn: agreement!.licenseArn,
    CustomerAWSAccountId: agreement!.accountId,
  };
  await expect(
    client.send(new BatchMeterUsageCommand({ UsageRecords: [{ ...record, Dimension: 'users' }] })),
  ).rejects.toThrow();
  await section('Bill').getByRole('row', { name: '2026-11-18 12:00:00Z users 5 012345678901 maple' }).waitFor();
  await section('Calls').getByRole('row', { name: 'BatchMeterUsage 1 reset · resetAfter yes' }).waitFor();
  await section('Faults').getByText('1 hits').waitFor();
  await screenshot(page, 'broken');

  await page.getByRole('button', { name: 'Take all faults away' }).click();
  await section('Faults').getByText('AWS is well.').waitFor();
  await expect(
    client.send(new BatchMeterUsageCommand({ UsageRecords: [{ ...record, Dimension: '<b>x</b>' }] })),
  ).rejects.toThrow();
  client.destroy();
  await section('Calls').getByRole('row', { name: 'InvalidUsageDimensionException no' }).waitFor();
});

it('moves time, and says what is wrong with a step', async () => {
  await page.getByRole('button', { name: '+6 hours' }).click();
  await page.getByText('2026-11-18 18:30:00Z · stands still').waitFor();
  await page.getByLabel('By', { exact: true }).fill('tomorrow');
  await page.getByRole('button', { name: 'Advance' }).click();
  await page.getByRole('status').getByText('by: expected milliseconds >= 0, or a duration such as PT1H30M').waitFor();
  await page.getByLabel('By', { exact: true }).fill('PT30M');
  await page.getByRole('button', { name: 'Advance' }).click();
  await page.getByText('2026-11-18 19:00:00Z').waitFor();
  expect(sim.clock.now()).toEqual(new Date('2026-11-18T19:00:00Z'));
});

it('plays other readings', async () => {
  await page.getByRole('combobox', { name: 'Preset' }).selectOption('chaos');
  await page.getByRole('button', { name: 'Play' }).click();
  await page.getByText('Each open question').click();
  await expectSoon(() => sim.switches.resultOrder, 'shuffled');
  await expectSoon(() => page.getByRole('combobox', { name: 'resultOrder' }).inputValue(), 'shuffled');
  await page.getByRole('combobox', { name: 'resultOrder' }).selectOption('reversed');
  await page.getByLabel('lateWindowHours', { exact: true }).fill('7');
  await page.getByLabel('lateWindowHours', { exact: true }).press('Tab');
  await expectSoon(() => [sim.switches.resultOrder, sim.switches.lateWindowHours], ['reversed', 7]);
});

it('suspends, reinstates and cancels', async () => {
  const card = page.getByRole('listitem').filter({ hasText: '012345678901' });
  await card.getByRole('button', { name: 'Suspend' }).click();
  await card.getByText('SUSPENDED').waitFor();
  await card.getByRole('button', { name: 'Reinstate' }).click();
  await card.getByText('ACTIVE').waitFor();
  await card.getByRole('button', { name: 'Cancel' }).click();
  await card.getByText('CANCELLED').waitFor();
  expect(sim.agreements()).toMatchObject([{ status: 'CANCELLED', endsAt: new Date('2026-11-18T19:00:00Z') }]);
  await screenshot(page, 'cancelled');
});

it('can be used from the keyboard alone, and every field has a name', async () => {
  const unnamed = await page.evaluate(
    "[...document.querySelectorAll('input, select, button')].filter((field) => !field.labels?.length && !field.textContent.trim()).map(({ outerHTML }) => outerHTML)",
  );
  expect(unnamed).toEqual([]);
  await page.getByRole('button', { name: '+1 hour' }).focus();
  await page.keyboard.press('Enter');
  await page.getByText('2026-11-18 20:00:00Z').waitFor();
  // A refresh leaves the focus where it is.
  expect(await page.evaluate('document.activeElement.textContent')).toBe('+1 hour');
});

it('fits a phone, in the dark', async () => {
  const phone = await visitor({
    viewport: { width: 360, height: 740 },
    colorScheme: 'dark',
    deviceScaleFactor: 2,
    hasTouch: true,
  });
  expect(await phone.evaluate('document.documentElement.scrollWidth')).toBe(360);
  expect(await phone.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(20, 23, 28)');
  await screenshot(phone, 'phone');
});

it('cannot be driven by a page elsewhere', async () => {
  const elsewhere = await (await browser.newContext()).newPage();
  await elsewhere.goto(`http://127.0.0.1:${(seller.address() as AddressInfo).port}/`);
  const before = sim.agreements();
  const attempts = `Promise.all([
    fetch('${sim.url}/_simulator/agreements').then(() => 'read', () => 'refused'),
    fetch('${sim.url}/_simulator/state/reset', { method: 'POST', mode: 'no-cors' }).then(() => 'sent', () => 'refused'),
    fetch('${sim.url}/_simulator/clock', { method: 'PUT', headers: { 'content-type': 'application/json' }, body: '{"rate":9}' }).then(() => 'sent', () => 'refused'),
  ])`;
  expect(await elsewhere.evaluate(attempts)).toEqual(['refused', 'sent', 'refused']);
  expect([sim.agreements(), sim.clock.rate]).toEqual([before, 0]);
});

it('gave the browser nothing to complain of', () => {
  expect(complaints).toEqual([]);
});

async function expectSoon<Value>(value: () => Value | Promise<Value>, expected: Value): Promise<void> {
  for (
    const end = Date.now() + 10_000;
    Date.now() < end && JSON.stringify(await value()) !== JSON.stringify(expected);
  ) {
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  expect(await value()).toEqual(expected);
}
