// What has to be asked before an event can be written waits for the database as long as the event itself would.
import { monotonicMs, sleep } from '../../runtime/real-time.js';
import { recordingFailureOf } from './recording-failure.js';
import { notRecordedBecause } from './usage-refusal.js';

const PAUSE_MIN_MS = 10;
const PAUSE_MAX_MS = 500;

/**
 * Asks again while the database is away.
 * @throws UsageNotRecordedError `RECORD_FAILED` after `timeoutMs`: nothing was written
 */
export async function throughOutage<Answer>(ask: () => Promise<Answer>, timeoutMs: number): Promise<Answer> {
  const deadline = monotonicMs() + timeoutMs;
  for (let pauseMs = PAUSE_MIN_MS; ; pauseMs = Math.min(pauseMs * 2, PAUSE_MAX_MS)) {
    try {
      return await ask();
    } catch (error) {
      if (recordingFailureOf(error) !== 'unavailable') throw error;
      if (monotonicMs() + pauseMs > deadline) throw notRecordedBecause(error, 'notWritten', []);
      await sleep(pauseMs);
    }
  }
}
