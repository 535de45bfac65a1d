import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type PresetName, presets } from '../switches.js';
import { type ScenarioInput } from './scenario.js';

const defaultPort = 4570;
const portMax = 65_535;

export const commandUsage = `marketplace-simulator [options]

AWS Marketplace on localhost: point the endpoint of any AWS SDK or the AWS CLI at it.

  --port <number>      where it listens, 0 for any free port. Default ${defaultPort}.
  --host <address>     the address it listens on. Default 127.0.0.1. It has no login: whoever reaches it may drive it.
  --scenario <file>    JSON: products, buyers, switches, faults and timed steps to begin with.
  --state <file>       keeps everything there, and goes on from it: no restart loses anything, not even kill -9.
  --preset <name>      readings of AWS's open questions: ${Object.keys(presets).join(', ')}. Default strict.
  --seed <number>      a whole number; the same seed and the same calls give the same ids and orders. Default 1.
  --start-at <moment>  where the clock starts, such as 2026-11-30T22:00:00Z. Default: now.
  --rate <number>      how many times as fast as the clock on the wall it runs, 0 to freeze it. Default 1.
  --calls-per-second <number>
                       the call quota per operation, account and region, 0 for none. Default: AWS's own.
  --help               shows this.
`;

export interface CommandSettings {
  readonly port: number;
  readonly host: string;
  readonly scenario: ScenarioInput | undefined;
  readonly stateFile: string | undefined;
  readonly preset: PresetName;
  readonly seed: number;
  readonly startAt: Date | undefined;
  readonly rate: number;
  /** Undefined for AWS's own quotas. */
  readonly callsPerSecond: number | undefined;
}

/** Throws an Error that says which argument to change, and to what. */
export function commandSettings(args: readonly string[]): CommandSettings | 'help' {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...{
        port: text,
        host: text,
        scenario: text,
        state: text,
        preset: text,
        seed: text,
        'start-at': text,
        rate: text,
        'calls-per-second': text,
      },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return 'help';
  return {
    port: numberOf(
      '--port',
      values.port,
      defaultPort,
      (port) => Number.isInteger(port) && port <= portMax,
      `a whole number from 0 to ${portMax}`,
    ),
    host: values.host ?? '127.0.0.1',
    scenario: values.scenario === undefined ? undefined : scenarioIn(values.scenario),
    stateFile: values.state,
    preset: presetOf(values.preset ?? 'strict'),
    seed: numberOf('--seed', values.seed, 1, Number.isSafeInteger, 'a whole number'),
    startAt: values['start-at'] === undefined ? undefined : momentOf(values['start-at']),
    rate: numberOf('--rate', values.rate, 1, Number.isFinite, 'a number >= 0'),
    callsPerSecond: numberOf(
      '--calls-per-second',
      values['calls-per-second'],
      undefined,
      Number.isFinite,
      'a number >= 0',
    ),
  };
}

function numberOf<Fallback>(
  option: string,
  text: string | undefined,
  fallback: Fallback,
  fits: (value: number) => boolean,
  expected: string,
): number | Fallback {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && fits(value)) return value;
  throw new Error(`${option}: give ${expected}, not "${text}".`);
}

function presetOf(name: string): PresetName {
  if (Object.hasOwn(presets, name)) return name as PresetName;
  throw new Error(`--preset: give one of ${Object.keys(presets).join(', ')}, not "${name}".`);
}

function momentOf(text: string): Date {
  const moment = new Date(text);
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d.*(?:Z|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(moment.getTime())) return moment;
  throw new Error(`--start-at: give a moment with its zone such as 2026-11-30T22:00:00Z, not "${text}".`);
}

function scenarioIn(file: string): ScenarioInput {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`--scenario: ${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)}).`, {
      cause: error,
    });
  }
  try {
    return JSON.parse(text) as ScenarioInput;
  } catch (error) {
    throw new Error(`--scenario: ${file} is not JSON: ${error instanceof Error ? error.message : String(error)}.`, {
      cause: error,
    });
  }
}
