import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type Page } from 'playwright-core';
import { Demo } from './demo.js';

jest.setTimeout(90_000);

/** An hour takes three seconds. */
const RATE = '1200';

let demo: Demo;

beforeAll(async () => {
  demo = await Demo.start('--rate', RATE);
});

afterAll(async () => {
  expect(await demo.stop()).toBe(0);
});

/** Accepts the offer and follows the way that AWS shows, up to the sign-up page. */
async function subscribe(page: Page): Promise<void> {
  await page.goto('/aws');
  await page.getByRole('button', { name: 'Subscribe', exact: true }).click();
  await page.getByRole('status').getByRole('button', { name: 'Set up your account' }).click();
  await page.waitForURL('**/sign-up?registrationCode=*');
}

async function signUp(page: Page, company: string): Promise<void> {
  await subscribe(page);
  await page.getByLabel('Company').fill(company);
  await page.getByLabel('E-mail').fill('orders@example.com');
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.waitForURL('**/dashboard');
}

/** The number beside a state in the card of a dimension, 0 where the state does not stand there. */
async function unitsIn(page: Page, dimension: string, state: string): Promise<number> {
  const card = page.locator('article', { has: page.locator('h3', { hasText: dimension }) });
  const value = card
    .locator('.legend div', { has: page.locator(`.chip.${state}`) })
    .locator('dd')
    .first();
  return (await value.count()) === 0 ? 0 : Number(await value.textContent());
}

async function eventually(what: string, condition: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 40_000; Date.now() < end;) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`Not in time: ${what}`);
}

describe('a buyer whose browser comes from another site, as from AWS', () => {
  /** AWS's page is at a site of its own, and its form is posted across. */
  async function fromAws(page: Page): Promise<string> {
    await page.goto('/aws');
    await page.getByRole('button', { name: 'Subscribe', exact: true }).click();
    const form = page.getByRole('status').locator('form');
    const action = new URL((await form.getAttribute('action')) ?? '', demo.url).href;
    const fields = await form
      .locator('input')
      .evaluateAll((inputs) => inputs.map((input) => (input as { outerHTML: string }).outerHTML).join(''));
    const body = `<form method="post" action="${action}">${fields}<button>Go on</button></form>`;
    await page.route('http://aws.example/', (route) => route.fulfill({ contentType: 'text/html', body }));
    await page.goto('http://aws.example/');
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.waitForURL('**/sign-up?registrationCode=*');
    return page.url();
  }

  it('is let in with the cookie of the landing page; whoever has the link alone is not', async () => {
    const [page, stranger] = [await demo.visitor(), await demo.visitor()];
    const link = await fromAws(page);
    await stranger.goto(link);
    expect(await stranger.getByRole('alert').textContent()).toContain('handed to another browser');
    await page.getByLabel('Company').fill('Cross & Site');
    await page.getByLabel('E-mail').fill('orders@example.com');
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.waitForURL('**/dashboard');
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('Cross & Site');
  });
});

