import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { type CallAnswer, meetingPlace, sharedNonce, WorkerRound } from '../../src/container/worker-round.js';

// Workers of one cluster as processes of their own: test/crash/registered-workers.spec.ts.

const place = (): string => `\0marketplace-round-${randomUUID()}`;
const answered = (signature = 'signed'): CallAnswer => ({ kind: 'answered', publicKeyVersion: 1, signature });
const GATHER_MS = 200;

describe('workers that ask together', () => {
  it('share one call, whose nonce is made of all of theirs', async () => {
    const address = place();
    const rounds = Array.from({ length: 4 }, () => new WorkerRound(address));
    const asked: string[] = [];
    const call = (nonce: string): Promise<CallAnswer> => {
      asked.push(nonce);
      return Promise.resolve(answered(`of ${nonce}`));
    };
    const answers = await Promise.all(rounds.map((round) => round.ask(GATHER_MS, call)));
    expect(asked).toHaveLength(1);
    for (const [index, answer] of answers.entries()) {
      if (answer.kind !== 'answered' || !('nonces' in answer)) throw new Error('no answer');
      expect(answer.nonces).toContain(rounds[index]?.nonce);
      expect(answer.signature).toBe(`of ${sharedNonce(answer.nonces)}`);
      expect(sharedNonce(answer.nonces)).toBe(asked[0]);
    }
  });

  it('who comes while the call is under way makes one of their own', async () => {
    const address = place();
    const [first, late] = [new WorkerRound(address), new WorkerRound(address)];
    let calls = 0;
    let lateAnswer: Promise<unknown> = Promise.resolve();
    await first.ask(0, async () => {
      calls += 1;
      lateAnswer = late.ask(0, (nonce) => {
        calls += 1;
        expect(nonce).toBe(sharedNonce([late.nonce]));
        return Promise.resolve(answered());
      });
      await new Promise((resolve) => setTimeout(resolve, GATHER_MS));
      return answered();
    });
    expect(await lateAnswer).toMatchObject({ kind: 'answered', nonces: [late.nonce] });
    expect(calls).toBe(2);
  });

  it('another takes the place of who gives up', async () => {
    const address = place();
    const [first, second] = [new WorkerRound(address), new WorkerRound(address)];
    expect(await first.ask(0, () => Promise.resolve({ kind: 'failed' as const }))).toEqual({ kind: 'failed' });
    const waiting = second.ask(0, () => Promise.resolve(answered('of the second')));
    await new Promise((resolve) => setTimeout(resolve, 50));
    first.leave();
    expect(await waiting).toMatchObject({ signature: 'of the second', nonces: [second.nonce] });
  });

  it.each([0, 1, 2, 5])(
    'whoever gives up, %i turns after another came: nobody waits for who is gone',
    async (turns) => {
      const address = place();
      const [first, second] = [new WorkerRound(address), new WorkerRound(address)];
      await first.ask(0, () => Promise.resolve({ kind: 'failed' as const }));
      const waiting = second.ask(0, () => Promise.resolve(answered('of the second')));
      for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      first.leave();
      expect(await waiting).toMatchObject({ signature: 'of the second', nonces: [second.nonce] });
    },
  );

  it('who comes to a worker that has its answer, and has not said its nonce, is told to ask itself', async () => {
    const address = place();
    const first = new WorkerRound(address);
    let word = '';
    await first.ask(0, async () => {
      const silent = connect({ path: address });
      silent.on('data', (chunk) => (word += String(chunk)));
      await new Promise((resolve) => setTimeout(resolve, GATHER_MS));
      return answered();
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(word).toBe('"late"\n');
  });

  it('an answer that comes without our nonce is still shown, for its taker to refuse', async () => {
    const round = new WorkerRound(null);
    expect(await round.ask(0, () => Promise.resolve(answered()))).toEqual({ ...answered(), nonces: [round.nonce] });
  });

  it('who says nonsense at the meeting place is not heard', async () => {
    const address = place();
    const round = new WorkerRound(address);
    const answer = round.ask(GATHER_MS, () => Promise.resolve(answered()));
    await new Promise((resolve) => setTimeout(resolve, 50));
    const stranger = connect({ path: address });
    stranger.on('error', () => undefined);
    stranger.write('GET / HTTP/1.1\r\n\r\n');
    expect(await answer).toMatchObject({ nonces: [round.nonce] });
    stranger.destroy();
  });
});

describe('the meeting place', () => {
  it('is one of the workers of a cluster, of one product and resource, on Linux', () => {
    const of = (parent: number, ...what: string[]): string | null => meetingPlace(true, parent, what, 'linux');
    expect(of(7, 'abc', 'us-east-1', 'pod')).toMatch(/^\0marketplace-register-usage-[0-9a-f]{40}$/);
    const places = [of(7, 'abc', 'pod'), of(8, 'abc', 'pod'), of(7, 'abd', 'pod'), of(7, 'abc', 'pod-2')];
    expect(new Set(places).size).toBe(4);
    expect(meetingPlace(false, 7, ['abc'], 'linux')).toBeNull();
    expect(meetingPlace(true, 7, ['abc'], 'darwin')).toBeNull();
  });
});
