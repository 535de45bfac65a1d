import { describe, expect, it } from '@jest/globals';
import { ledgerCommand } from '../../../src/metering/settlement/ledger.command.js';

/** Nobody listens there: what is refused is refused before anything is asked. */
const NOWHERE = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' };

describe('the command marketplace-ledger', () => {
  it.each([
    [[], 'Name a command'],
    [['wipe'], 'There is no command "wipe"'],
    [['release'], 'release needs --by'],
    [['hold', '--by', 'ada'], 'hold needs --because'],
    [['unlink'], 'unlink needs <subscriptionId>, --tenant, --by and --because'],
    [['unlink', 's-1', '--by', 'ada', '--because', 'why'], 'unlink needs --tenant'],
    [['erase', '--by', 'ada', '--because', 'why'], 'erase takes either <subscriptionId> or --tenant'],
    [['erase', 's-1', '--tenant', 'acme', '--by', 'ada', '--because', 'why'], 'erase takes either'],
    [['status', 'now'], 'status takes no "now"'],
    [['release', '--by', 'ada', 'now'], 'release takes no "now"'],
    [['unlink', 's-1', 's-2', '--tenant', 'acme', '--by', 'ada', '--because', 'why'], 'unlink takes no "s-2"'],
    [['hold', '--by', 'ada', '--because', 'why', '--dry-run'], 'hold takes no --dry-run'],
    [['hold', '--by'], "Option '--by <value>' argument missing"],
    [['status', '--wipe'], "Unknown option '--wipe'"],
  ])('does nothing when given %j, and says why', async (words, why) => {
    const { exitCode, stdout, stderr } = await ledgerCommand(words, NOWHERE);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr.slice(0, why.length)).toBe(why);
    expect(stderr).toMatch(/^[^\n]+\.\n\nusage: /);
  });

  it('explains itself when asked', async () => {
    expect(await ledgerCommand(['hold', '--help'], {})).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^usage: /),
    });
  });
});
