import { SeededRandom } from 'aws-marketplace-simulator';

/** Set it to repeat a run that failed. */
const SEED_VARIABLE = 'MARKETPLACE_TEST_SEED';

/** Runs `work` with a seed; a failure names the seed. */
export async function seededRun(
  defaultSeed: number,
  work: (random: SeededRandom, seed: number) => Promise<void>,
): Promise<void> {
  const seed = Number(process.env[SEED_VARIABLE] ?? defaultSeed);
  try {
    await work(new SeededRandom(seed, 'test'), seed);
  } catch (error) {
    if (error instanceof Error) error.message = `with ${SEED_VARIABLE}=${seed}: ${error.message}`;
    throw error;
  }
}

export function pick<T>(random: SeededRandom, items: readonly T[]): T {
  const item = items[random.integer(items.length)];
  if (item === undefined) throw new RangeError('nothing to pick from');
  return item;
}
