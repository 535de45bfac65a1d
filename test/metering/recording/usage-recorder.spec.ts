import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type UsageRecorder } from '../../../src/metering/usage-recorder.js';
import { type MeteredBuyer, RecordingLedger } from './recording-ledger.js';

let ledger: RecordingLedger;
let recorder: UsageRecorder;
let buyer: MeteredBuyer;

beforeAll(async () => {
  ledger = await RecordingLedger.open();
  recorder = await ledger.recorder();
  buyer = await ledger.buyer();
});

afterAll(async () => {
  await ledger.close();
});

describe('recording', () => {
  it('answers a single event after its commit, with a minted key that is its id', async () => {
    const event = buyer.event({ quantity: '1.5' });
    const result = await recorder.record(event);
    ledger.noteRecorded(event);
    expect(result).toEqual({ eventId: result.idempotencyKey, idempotencyKey: expect.any(String), outcome: 'recorded' });
    expect(await ledger.conservation()).toMatchObject({ held: { events: 1, quantity: '1.5' } });
  });
});
