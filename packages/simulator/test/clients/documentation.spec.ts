import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from '@jest/globals';
import { hourMs, startMetering, stopMarketplaces } from '../simulated-marketplace.js';
import { clientEnvironment, run } from './client-process.js';

afterEach(stopMarketplaces);

const page = readFileSync(new URL('../../docs/clients.md', import.meta.url), 'utf8');

/** The code below a heading, led to this simulator. */
function snippet(heading: string, url: string): string {
  const code = /```\w+\n([^]*?)```/.exec(page.split(`\n## ${heading}\n`)[1] ?? '')?.[1] ?? '';
  expect(code).toContain('http://localhost:4570');
  return code.replaceAll('http://localhost:4570', url);
}

/** A buyer of a legacy product, whose usage of this moment is taken. */
async function startBuyer() {
  const { sim, agreement } = await startMetering({ switches: { cloudTrailDelayMs: 0 } }, 'legacy');
  const startsAt = new Date(Date.now() - hourMs);
  sim.clock.set(new Date());
  sim.subscribe({ productCode: agreement.productCode, accountId: agreement.accountId, startsAt });
  return { sim, env: { ...clientEnvironment, TOKEN: sim.registrationToken(agreement) } };
}

describe('docs/clients.md', () => {
  it('shows shell commands that meter', async () => {
    const { sim, env } = await startBuyer();
    // With a socket for its input bash takes itself for a remote shell, and reads the machine's own start-up file.
    const { stdout, stderr } = await run('bash', ['--norc', '-euc', snippet('AWS CLI', sim.url)], { env });
    expect({ lines: stdout.trim().split('\n'), stderr }).toEqual({ lines: ['Success', 'BatchMeterUsage'], stderr: '' });
    expect(sim.bill()).toMatchObject([{ dimension: 'users', quantity: 5 }]);
  });

  it('shows Python that meters', async () => {
    const { sim, env } = await startBuyer();
    const { stdout, stderr } = await run('python3', ['-c', snippet('Python', sim.url)], { env });
    expect({ stdout: stdout.trim(), stderr }).toEqual({ stdout: "['Success'] []", stderr: '' });
    expect(sim.bill()).toMatchObject([{ dimension: 'users', quantity: 5 }]);
  });
});
