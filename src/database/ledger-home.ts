/** What tells one database from another, as far as it can be read. */
export interface LedgerHome {
  /** The cluster's system identifier: the same after a failover and in a restored snapshot; null where unreadable. */
  cluster: string | null;
  /** Another one in a copy, also within the cluster. */
  databaseOid: string;
  databaseName: string;
}

/**
 * Why a database is not the one in which the ledger was begun; null where it is. A renamed database is the same. A copy
 * of the whole cluster cannot be told apart by what is in it.
 */
export function strangenessOf(pinned: LedgerHome, found: LedgerHome): string | null {
  const isReadable = pinned.cluster !== null && found.cluster !== null;
  if (isReadable && pinned.cluster !== found.cluster)
    return `this ledger was begun in another cluster (system identifier ${pinned.cluster}, here ${found.cluster})`;
  if (pinned.databaseOid !== found.databaseOid)
    return (
      `this ledger was begun in the database "${pinned.databaseName}" (oid ${pinned.databaseOid}), and this is ` +
      `"${found.databaseName}" (oid ${found.databaseOid})`
    );
  if (!isReadable && pinned.databaseName !== found.databaseName)
    return `this ledger was begun in the database "${pinned.databaseName}", and this is "${found.databaseName}"`;
  return null;
}
