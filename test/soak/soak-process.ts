import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { repositoryRoot, typescriptArgs } from '../support/processes.js';
import { type SoakOrder, type SoakReply, type SoakRequest } from './soak-order.js';

/** A replica in a process of its own, which starts anew as soon as it has ended. */
export class SoakProcess {
  /** Where it listens; null while it starts. */
  url: string | null = null;
  isStopped = false;
  private child: ChildProcess;
  private isOver = false;

  constructor(
    private readonly order: SoakOrder,
    private readonly hear: (reply: SoakReply) => void,
  ) {
    this.child = this.start();
  }

  ask(request: SoakRequest): boolean {
    return this.url !== null && this.child.connected && this.child.send(request, () => undefined);
  }

  signal(signal: NodeJS.Signals): void {
    if (signal === 'SIGSTOP' || signal === 'SIGCONT') this.isStopped = signal === 'SIGSTOP';
    this.child.kill(signal);
  }

  async end(): Promise<void> {
    this.isOver = true;
    const { child } = this;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  private start(): ChildProcess {
    this.url = null;
    this.isStopped = false;
    const child = spawn(process.execPath, [...typescriptArgs, path.join(repositoryRoot, 'test/soak/soak-replica.ts')], {
      cwd: repositoryRoot,
      stdio: ['pipe', 'ignore', 'inherit', 'ipc'],
      env: { ...process.env, NODE_NO_WARNINGS: '1' },
    });
    child.on('message', (reply: SoakReply) => {
      if (reply.kind === 'ready') this.url = reply.url;
      this.hear(reply);
    });
    // A pipe whose reader has been killed.
    child.stdin?.on('error', () => undefined);
    child.on('exit', () => {
      this.url = null;
      if (!this.isOver) this.child = this.start();
    });
    child.stdin?.end(`${JSON.stringify(this.order)}\n`);
    return child;
  }
}
