/** Rows that are history: neither deleted nor truncated by anybody. */
export const KEPT = [
  'installation',
  'ledger_home',
  'submission_hold',
  'product',
  'product_settings',
  'product_mode',
  'dimension',
  'customer',
  'buyer',
  'subscription',
  'agreement',
  'agreement_name',
  'buyer_name',
  'inbox_message',
  'fact',
  'claim',
  'payer_choice',
  'subject',
  'usage_event',
  'rollup',
  'rollup_event',
  'annulled_rollup',
  'period',
  'balance',
  'included_usage',
  'entitlement_change',
  'metering_identity',
  'metering_record',
  'seal_cursor',
  'attempt',
  'attempt_record',
  'outbox_event',
  'operator_action',
];

/** What the database refuses whoever asks: each family of tables has its guards in a file of its own. */
export const GUARDS: readonly string[] = [
  `CREATE FUNCTION marketplace.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    RAISE EXCEPTION '% on marketplace.% is refused: the ledger is append-only', TG_OP, TG_TABLE_NAME USING ERRCODE =
      'restrict_violation';
  END $$`,
  ...KEPT.flatMap((table) => [
    `CREATE TRIGGER ${table}_no_delete BEFORE DELETE ON marketplace.${table} FOR EACH ROW
      EXECUTE FUNCTION marketplace.refuse()`,
    `CREATE TRIGGER ${table}_no_truncate BEFORE TRUNCATE ON marketplace.${table} FOR EACH STATEMENT
      EXECUTE FUNCTION marketplace.refuse()`,
  ]),
];
