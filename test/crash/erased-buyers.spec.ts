import { once } from 'node:events';
import { describe, expect, it, jest } from '@jest/globals';
import { textOfLedger } from '../support/ledger-text.js';
import { spawnTypescript } from '../support/processes.js';
import { PRODUCT_CODE, World } from '../support/world.js';

jest.setTimeout(180_000);

const ARGS = ['--tenant', 'acme', '--by', 'dpo', '--because', 'request 2026-118'];

describe('an erasure that is killed', () => {
  it.each(['erase.names', 'erase.written'])(
    'at %s has erased nothing; again, everything, and no money moved',
    async (crashAt) => {
      await using world = await World.start({ lists: [PRODUCT_CODE], startAt: new Date('2026-11-11T10:05:00Z') });
      const buyer = await world.join('acme');
      await buyer.use(5);
      await world.pass(2);
      buyer.cancel();
      await world.pass(4);
      const before = await textOfLedger(world.database);
      const erase = (env: Record<string, string> = {}) =>
        spawnTypescript('test/crash/erasing-replica.ts', ['erase', ...ARGS], {
          env: { DATABASE_URL: world.postgres.url, NODE_NO_WARNINGS: '1', ...env },
        });

      expect(await once(erase({ CRASH_AT: crashAt }), 'exit')).toEqual([null, 'SIGKILL']);
      expect(await textOfLedger(world.database)).toEqual(before);

      expect(await once(erase(), 'exit')).toEqual([0, null]);
      expect(JSON.stringify(await textOfLedger(world.database))).not.toContain(buyer.accountId);
      expect((await world.expectConserved()).billed).toEqual({ 'l-1': 5 });
    },
  );
});
