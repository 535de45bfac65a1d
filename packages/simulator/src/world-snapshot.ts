/** A part of the simulated world that can be put away and taken out again. */
export interface Store {
  /** As JSON can carry it. */
  snapshot(): unknown;
  restore(snapshot: never): void;
}

/** Everything the simulator knows, as JSON can carry it. Faults with functions as predicates are not in it. */
export interface WorldSnapshot {
  readonly switches: object;
  /** By name, where each stream of the seed stands. */
  readonly streams: Readonly<Record<string, unknown>>;
  /** By name, what each store holds. */
  readonly stores: Readonly<Record<string, unknown>>;
}

export interface SnapshotParts {
  readonly switches: object;
  readonly streams: Readonly<Record<string, Store>>;
  /** In the order in which they are restored. */
  readonly stores: Readonly<Record<string, Store>>;
}

export function takeSnapshot({ switches, streams, stores }: SnapshotParts): WorldSnapshot {
  return { switches: { ...switches }, streams: allOf(streams), stores: allOf(stores) };
}

/** Parts that the snapshot lacks stay as they are. */
export function restoreSnapshot(parts: SnapshotParts, snapshot: WorldSnapshot): void {
  Object.assign(parts.switches, snapshot.switches);
  for (const kind of ['streams', 'stores'] as const) {
    for (const [name, store] of Object.entries(parts[kind])) {
      // Copied, so that no store shares its insides with the snapshot.
      if (name in snapshot[kind]) store.restore(structuredClone(snapshot[kind][name]) as never);
    }
  }
}

function allOf(stores: Readonly<Record<string, Store>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(stores).map(([name, store]) => [name, structuredClone(store.snapshot())]));
}
