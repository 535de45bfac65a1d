import { styleText } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { LedgerReader } from './control-panel/ledger-reader.js';
import { Buyer } from './buyer.js';
import { hourTakes } from './demo-clock.js';
import { DemoLogger } from './demo-logger.js';
import { Narrator } from './narrator.js';
import { Stage } from './stage.js';
import { START_USAGE, type StartSettings, startSettingsOf } from './start-settings.js';

const FIRST_CUSTOMER = 'Birch & Co';
const FIRST_CUSTOMER_PAUSE_MS = 4000;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function welcome({ settings }: Stage): string {
  const { publicUrl, adminToken, timeline } = settings;
  const link = (path: string): string => styleText('cyan', `${publicUrl}${path}`);
  return `
  ${styleText('bold', 'Larkspur')} is open: it renders images, and sells on AWS Marketplace. An hour takes ${hourTakes(timeline.rate)}.

    Start here    ${link('/aws')}   subscribe as a buyer, set up, render; break AWS, mend it
    Larkspur      ${link('/')}
    Control panel ${link('/control-panel')}   every unit: the ledger beside AWS's bill
    Admin API     curl -H 'Authorization: Bearer ${adminToken}' ${publicUrl}/marketplace/admin/records

  Ctrl-C ends it; nothing stays behind. One customer is here already:
`;
}

/** Renders now and then, so that there is something to see before the first click. */
async function keepRendering(buyer: Buyer, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const images = 1 + Math.floor(Math.random() * 9);
    await buyer.render({ images, size: 'preview', project: 'catalogue' }).catch(() => undefined);
    await sleep(FIRST_CUSTOMER_PAUSE_MS, undefined, { signal }).catch(() => undefined);
  }
}

function explain(error: NodeJS.ErrnoException): string {
  if (error.code === 'EADDRINUSE')
    return `port ${process.env.PORT ?? ''} is taken. Set PORT to another, or leave it out for a free one.`;
  if (error.code === 'ECONNREFUSED')
    return `no Postgres answers at DATABASE_URL (${error.message}). Start it, or leave DATABASE_URL out.`;
  return error.message;
}

async function run(settings: StartSettings): Promise<void> {
  const closing = new AbortController();
  const ended = new Promise<void>((resolve) => {
    closing.signal.addEventListener('abort', () => {
      resolve();
    });
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // Whoever asks twice does not want to wait; the database still goes with the process.
      if (closing.signal.aborted) process.exit(1);
      closing.abort();
    });
  }

  const stage = await Stage.start({ ...settings, logger: new DemoLogger() });
  try {
    const { simulator, app } = stage;
    const narrator = new Narrator(app.get(LedgerReader), simulator, say);
    say(welcome(stage));
    const { publicUrl: url, productCode } = stage.settings;
    const buyer = await Buyer.arrive(FIRST_CUSTOMER, { url, simulator, productCode });
    narrator.start();
    const rendering = keepRendering(buyer, closing.signal);
    await ended;
    say('\n  Closing: what is under way is finished first.');
    await rendering;
    await narrator.stop();
    simulator.faults.clear();
  } finally {
    await stage.stop();
  }
  say('  Closed. Nothing is left behind.');
}

try {
  const settings = startSettingsOf(process.argv.slice(2), process.env);
  if (settings === 'help') say(START_USAGE);
  else await run(settings);
} catch (error) {
  process.stderr.write(`\nLarkspur cannot run: ${explain(error as NodeJS.ErrnoException)}\n`);
  process.exitCode = 1;
}
