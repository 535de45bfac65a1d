import { describe, expect, it, jest } from '@jest/globals';
import { judge } from './judgement.js';
import { PlayedWorld, type Recipe } from './played-world.js';

// Random lives of buyers through the real module, against an oracle that knows the acts alone. The long run is a
// command: `npm run histories`.

jest.setTimeout(600_000);

describe('random lives', () => {
  it.each<Recipe>([
    { seed: 1, buyers: 7, hours: 24, messages: 'known', readings: 'default' },
    { seed: 2, buyers: 5, hours: 24, messages: 'wild', readings: 'default' },
    { seed: 3, buyers: 5, hours: 24, messages: 'known', readings: 'drawn' },
  ])(
    'of $buyers buyers within $hours hours have every unit billed as the oracle says, or in the ledger ' +
      '($messages messages, $readings readings, seed $seed)',
    async (recipe) => {
      const played = await PlayedWorld.play(recipe);
      try {
        const { figures, wrong } = await judge(played);
        expect(wrong).toEqual([]);
        expect(figures.histories).toBe(recipe.buyers);
        expect(figures.faults).toBeGreaterThan(0);
        expect(figures.billed / figures.units).toBeGreaterThan(0.5);
      } finally {
        await played.world.stop();
      }
    },
  );
});
