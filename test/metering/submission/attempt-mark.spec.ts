import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CloudTrailClient, LookupEventsCommand } from '@aws-sdk/client-cloudtrail';
import { attemptIdOf } from '../../../src/aws/attempt-mark.js';
import { SubmissionBench, testCredentials } from './submission-bench.js';

interface TrailRecord {
  userAgent: string;
  requestID: string;
}

describe('the attempt in the user agent', () => {
  let bench: SubmissionBench;
  beforeAll(async () => {
    bench = await SubmissionBench.start({ simulator: { switches: { cloudTrailDelayMs: 0 } } });
  });
  afterAll(() => bench.stop());

  it('tells by CloudTrail whose call each was, also of calls at once, and of those whose answer was lost', async () => {
    const subscription = await bench.subscribe();
    for (const dimension of ['requests', 'storage'])
      for (const hour of bench.hours(20)) await bench.seal(subscription, { hour, dimension });
    bench.simulator.faults.add({ kind: 'resetAfter', count: 1 });
    await bench.first.submit();
    await bench.settle();
    const trail = new CloudTrailClient({
      ...{ region: 'us-east-1', endpoint: bench.simulator.url, credentials: testCredentials },
    });
    const { Events: events = [] } = await trail.send(new LookupEventsCommand({}));
    trail.destroy();
    const seen = events
      .map((event) => JSON.parse(event.CloudTrailEvent ?? '{}') as TrailRecord)
      .map(({ userAgent, requestID }) => [attemptIdOf(userAgent), requestID] as const);
    const attempts = await bench.database.query<{ id: string; aws_request_id: string | null }>(
      `SELECT id::text, aws_request_id FROM marketplace.attempt`,
    );
    expect(seen.map(([id]) => id).sort()).toEqual(attempts.map(({ id }) => id).sort());
    expect(seen.length).toBeGreaterThan(2);
    const lost = attempts.filter((attempt) => attempt.aws_request_id === null);
    expect(lost).toHaveLength(1);
    for (const { id, aws_request_id: requestId } of attempts.filter((attempt) => !lost.includes(attempt)))
      expect(seen).toContainEqual([id, requestId]);
    await bench.expectConserved();
  });

  it.each([
    ['aws-sdk-js/3.1 ua/2.1 attempt/01f3c1a0-0000-7000-8000-00000000000a', '01f3c1a0-0000-7000-8000-00000000000a'],
    ['attempt/01f3c1a0-0000-7000-8000-00000000000a app/host', '01f3c1a0-0000-7000-8000-00000000000a'],
    ['md/attempt/01f3c1a0-0000-7000-8000-00000000000a', null],
    ['attempt/01f3c1a0-0000-7000-8000-00000000000aa', null],
    ['attempt/3', null],
    ['aws-cli/2.1', null],
    ['', null],
  ])('reads %p', (userAgent, id) => {
    expect(attemptIdOf(userAgent)).toBe(id);
  });
});
