/** How far rollups were compared with their events, and which did not agree. */
export const PROOF: readonly string[] = [
  `CREATE TABLE marketplace.proof_cursor (
    seller_account text PRIMARY KEY,
    -- Every rollup up to this id was compared.
    proven_id bigint NOT NULL DEFAULT 0,
    -- The newest rollup that was seen, and the first transaction that had not begun then: once all before that one are
    -- over, no rollup with a lower id can appear any more.
    horizon_id bigint NOT NULL DEFAULT 0,
    horizon_xid xid8,
    -- Business time at which the horizon was last reached.
    proven_at timestamptz
  )`,
  // Its record is not sent as long as it stands here.
  `CREATE TABLE marketplace.unproven_rollup (
    rollup_id bigint PRIMARY KEY REFERENCES marketplace.rollup,
    seller_account text NOT NULL,
    found_at timestamptz NOT NULL
  )`,
];
