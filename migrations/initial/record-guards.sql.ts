/** Records, rollups and balances: frozen columns, drawn transitions, balances by the record alone. */
export const RECORD_GUARDS: readonly string[] = [];
