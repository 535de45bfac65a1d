import { describe, expect, it } from '@jest/globals';
import { workInLines } from '../../../src/metering/submission/work-lines.js';

/** Lines of work that go on when they are told to. */
function lines(most: number) {
  const begun: { beginAnother: () => void; end: () => void; fail: (error: Error) => void }[] = [];
  const all = workInLines(
    most,
    (beginAnother) => new Promise<void>((end, fail) => begun.push({ beginAnother, end, fail })),
  );
  return { begun, all };
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('lines of work', () => {
  it('are one, until it begins another, and never more than there may be', async () => {
    const { begun, all } = lines(3);
    expect(begun).toHaveLength(1);
    begun[0]!.beginAnother();
    begun[1]!.beginAnother();
    for (const { beginAnother } of [...begun]) beginAnother();
    expect(begun).toHaveLength(3);
    for (const { end } of begun) end();
    await all;
  });

  it('have the place of one that has ended', async () => {
    const { begun, all } = lines(2);
    begun[0]!.beginAnother();
    begun[1]!.end();
    await turn();
    begun[0]!.beginAnother();
    expect(begun).toHaveLength(3);
    begun[0]!.end();
    let hasEnded = false;
    void all.then(() => (hasEnded = true));
    await turn();
    expect(hasEnded).toBe(false);
    begun[2]!.end();
    await all;
  });

  it('go on where one has failed, which keeps its place; in the end the first failure is thrown', async () => {
    const { begun, all } = lines(3);
    const failure = all.catch((error: unknown) => error);
    begun[0]!.fail(new Error('first'));
    await turn();
    begun[1]!.beginAnother();
    begun[1]!.beginAnother();
    expect(begun).toHaveLength(3);
    begun[2]!.fail(new Error('second'));
    await turn();
    expect(begun).toHaveLength(3);
    begun[1]!.end();
    expect(await failure).toEqual(new Error('first'));
  });

  it('are no more where each has failed', async () => {
    let begun = 0;
    const fail = (): Promise<void> => Promise.reject(new Error(`failure ${(begun += 1)}`));
    await expect(workInLines(4, fail)).rejects.toThrow('failure 1');
    expect(begun).toBe(4);
  });
});