describe('a buyer in the browser', () => {
  let page: Page;

  beforeAll(async () => {
    page = await demo.visitor();
  });

  it('comes from the home page to a dashboard in four clicks', async () => {
    await page.goto('/');
    await demo.screenshot(page, 'home');
    await page.getByRole('link', { name: 'Get it on AWS Marketplace' }).click();
    await page.getByRole('button', { name: 'Subscribe', exact: true }).click();
    await demo.screenshot(page, 'aws-subscribed');
    await page.getByRole('status').getByRole('button', { name: 'Set up your account' }).click();
    await page.waitForURL('**/sign-up?registrationCode=*');
    await demo.screenshot(page, 'sign-up');
    await page.getByLabel('Company').fill('Maple <Press>');
    await page.getByLabel('E-mail').fill('orders@example.com');
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.waitForURL('**/dashboard');
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('Maple <Press>');
    expect(await page.getByText('No usage yet.').isVisible()).toBe(true);
    await demo.screenshot(page, 'dashboard-empty');
  });

  it('renders, and sees the units become a metering record and the same bill', async () => {
    await page.getByLabel('Project').fill('catalogue');
    await page.getByRole('button', { name: 'Render 5 images' }).click();
    expect(await page.getByRole('status').textContent()).toContain('Rendered 5 images: 6.25 megapixels.');
    await eventually('5 renders are metered', async () => (await unitsIn(page, 'renders', 'metered')) === 5);
    // 6.25 megapixels: six are billed, a quarter waits for company.
    await eventually('6 megapixels are metered', async () => (await unitsIn(page, 'megapixels', 'metered')) === 6);
    expect(await unitsIn(page, 'megapixels', 'carry')).toBe(0.25);
    const row = page.getByRole('row').filter({ hasText: 'renders' }).filter({ hasText: 'metered' });
    expect(await row.getByRole('cell').allTextContents()).toEqual(expect.arrayContaining(['5', '✓ equal']));
    expect(await page.getByText('Every recorded unit is accounted for.').count()).toBe(2);
    await demo.screenshot(page, 'dashboard-metered');
  });

  it('loses nothing while AWS takes usage and does not say so', async () => {
    await page.getByRole('button', { name: 'Lose answers' }).click();
    await page.waitForURL('**/dashboard#break-aws');
    expect(await page.getByRole('button', { name: 'Lose answers', pressed: true }).isVisible()).toBe(true);
    expect(await page.getByText('AWS is broken:').isVisible()).toBe(true);
    await page.getByRole('button', { name: '40 images' }).click();
    await page.getByText('AWS has it; its answer was lost').first().waitFor({ timeout: 40_000 });
    expect(await unitsIn(page, 'renders', 'metered')).toBe(5);
    expect((await unitsIn(page, 'renders', 'pending')) + (await unitsIn(page, 'renders', 'sending'))).toBe(40);
    await demo.screenshot(page, 'dashboard-broken');

    await page.getByRole('button', { name: 'Mend AWS' }).click();
    await eventually('45 renders are metered', async () => (await unitsIn(page, 'renders', 'metered')) === 45);
    expect(await page.getByText('✗ differs').count()).toBe(0);
    expect(await page.getByText('Every recorded unit is accounted for.').count()).toBe(2);
  });

  it('is told what is wrong with an order', async () => {
    const answer = await page.request.post('/dashboard/renders', { form: { images: '0', size: 'huge' } });
    expect(answer.status()).toBe(400);
    expect(await answer.text()).toContain('images: give at least 1; size: give one of thumbnail, preview, poster.');
  });

  it('uses the API with a key from the dashboard', async () => {
    await page.goto('/dashboard');
    await page.getByRole('button', { name: 'Create an API key' }).click();
    const apiKey = await page.locator('#api-key').textContent();
    const order = {
      headers: { authorization: `Bearer ${apiKey!}`, 'idempotency-key': 'first' },
      data: { images: 2, size: 'poster' },
    };
    const first = await page.request.post('/api/renders', order);
    expect(first.status()).toBe(201);
    expect(await first.json()).toMatchObject({ images: 2, megapixels: 7.5, repeated: false });
    expect(await (await page.request.post('/api/renders', order)).json()).toMatchObject({ repeated: true });
    const other = await page.request.post('/api/renders', { ...order, data: { images: 3, size: 'poster' } });
    expect(other.status()).toBe(409);
    const stranger = await page.request.post('/api/renders', { data: { images: 2 } });
    expect(stranger.status()).toBe(401);
  });

  it('is signed in again by AWS Marketplace, and keeps one account', async () => {
    await page.context().clearCookies();
    await page.goto('/dashboard');
    expect(await page.getByRole('alert').textContent()).toContain('You are not signed in.');
    await page.goto('/aws');
    await page
      .getByRole('listitem')
      .filter({ hasText: 'Maple <Press>' })
      .getByRole('button', { name: 'Set up your account' })
      .first()
      .click();
    await page.getByRole('button', { name: 'Continue to the dashboard' }).click();
    await page.waitForURL('**/dashboard');
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('Maple <Press>');
  });

  /** Presses a button beside the newest subscription of a company that has it. */
  async function manage(company: string, button: string): Promise<void> {
    await page.goto('/aws');
    await page
      .getByRole('listitem')
      .filter({ hasText: company })
      .getByRole('button', { name: button, exact: true })
      .first()
      .click();
    await page.waitForURL('**/aws*');
  }

  it('renews, and replaces, and renders on without a word of its own', async () => {
    await manage('Maple <Press>', 'Renew');
    await page
      .getByText(/^renewed/)
      .first()
      .waitFor();
    await eventually('the workspace is renewed', async () => {
      await page.goto('/dashboard');
      return page.getByText('renewed').first().isVisible();
    });
    await manage('Maple <Press>', 'Replace');
    await page
      .getByText(/^replaced/)
      .first()
      .waitFor();
    await demo.screenshot(page, 'aws-replaced');
    await page.goto('/dashboard');
    await page.getByRole('button', { name: 'Render 5 images' }).click();
    expect(await page.getByRole('status').first().textContent()).toContain('Rendered 5 images');
    // 45, 2 by the API, 5.
    await eventually('52 renders are metered', async () => (await unitsIn(page, 'renders', 'metered')) === 52);
    expect(await page.getByText('✗').count()).toBe(0);
    await demo.screenshot(page, 'dashboard-replaced');
  });

  it('cancels, and can render no more', async () => {
    await manage('Maple <Press>', 'Cancel');
    await page
      .getByText(/^cancelled/)
      .first()
      .waitFor();
    await page.goto('/dashboard');
    await eventually('Larkspur has heard of it', async () => {
      await page.getByRole('button', { name: 'Render 5 images' }).click();
      return (await page.getByRole('alert').count()) > 0;
    });
    expect(await page.getByRole('alert').textContent()).toContain('Your subscription has ended.');
    await demo.screenshot(page, 'dashboard-ended');
  });

  it('returns, and finds the account as it was', async () => {
    await manage('Maple <Press>', 'Subscribe again');
    await page.getByRole('status').getByRole('button', { name: 'Set up your account' }).click();
    await page.waitForURL('**/sign-up?registrationCode=*');
    await page.getByRole('button', { name: /Add this subscription to|Continue to the dashboard/ }).click();
    await page.waitForURL('**/dashboard');
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('Maple <Press>');
    await page.getByRole('button', { name: '1 image' }).click();
    expect(await page.getByRole('status').first().textContent()).toContain('Rendered 1 image');
    await demo.screenshot(page, 'dashboard-returned');
  });
});

