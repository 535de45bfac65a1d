#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { MarketplaceSimulator } from '../marketplace-simulator.js';
import { VirtualClock } from '../virtual-clock.js';
import { commandSettings, type CommandSettings, commandUsage } from './command-settings.js';

/** Calls that are remembered: few enough that a state file stays small. */
const callLogLimit = 2000;

function welcome({ url }: MarketplaceSimulator, settings: CommandSettings, goesOn: boolean): string {
  const state =
    settings.stateFile === undefined ? [] : [`  State        ${settings.stateFile}${goesOn ? ', gone on from' : ''}`];
  return [
    `AWS Marketplace is simulated at ${url}`,
    '',
    `  Page         ${url}/_simulator/`,
    `  Control API  ${url}/_simulator/openapi.json`,
    `  AWS CLI      aws --endpoint-url ${url} --region us-east-1 meteringmarketplace batch-meter-usage …`,
    `  AWS SDKs     endpoint: '${url}', any credentials`,
    ...state,
    '',
    'Ctrl-C ends it.',
    '',
  ].join('\n');
}

function explain(error: unknown, { port, host }: CommandSettings): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') return `port ${port} is taken. Give another with --port, or 0 for a free one.`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return `this machine has no address ${host}. Give another with --host.`;
  if (code === 'EACCES') return `port ${port} is not open to this user. Give one above 1023 with --port.`;
  return message;
}

async function run(settings: CommandSettings): Promise<void> {
  const { port, host, seed, preset, scenario, stateFile, startAt, rate, callsPerSecond } = settings;
  const goesOn = stateFile !== undefined && existsSync(stateFile);
  const clock = new VirtualClock({ rate, ...(startAt && { startAt }) });
  const simulator = await MarketplaceSimulator.start({
    ...{ port, host, seed, preset, clock, callLogLimit },
    ...(scenario && { scenario }),
    ...(callsPerSecond !== undefined && { callsPerSecond }),
    ...(stateFile !== undefined && { stateFile }),
  });
  let ending = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // Whoever asks twice does not want to wait.
      if (ending) process.exit(1);
      ending = true;
      simulator.stop().then(
        () => process.exit(0),
        (error: unknown) => {
          process.stderr.write(`marketplace-simulator: ${explain(error, settings)}\n`);
          process.exit(1);
        },
      );
    });
  }
  process.stdout.write(welcome(simulator, settings, goesOn));
}

let settings: CommandSettings | 'help';
try {
  settings = commandSettings(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`marketplace-simulator: ${(error as Error).message}\nTry --help.\n`);
  process.exit(2);
}
if (settings === 'help') {
  process.stdout.write(commandUsage);
} else {
  const given = settings;
  await run(given).catch((error: unknown) => {
    process.stderr.write(`marketplace-simulator: ${explain(error, given)}\n`);
    process.exitCode = 1;
  });
}
