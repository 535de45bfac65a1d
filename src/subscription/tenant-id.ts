import { isStorable } from '../runtime/storable-text.js';

const LENGTH_MAX = 255;

/** What to give where a tenant does not hold. */
export const TENANT_ID_FIX =
  `Give tenantId as a text of 1 to ${LENGTH_MAX} characters that is not blank and holds neither NUL nor half of a ` +
  'surrogate pair';

/** Whether usage could be recorded under it: nobody is made a tenant under whose name nothing can be. */
export function isTenantId(tenantId: unknown): tenantId is string {
  return (
    typeof tenantId === 'string' && tenantId.length <= LENGTH_MAX && tenantId.trim() !== '' && isStorable(tenantId)
  );
}
