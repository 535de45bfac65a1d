import { CreateLedger1795392000000 } from './1795392000000-create-ledger.js';
import { FollowLifecycle1795478400000 } from './1795478400000-follow-lifecycle.js';

/** Every migration in order. A static list, because a glob finds nothing in a bundled application. */
export const MIGRATIONS = [CreateLedger1795392000000, FollowLifecycle1795478400000];
