import { Initial1796000000000 } from './1796000000000-initial.js';

/** Every migration in order. A static list, because a glob finds nothing in a bundled application. */
export const MIGRATIONS = [Initial1796000000000];
