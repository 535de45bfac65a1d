import { parseArgs } from 'node:util';
import { type Outcome, Story } from './check/story.js';
import { databaseUrlOf } from './start-settings.js';
import { sum, textOf, unitsOf } from './units.js';

/** Three times what a machine at rest needs: this is for a story that hangs. */
const TIME_LIMIT_MS = 600_000;

const USAGE = `npm run demo:check -- [--sabotage] [--verbose]

  Tells the story of the demo without a browser, with faults thrown in, and holds the ledger against AWS's bill.
  The last line is the account as JSON. Exit code 0 only if every unit recorded is billed once or accounted for.

  --sabotage     drops one unit on purpose, to show that the check can fail
  --verbose      shows the log of the application
  DATABASE_URL   a Postgres to use. Default: one of its own, gone afterwards.
`;

const startedAt = performance.now();

function say(line: string): void {
  process.stderr.write(`demo:check ${((performance.now() - startedAt) / 1000).toFixed(1).padStart(5)} s  ${line}\n`);
}

/** Everything that speaks against the outcome. */
function complaintsAbout({
  findings,
  recordedUnits,
  billedUnits,
  accountedUnits,
  conserved,
  faults,
}: Outcome): string[] {
  const absent = Object.entries(faults).filter(([, count]) => count < 1);
  const balanced = recordedUnits === sum([billedUnits, accountedUnits]);
  return [
    ...findings,
    ...(balanced
      ? []
      : [
          `in all: recorded ${textOf(recordedUnits)}, billed ${textOf(billedUnits)}, accounted ` +
            textOf(accountedUnits),
        ]),
    ...(conserved ? [] : ['the ledger is not conserved']),
    ...absent.map(([name]) => `the story had nothing ${name} in it, so it proves nothing about that`),
  ];
}

/** Units of the story have two decimals, which JSON numbers hold exactly; should that change, this says so. */
function accountOf(
  { subscriptions, agreements, events, records, metered, recordedUnits, billedUnits, accountedUnits, faults }: Outcome,
  conserved: boolean,
) {
  const number = (units: bigint): number => {
    const value = Number(textOf(units));
    if (unitsOf(value) !== units) throw new RangeError(`${textOf(units)} is no JSON number`);
    return value;
  };
  return {
    subscriptions,
    agreements,
    events,
    records,
    metered,
    recordedUnits: number(recordedUnits),
    billedUnits: number(billedUnits),
    accountedUnits: number(accountedUnits),
    faults,
    conserved,
  };
}

/** Rejects when time is up, or when somebody wants the check to end. */
function interruption(): Promise<never> {
  return new Promise((_resolve, reject) => {
    setTimeout(() => {
      reject(new Error(`the story did not come to its end within ${TIME_LIMIT_MS / 1000} s`));
    }, TIME_LIMIT_MS).unref();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        reject(new Error(`ended by ${signal}`));
      });
    }
  });
}

async function check(sabotage: boolean, verbose: boolean): Promise<boolean> {
  const story = new Story({ sabotage, verbose, databaseUrl: databaseUrlOf(process.env.DATABASE_URL), say });
  let outcome: Outcome;
  try {
    outcome = await Promise.race([story.tell(), interruption()]);
  } finally {
    await story.end();
  }
  const complaints = complaintsAbout(outcome);
  for (const complaint of complaints) say(`✗ ${complaint}`);
  if (complaints.length === 0) say('every unit is billed once or accounted for');
  process.stdout.write(`${JSON.stringify(accountOf(outcome, complaints.length === 0))}\n`);
  return complaints.length === 0;
}

try {
  const options = {
    sabotage: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
    help: { type: 'boolean' },
  } as const;
  const { sabotage, verbose, help } = parseArgs({ options }).values;
  if (help === true) process.stdout.write(USAGE);
  else process.exitCode = (await check(sabotage, verbose)) ? 0 : 1;
} catch (error) {
  say(`✗ ${(error as Error).message}`);
  // A story that was broken off may still have calls under way.
  process.exit(1);
}
