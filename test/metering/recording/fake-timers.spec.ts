import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { nextLine, spawnTypescript } from '../../support/processes.js';
import { PRODUCTS, RecordingLedger, SELLER } from './recording-ledger.js';
import { recordInStoppedTime, type StoppedTimeOrder } from './stopped-time.js';

let ledger: RecordingLedger;
beforeAll(async () => {
  ledger = await RecordingLedger.open();
});
afterEach(() => {
  jest.useRealTimers();
});
afterAll(() => ledger.close());

const OUTCOMES = ['recorded', 'recorded', 'recorded', 'recorded', 'duplicate', 'recorded', 'recorded'];

async function orderFor(tenantId: string): Promise<StoppedTimeOrder> {
  await ledger.tenant(tenantId);
  const options = {
    sellerAccount: SELLER,
    database: { url: ledger.database.url },
    products: PRODUCTS,
    signUpUrl: 'https://app.example.com/sign-up',
    aws: { endpoint: 'http://127.0.0.1:9' },
  };
  return { options, tenantId };
}

describe('record() and close() answer while time stands still', () => {
  it.each<[string, Parameters<typeof jest.useFakeTimers>[0]]>([
    ['jest’s defaults', {}],
    // vitest leaves these two as they are, and takes the rest.
    ['vitest’s defaults', { doNotFake: ['nextTick', 'queueMicrotask'] }],
  ])('under %s', async (name, timers) => {
    const order = await orderFor(name);
    expect(await recordInStoppedTime(order, () => void jest.useFakeTimers(timers))).toEqual(OUTCOMES);
    jest.useRealTimers();
    expect(await ledger.sumOfTenant(name)).toEqual({ events: 6, quantity: '6' });
  });

  it('under mock.timers of node', async () => {
    const order = await orderFor('node');
    const host = spawnTypescript('test/metering/recording/stopped-time.ts', [JSON.stringify(order)]);
    expect((await nextLine(host)).split(' ')).toEqual(OUTCOMES);
    expect(await ledger.sumOfTenant('node')).toEqual({ events: 6, quantity: '6' });
  });
});