describe('a buyer on a free trial', () => {
  it('converts it, and the workspace is a paid one', async () => {
    const page = await demo.visitor();
    await page.goto('/aws');
    await page.getByLabel('Start with a free trial').check();
    await page.getByRole('button', { name: 'Subscribe', exact: true }).click();
    await page.getByRole('status').getByRole('button', { name: 'Set up your account' }).click();
    await page.getByLabel('Company').fill('Tentative Type');
    await page.getByLabel('E-mail').fill('orders@example.com');
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.waitForURL('**/dashboard');
    await eventually('the trial workspace is ready', async () => {
      await page.goto('/dashboard');
      return page.getByText('Trial workspace ready').isVisible();
    });
    await page.goto('/aws');
    const own = page.getByRole('listitem').filter({ hasText: 'Tentative Type' });
    await own.getByRole('button', { name: 'Convert to paid' }).click();
    await page.waitForURL('**/aws*');
    await eventually('the workspace is a paid one', async () => {
      await page.goto('/dashboard');
      return page.getByText(/^\s*Workspace ready/).isVisible();
    });
    expect(await page.getByText('Free trial').count()).toBe(0);
  });
});

describe('what a buyer gets wrong', () => {
  it('a landing page without a token', async () => {
    const page = await demo.visitor();
    await page.goto('/aws');
    await page.evaluate(
      `document.querySelectorAll('[name="x-amzn-marketplace-token"]').forEach((field) => field.remove())`,
    );
    const landed = page.waitForResponse('**/marketplace/registration');
    await page.getByRole('button', { name: 'Set up your account' }).first().click();
    expect((await landed).status()).toBe(400);
    await page.getByRole('link', { name: 'help@larkspur.example' }).waitFor();
    await demo.screenshot(page, 'landing-no-token');
  });

  it('a landing page with a token that AWS does not know', async () => {
    const page = await demo.visitor();
    const answer = await page.request.post('/marketplace/registration', {
      form: { 'x-amzn-marketplace-token': 'nonsense' },
    });
    expect(answer.status()).toBe(400);
    expect(await answer.text()).not.toContain('nonsense');
  });

  it('a sign-up page with a code that nobody gave out', async () => {
    const page = await demo.visitor();
    const response = await page.goto('/sign-up?registrationCode=guess');
    expect(response?.status()).toBe(404);
    expect(await page.getByRole('alert').textContent()).toContain('not one of ours');
    await demo.screenshot(page, 'sign-up-unknown-code');
  });

  it('fields that do not hold; the code is not used up by them', async () => {
    const page = await demo.visitor();
    await subscribe(page);
    // As a browser without checks of its own would.
    await page.evaluate("document.querySelectorAll('form').forEach((form) => (form.noValidate = true))");
    await page.getByLabel('Company').fill('X');
    await page.getByLabel('E-mail').fill('nobody');
    await page.getByRole('button', { name: 'Create account' }).click();
    expect(await page.getByRole('alert').textContent()).toBe(
      'Company: give at least 2 characters; E-mail: give an address such as you@example.com.',
    );
    await demo.screenshot(page, 'sign-up-problem');
    await page.getByLabel('Company').fill('Xylem');
    await page.getByLabel('E-mail').fill('x@example.com');
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.waitForURL('**/dashboard');
  });

  it('a page that does not exist', async () => {
    const page = await demo.visitor();
    const response = await page.goto('/nowhere');
    expect(response?.status()).toBe(404);
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('There is no such page');
  });
});

