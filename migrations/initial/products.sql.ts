/** The installation, products with their modes, and the short ids of dimensions. */
export const PRODUCTS: readonly string[] = [
  `CREATE TABLE marketplace.installation (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    id uuid NOT NULL DEFAULT gen_random_uuid()
  )`,
  // A host's EntityManager proves with this id that it points at our database.
  `INSERT INTO marketplace.installation DEFAULT VALUES`,

  // In which database each seller's ledger was begun, or was last released by a person: a copy elsewhere is held.
  `CREATE TABLE marketplace.ledger_home (
    seller_account text PRIMARY KEY,
    cluster text,
    database_oid text NOT NULL,
    database_name text NOT NULL,
    pinned_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    pinned_by text NOT NULL
  )`,

  // Whether anything is sent, for every process on the ledger: the newest row counts, none is a ledger that was never
  // held. INSERT only, so that it says who held and released, when and why.
  `CREATE TABLE marketplace.submission_hold (
    seller_account text NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    is_held boolean NOT NULL,
    decided_by text NOT NULL CHECK (length(decided_by) BETWEEN 1 AND 255),
    reason text CHECK (length(reason) BETWEEN 1 AND 1000),
    decided_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (seller_account, id),
    CONSTRAINT submission_hold_says_why CHECK (NOT is_held OR reason IS NOT NULL)
  )`,

  `CREATE TABLE marketplace.product (
    seller_account text NOT NULL CHECK (seller_account ~ '^[A-Za-z0-9_.-]{1,64}$'),
    product_code text NOT NULL CHECK (length(product_code) BETWEEN 1 AND 255),
    type text NOT NULL CHECK (type IN ('saas', 'container', 'ami')),
    identity text NOT NULL CHECK (identity IN ('license', 'legacy')),
    region text NOT NULL,
    -- Business time: when a process that lists the product last looked for what it has to seal.
    listed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (seller_account, product_code)
  )`,
  // What decides about money, generation by generation: the highest is in force. A process whose settings are not those
  // in force sends and seals nothing; one that starts with settings of an earlier generation is an older one. INSERT only.
  `CREATE TABLE marketplace.product_settings (
    seller_account text NOT NULL,
    product_code text NOT NULL,
    generation integer NOT NULL CHECK (generation > 0),
    revision integer NOT NULL DEFAULT 0 CHECK (revision >= 0),
    settings jsonb NOT NULL,
    -- Business time: units that the options include count from then on.
    in_force_from timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (seller_account, product_code, generation),
    FOREIGN KEY (seller_account, product_code) REFERENCES marketplace.product
  )`,
  // From which hour a product is in which mode. An event's mode is that of its own instant; the newest row at or before
  // it counts, and of two rows of one hour the later decision. INSERT only.
  `CREATE TABLE marketplace.product_mode (
    seller_account text NOT NULL,
    product_code text NOT NULL,
    from_at timestamptz NOT NULL,
    mode text NOT NULL CHECK (mode IN ('live', 'dry-run', 'off')),
    decided_by text NOT NULL DEFAULT 'options',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    id bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (seller_account, product_code, from_at, id),
    FOREIGN KEY (seller_account, product_code) REFERENCES marketplace.product,
    -- A mode begins at any instant that a clock of ours can name; which hours are billed is for sealing to say.
    CONSTRAINT product_mode_from_millisecond CHECK (from_at = date_trunc('milliseconds', from_at))
  )`,
  // The event stores a short id; the name never changes under it.
  `CREATE TABLE marketplace.dimension (
    id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    seller_account text NOT NULL,
    product_code text NOT NULL,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    -- The dimension under which AWS is sent what exceeds a contract, where it is another.
    billed_as text CHECK (length(billed_as) BETWEEN 1 AND 255),
    UNIQUE (seller_account, product_code, name),
    FOREIGN KEY (seller_account, product_code) REFERENCES marketplace.product
  )`,
];
