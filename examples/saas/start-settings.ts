import { parseArgs } from 'node:util';
import { hourTakes } from './demo-clock.js';

export interface StartSettings {
  /** How many times as fast as the wall clock business time runs. */
  rate: number;
  /** Undefined for a free one. */
  port: number | undefined;
  /** Undefined for a database of the demo's own. */
  databaseUrl: string | undefined;
}

const DEFAULT_RATE = 600;
const RATE_MAX = 7200;
const PORT_MAX = 65_535;

export const START_USAGE = `npm start -- [--rate <times>]

  --rate <times>   how many times as fast as the clock on the wall business time runs, 1 to ${RATE_MAX}. Default ${DEFAULT_RATE}: an hour takes ${hourTakes(DEFAULT_RATE)}.

  PORT             where Larkspur listens on 127.0.0.1. Default: a free port.
  DATABASE_URL     a Postgres to use. Default: one of its own, gone afterwards.
`;

/** @throws Error that says what to write instead */
export function startSettingsOf(args: readonly string[], environment: NodeJS.ProcessEnv): StartSettings | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: { rate: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help === true) return 'help';
  const rate = Number(values.rate ?? DEFAULT_RATE);
  if (!(rate >= 1 && rate <= RATE_MAX))
    throw new Error(`--rate: give a number from 1 to ${RATE_MAX}, not "${values.rate ?? ''}".`);
  return { rate, port: portOf(environment.PORT), databaseUrl: databaseUrlOf(environment.DATABASE_URL) };
}

function portOf(text = ''): number | undefined {
  if (text === '') return undefined;
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= PORT_MAX) return port;
  throw new Error(`PORT: give a number from 1 to ${PORT_MAX}, not "${text}", or leave it out for a free one.`);
}

/** Also for the check. The URL is not repeated in the message: it may hold a password. */
export function databaseUrlOf(text = ''): string | undefined {
  if (text === '') return undefined;
  if (/^postgres(ql)?:\/\//.test(text)) return text;
  throw new Error(
    'DATABASE_URL: give a URL that starts with postgres://, or leave it out for a database of the demo’s own.',
  );
}