describe('the view of all customers', () => {
  it('shows each unit of everybody', async () => {
    const page = await demo.visitor({ colorScheme: 'dark' });
    await page.goto('/control-panel');
    const row = page.getByRole('row').filter({ hasText: 'Birch & Co' }).filter({ hasText: '✓ equal' });
    await row.first().waitFor({ timeout: 40_000 });
    expect(await page.getByText('✗').count()).toBe(0);
    await demo.screenshot(page, 'control-panel');
  });
});

describe('on a phone, in the dark', () => {
  it('no page is wider than the screen', async () => {
    const page = await demo.visitor({
      viewport: { width: 360, height: 740 },
      colorScheme: 'dark',
      deviceScaleFactor: 2,
      hasTouch: true,
    });
    await signUp(page, 'Pocket Prints');
    await page.getByRole('button', { name: 'Render 5 images' }).click();
    await eventually('5 renders are metered', async () => (await unitsIn(page, 'renders', 'metered')) === 5);
    for (const path of ['/', '/aws', '/dashboard', '/control-panel']) {
      await page.goto(path);
      const widest = await page.evaluate('document.documentElement.scrollWidth');
      await demo.screenshot(page, `phone${path.replace('/', '-')}`);
      expect({ path, widest }).toEqual({ path, widest: 360 });
    }
  });
});

describe('in every visit', () => {
  it('the browser had nothing to complain of', () => {
    expect(demo.complaints).toEqual([]);
  });
});
