import { sum, textOf, type Units, unitsOf } from '../../saas/units.js';
import { BuyersAccount } from './buyers-account.js';

// npm run example:container: a morning of Fernwood in a buyer's account, with what goes wrong there. The last line is the
// account as JSON; the exit code is 0 only if every unit recorded is on AWS's bill once, or named by the ledger.

const STARTS_AT = new Date('2026-11-11T10:17:30Z');

interface Account {
  recordedUnits: number;
  billedUnits: number;
  accountedUnits: number;
  conserved: boolean;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Units of the story have two decimals, which JSON numbers hold. */
const numberOf = (units: Units): number => Number(textOf(units));

async function tell(account: BuyersAccount): Promise<Account> {
  const { simulator, clock } = account;
  const recorded: Units[] = [];
  const scan = async (id: string, gigabytes: string): Promise<void> => {
    await account.scan(id, gigabytes);
    recorded.push(unitsOf(gigabytes));
  };

  const first = await account.startTask();
  say(`10:17  task ${first.resource.resourceId.slice(-6)} starts, registers, and may meter`);
  await scan('scan-1', '12.5');
  await scan('scan-2', '7.25');
  // Whoever asks twice is counted once.
  await account.scan('scan-2', '7.25');

  const lost = simulator.faults.add({ kind: 'resetAfter', operation: 'MeterUsage', count: 1 });
  await account.at('11:11');
  say('11:11  hour 10 is sent; the answer is lost, and an identical record is answered by the id of the first');
  await scan('scan-3', '4.5');
  const throttled = simulator.faults.add({ kind: 'throttle', operation: 'MeterUsage', count: 2 });
  await account.at('12:11');
  say('12:11  hour 11 is throttled twice, and sent');

  await scan('scan-4', '9');
  await account.at('12:40');
  await account.stopTask();
  const second = await account.startTask();
  say(`12:40  a new release: SIGTERM, and task ${second.resource.resourceId.slice(-6)} on the same volume`);
  await scan('scan-5', '3.3');
  await account.at('13:11');
  say('13:11  hour 12, of both tasks, is one record of the task that lives');
  await scan('scan-6', '6.2');
  await account.at('14:11');
  say(`14:11  ${clock.now().toISOString().slice(0, 10)} is over for this story`);

  if (lost.hits !== 1 || throttled.hits !== 2) throw new Error('a fault did not strike, so the story proves nothing');
  return accountOf(account, sum(recorded));
}

async function accountOf(account: BuyersAccount, recorded: Units): Promise<Account> {
  const { simulator } = account;
  const billed = sum(
    simulator
      .bill()
      .filter(({ operation }) => operation === 'MeterUsage')
      .map(({ quantity }) => unitsOf(quantity)),
  );
  const balances = await account.balance();
  const metered = sum(balances.map(({ byState }) => unitsOf(byState.metered ?? '0')));
  // Everything that has a place in the ledger other than AWS's bill: above all the fraction that waits for its whole.
  const accounted = sum(
    balances.flatMap(({ unsealed, waiting, setApart, included, carry, byState }) => {
      const others = Object.entries(byState).flatMap(([state, units]) => (state === 'metered' ? [] : [units]));
      return [unsealed, ...Object.values(waiting), setApart, included, carry, ...others].map(unitsOf);
    }),
  );
  const hours = simulator.bill().filter(({ operation }) => operation === 'RegisterUsage').length;
  say(`       AWS bills ${textOf(billed)} GB, and ${hours} hours of tasks; the ledger keeps ${textOf(accounted)} GB`);
  const isConserved = balances.every(({ conserved }) => conserved);
  return {
    recordedUnits: numberOf(recorded),
    billedUnits: numberOf(billed),
    accountedUnits: numberOf(accounted),
    conserved: isConserved && metered === billed && recorded === sum([billed, accounted]),
  };
}

// The terminal is for the story.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
const buyers = await BuyersAccount.open(STARTS_AT);
try {
  const account = await tell(buyers);
  process.stdout.write(`${JSON.stringify(account)}\n`);
  if (!account.conserved) process.exitCode = 1;
} finally {
  await buyers.close();
}
