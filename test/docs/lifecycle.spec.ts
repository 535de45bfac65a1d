import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { STANDINGS } from '../../src/subscription/agreements/state-policy.js';

describe('docs/lifecycle.md', () => {
  it('shows what may be done in each state as the code has it', () => {
    const page = readFileSync(new URL('../../docs/lifecycle.md', import.meta.url), 'utf8');
    const rows = [...page.matchAll(/^\| `(\w+)` \| [^|]+ \| (\w+) \| (yes|no) \| (yes|no) \|$/gm)];
    const shown = Object.fromEntries(
      rows.map(([, state, seals, zeroRecords, lives]) => [state, { seals, zeroRecords: zeroRecords === 'yes', lives: lives === 'yes' }]),
    );
    expect(shown).toEqual(STANDINGS);
  });
});
