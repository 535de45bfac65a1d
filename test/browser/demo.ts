import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { repositoryRoot, spawnTypescript, type TestProcess } from '../support/processes.js';

const CHROMIUM = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';
const QUIET = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'].concat([
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]);
const START_TIMEOUT_MS = 60_000;
const SCREENSHOTS = path.join(repositoryRoot, '.tmp/screenshots');

/** The demo as `npm start` runs it, and a browser in front of it. */
export class Demo {
  /** What the browser complained of: script errors, refusals by the content security policy. */
  readonly complaints: string[] = [];

  private constructor(
    readonly url: string,
    private readonly child: TestProcess,
    private readonly browser: Browser,
  ) {}

  static async start(...args: string[]): Promise<Demo> {
    const child = spawnTypescript('examples/saas/main.ts', args);
    try {
      const url = await addressIn(child);
      // The account goes on; nobody reads it here.
      child.stdout.resume();
      return new Demo(url, child, await chromium.launch({ executablePath: CHROMIUM, args: QUIET }));
    } catch (error) {
      child.kill('SIGTERM');
      throw error;
    }
  }

  /** A buyer's browser of its own, with its own cookies. */
  async visitor(options: BrowserContextOptions = {}): Promise<Page> {
    const context: BrowserContext = await this.browser.newContext({
      baseURL: this.url,
      viewport: { width: 1280, height: 900 },
      ...options,
    });
    context.setDefaultTimeout(15_000);
    const page = await context.newPage();
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('console', (message) => {
      // A page that is meant to answer 4xx is reported here, too.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
        this.complaints.push(message.text());
    });
    return page;
  }

  async screenshot(page: Page, name: string): Promise<void> {
    mkdirSync(SCREENSHOTS, { recursive: true });
    await page.screenshot({ path: path.join(SCREENSHOTS, `${name}.png`), fullPage: true });
  }

  /** Ends the demo as Ctrl-C does. @returns its exit code */
  async stop(): Promise<number | null> {
    await this.browser.close();
    if (this.child.exitCode !== null) return this.child.exitCode;
    const exited = once(this.child, 'exit') as Promise<[number | null]>;
    this.child.kill('SIGINT');
    return (await exited)[0];
  }
}

/** The first address that the demo prints. */
async function addressIn(child: TestProcess): Promise<string> {
  const tooLong = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS);
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const url = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
      if (url !== undefined) return url;
    }
    throw new Error('The demo ended before it printed a link');
  } finally {
    clearTimeout(tooLong);
  }
}
