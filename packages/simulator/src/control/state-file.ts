import { readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { type WorldSnapshot } from '../world-snapshot.js';
import { stateDocument, worldOf } from './state-document.js';

/** A simulated world in a file. At every moment the file holds one whole state, whenever the process is killed. */
export class StateFile {
  #writing: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  #written = '';

  constructor(
    readonly path: string,
    private readonly snapshot: () => WorldSnapshot,
  ) {}

  /**
   * The world in the file, or undefined where there is no file yet. Throws where there is one that it cannot read, and
   * leaves it alone.
   */
  read(): WorldSnapshot | undefined {
    try {
      const text = readFileSync(this.path, 'utf8');
      return worldOf(parsed(text));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`The state file ${this.path} cannot be used: ${reason}. Move it away, or name another file.`, {
        cause: error,
      });
    }
  }

  /**
   * Resolves when the file holds the world as it is now, or later. Those who ask while it is being written share the
   * next write.
   */
  save(): Promise<void> {
    this.#next ??= this.#writing
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        this.#writing = this.#write();
        return this.#writing;
      });
    return this.#next;
  }

  async #write(): Promise<void> {
    const text = JSON.stringify(stateDocument(this.snapshot()));
    if (text === this.#written) return;
    // A file of its own first: a rename happens wholly or not at all.
    const building = `${this.path}.${process.pid}.tmp`;
    const file = await open(building, 'w');
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(building, this.path);
    this.#written = text;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('it is not JSON, or was cut off');
  }
}
