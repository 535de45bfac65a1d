import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { jsonOf } from '../runtime/json.js';

/** What AWS answered to one call. */
export interface CallAnswer {
  kind: 'answered';
  publicKeyVersion: number;
  signature: string | undefined;
}

/** An answer with the nonces of all who had asked for it. */
export interface SharedAnswer extends CallAnswer {
  nonces: string[];
}

/** Longest that a worker waits for another's call before it says that it has no answer yet. */
const WAIT_MS = 60_000;
const LINE_MAX = 100_000;
const MEMBERS_MAX = 256;

/** The nonce of one call for all who ask together: each of theirs is in it, so to each it is as fresh as their own. */
export function sharedNonce(nonces: readonly string[]): string {
  return createHash('sha256')
    .update(JSON.stringify([...nonces].sort()))
    .digest('base64url');
}

/**
 * Workers of one process group share one call: the first to come makes it, with a nonce of all, and hands AWS's answer
 * on. Nobody is believed: each worker checks that its own nonce is in the answer, and AWS's signature, as if it had asked
 * itself. An answer is for those who had asked before the call; who comes later makes a call of its own.
 */
export class WorkerRound {
  /** Ours, of this process and of nobody else. */
  readonly nonce = randomBytes(32).toString('base64url');
  private server: Server | null = null;
  /** Everyone who has come, and the nonce of each who has already said it. */
  private readonly members = new Map<Socket, string | null>();
  private hasGathered = false;
  private isLate = false;
  private readonly left = new AbortController();

  /** @param address null for a process that has no siblings */
  constructor(private readonly address: string | null) {}

  get isShared(): boolean {
    return this.address !== null;
  }

  /**
   * @param gatherMs how long the first to come waits for others before it makes the call
   * @returns the answer that holds our nonce; `waiting` where another worker is still about it, or this one has left
   */
  async ask<Other extends { kind: string }>(
    gatherMs: number,
    call: (nonce: string) => Promise<CallAnswer | Other>,
  ): Promise<SharedAnswer | Other | { kind: 'waiting' }> {
    const role = await this.roleOrAnswer();
    if (typeof role === 'object') return role;
    if (!this.hasGathered) await this.pause(gatherMs);
    // A call is a bill: who is told to end before it does not begin it.
    if (this.left.signal.aborted) return { kind: 'waiting' };
    this.hasGathered = true;
    const asked = new Map([...this.members].filter((member): member is [Socket, string] => member[1] !== null));
    const nonces = [this.nonce, ...asked.values()];
    const outcome = await call(sharedNonce(nonces));
    if (!isAnswer(outcome)) return outcome;
    const answer = { ...outcome, nonces };
    this.handOn(asked, answer);
    return answer;
  }

  /**
   * For good: asks nobody any more. Lets the others go: who has no answer asks again, and one of them takes this one's
   * place.
   */
  leave(): void {
    this.left.abort();
    for (const member of this.members.keys()) member.destroy();
    this.members.clear();
    this.server?.close();
    this.server = null;
  }

  /** `calls`: nobody else does it for us. */
  private async roleOrAnswer(): Promise<SharedAnswer | { kind: 'waiting' } | 'calls'> {
    if (this.address === null || this.server !== null || this.isLate) return 'calls';
    const until = performance.now() + WAIT_MS;
    for (;;) {
      if (this.left.signal.aborted) return { kind: 'waiting' };
      if (await this.lead(this.address)) return 'calls';
      const heard = await this.hear(this.address, until - performance.now());
      if (heard === 'late') {
        this.isLate = true;
        this.hasGathered = true;
        return 'calls';
      }
      if (heard !== 'gone') return heard;
    }
  }

  private async lead(address: string): Promise<boolean> {
    const server = createServer((socket) => {
      this.take(socket);
    });
    server.unref();
    try {
      // In a cluster's worker a plain `listen` would be shared by all of them.
      server.listen({ path: address, exclusive: true });
      await once(server, 'listening');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
      throw error;
    }
    this.server = server;
    return true;
  }

  private take(socket: Socket): void {
    socket.unref();
    socket.on('close', () => this.members.delete(socket));
    if (this.members.size >= MEMBERS_MAX) {
      socket.destroy();
      return;
    }
    // From the first instant: who is let go before its nonce was read must hear of it, too, or it waits for nobody.
    this.members.set(socket, null);
    void firstLine(socket).then((nonce) => {
      const isNonce = nonce !== null && /^[\w-]{43}$/.test(nonce);
      if (!isNonce) socket.destroy();
      else if (this.members.has(socket)) this.members.set(socket, nonce);
    });
  }

  /** Ends when the time is over, or this one leaves. */
  private async pause(pauseMs: number, options: { ref?: boolean } = {}): Promise<void> {
    await sleep(pauseMs, undefined, { ...options, signal: this.left.signal }).catch(() => undefined);
  }

  private handOn(asked: ReadonlyMap<Socket, string>, answer: SharedAnswer): void {
    for (const member of this.members.keys()) member.end(`${JSON.stringify(asked.has(member) ? answer : 'late')}\n`);
    this.members.clear();
    this.server?.close();
    this.server = null;
  }

  private async hear(
    address: string,
    patienceMs: number,
  ): Promise<SharedAnswer | { kind: 'waiting' } | 'late' | 'gone'> {
    const socket = connect({ path: address });
    try {
      await once(socket, 'connect');
      socket.write(`${this.nonce}\n`);
      const waited = this.pause(Math.max(0, patienceMs), { ref: false }).then(() => ({ kind: 'waiting' as const }));
      const line = await Promise.race([firstLine(socket), waited]);
      if (typeof line === 'object' && line !== null) return line;
      if (line === null) return 'gone';
      const answer = jsonOf(line);
      return isShared(answer) ? answer : 'late';
    } catch {
      return 'gone';
    } finally {
      socket.destroy();
    }
  }
}

/** The first line that comes; null where the connection ends before, however it ends. */
function firstLine(socket: Socket): Promise<string | null> {
  return new Promise((resolve) => {
    let heard = '';
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      heard += text;
      const end = heard.indexOf('\n');
      if (end >= 0) resolve(heard.slice(0, end));
      else if (heard.length > LINE_MAX) socket.destroy();
    });
    // Resets come as errors, after which a socket closes: unheard, an error would end the whole process.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      resolve(null);
    });
  });
}

function isAnswer(outcome: { kind: string }): outcome is CallAnswer {
  return outcome.kind === 'answered';
}

function isShared(value: unknown): value is SharedAnswer {
  const { kind, nonces, publicKeyVersion } = (value ?? {}) as Record<string, unknown>;
  const isList = Array.isArray(nonces) && nonces.every((nonce) => typeof nonce === 'string');
  return kind === 'answered' && isList && typeof publicKeyVersion === 'number';
}

/**
 * Where the workers of one cluster meet: by their primary, in the kernel's own name space, which needs no file. Null
 * where there are no siblings to meet, or no such names.
 */
export function meetingPlace(
  isWorker: boolean,
  parentPid: number,
  what: readonly string[],
  platform: NodeJS.Platform = process.platform,
): string | null {
  if (!isWorker || platform !== 'linux') return null;
  const digest = createHash('sha256')
    .update(JSON.stringify([parentPid, ...what]))
    .digest('hex');
  return `\0marketplace-register-usage-${digest.slice(0, 40)}`;
}
