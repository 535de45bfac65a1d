import { createHash } from 'node:crypto';
import { type WorldSnapshot } from '../world-snapshot.js';

const format = 'marketplace-simulator-state';

/** Raised with every change after which an older state would be misread. */
const version = 2;

export interface StateDocument {
  readonly format: typeof format;
  readonly version: typeof version;
  /** SHA-256 of the world as JSON, hexadecimal: a file that was cut off or edited is noticed. */
  readonly digest: string;
  readonly world: WorldSnapshot;
}

export function stateDocument(world: WorldSnapshot): StateDocument {
  return { format, version, digest: digestOf(world), world };
}

/**
 * The world in a document that was written by this version and not changed since. Throws an Error that says what is
 * wrong with any other.
 */
export function worldOf(document: unknown): WorldSnapshot {
  const { format: itsFormat, version: itsVersion, digest, world } = (document ?? {}) as Partial<StateDocument>;
  if (itsFormat !== format) throw new Error('it is not a state of the marketplace simulator');
  if (itsVersion !== version)
    throw new Error(`it is of version ${String(itsVersion)}, and this simulator reads version ${version}`);
  if (!world || digest !== digestOf(world))
    throw new Error('its content does not fit its digest: it is damaged, or was edited');
  return world;
}

function digestOf(world: WorldSnapshot): string {
  return createHash('sha256').update(JSON.stringify(world)).digest('hex');
}
