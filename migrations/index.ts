import { CreateLedger1795392000000 } from './1795392000000-create-ledger.js';

/** Every migration in order. A static list, because a glob finds nothing in a bundled application. */
export const MIGRATIONS = [CreateLedger1795392000000];
