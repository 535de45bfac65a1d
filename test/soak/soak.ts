// `npm run test:soak -- --minutes N --seed S`: replicas of a host in processes of their own, all that befalls companies,
// and the host's own journal against AWS's bill and the ledger. Exits 1 on a mismatch.
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { SeededRandom } from 'aws-marketplace-simulator';
import { Disasters } from './disasters.js';
import { SoakWorld } from './soak-world.js';
import { verdictOf } from './verdict.js';

const STEP_MS = 250;
const REPLICAS = 3;
const TENANTS = 12;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '2' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed);
if (!(minutes > 0) || !Number.isSafeInteger(seed)) {
  console.error('give --minutes N (above 0) and --seed S (a whole number)');
  process.exit(2);
}
console.log(`soak: ${minutes} min, seed ${seed}`);

const world = await SoakWorld.start(seed, { replicas: REPLICAS, tenants: TENANTS });
try {
  await world.ready();
  const disasters = new Disasters(world, new SeededRandom(seed, 'disasters'));
  const traffic = new SeededRandom(seed, 'traffic');
  const end = Date.now() + minutes * 60_000;
  for (let step = 0; Date.now() < end; step += 1) {
    await sleep(STEP_MS);
    for (let burst = traffic.integer(6); burst > 0; burst -= 1) world.use(traffic);
    world.askAgain(traffic);
    await disasters.step();
    if (step % 120 === 119) console.log(world.progress());
  }
  await disasters.end();
  console.log(`${world.progress()}; settling`);
  await world.settle();
  const verdict = await verdictOf(world);
  console.log(JSON.stringify({ minutes, seed, ...disasters.counts, ...verdict.counts }, null, 2));
  for (const mismatch of verdict.mismatches) console.error(`MISMATCH ${mismatch}`);
  console.log(`${verdict.mismatches.length} mismatches (seed ${seed})`);
  process.exitCode = verdict.mismatches.length === 0 ? 0 : 1;
} finally {
  await world.stop();
}
