import { expect, it } from '@jest/globals';
import { type Figures, judge } from './judgement.js';
import { nameStatements } from './named-statements.js';
import { PlayedWorld, type Recipe } from './played-world.js';
import { doubledTellings } from './tellings.js';

// The long run: `npm run histories`, with HISTORIES_WORLDS, HISTORIES_BUYERS, HISTORIES_HOURS, HISTORIES_SEED and
// HISTORIES_READINGS (`drawn`, the default, or `default`). Each world’s figures are printed; a failure names the world’s
// seed and the history, which is enough to play it again, alone with HISTORIES_ONLY (numbers with commas between).

nameStatements();

const figureOf = (name: string, fallback: number): number => Number(process.env[`HISTORIES_${name}`] ?? fallback);

it('random lives', async () => {
  const total: Partial<Record<keyof Figures, number>> = {};
  const [first, worlds] = [figureOf('SEED', 1), figureOf('WORLDS', 1)];
  let broken = 0;
  for (let seed = first; seed < first + worlds; seed += 1) {
    const recipe: Recipe = {
      ...{ seed, buyers: figureOf('BUYERS', 1000), hours: figureOf('HOURS', 48) },
      messages: seed % 2 === 1 ? 'known' : 'wild',
      readings: process.env.HISTORIES_READINGS === 'default' ? 'default' : 'drawn',
      ...(process.env.HISTORIES_ONLY !== undefined && { only: process.env.HISTORIES_ONLY.split(',').map(Number) }),
    };
    const began = performance.now();
    const played = await PlayedWorld.play(recipe);
    try {
      const { figures, wrong: misplaced } = await judge(played);
      const wrong = [...misplaced, ...doubledTellings(played.world.heard)];
      for (const line of wrong) print({ ...recipe, wrong: line });
      if (wrong.length > 0) broken += 1;
      for (const [name, value] of Object.entries(figures) as [keyof Figures, number][])
        total[name] = (total[name] ?? 0) + value;
      print({ ...recipe, ...figures, seconds: Math.round((performance.now() - began) / 1000) });
    } catch (error) {
      broken += 1;
      print({ ...recipe, failed: (error as Error).message });
    } finally {
      await played.world.stop();
    }
  }
  const { billed = 0, units = 0 } = total;
  print({ worlds, broken, ...total, shareBilled: Number((billed / units).toFixed(4)) });
  expect({ worldsThatAreNotAsTheOracleSays: broken }).toEqual({ worldsThatAreNotAsTheOracleSays: 0 });
});

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
