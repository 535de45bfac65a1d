import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { isStorable } from '../runtime/storable-text.js';

const LABEL_MAX = 255;

/** Who decides, and why, for the trail: each 1 to 255 characters. */
export interface Decider {
  by: string;
  reason?: string | undefined;
}

/**
 * Both, where a reason is asked for: then it is a member, if undefined.
 * @throws MarketplaceMeteringError `TRANSITION_REFUSED`
 */
export function requireSigned(signed: { by: string; reason?: string | undefined }): void {
  for (const [what, value] of Object.entries(signed)) {
    const isText = typeof value === 'string' && value.trim() !== '' && value.length <= LABEL_MAX;
    if (isText && isStorable(value)) continue;
    throw new MarketplaceMeteringError(
      'TRANSITION_REFUSED',
      `Give ${what} as a text of 1 to ${LABEL_MAX} characters: decisions about money are signed.`,
    );
  }
}

/**
 * Who, and why if they say so.
 * @throws MarketplaceMeteringError `TRANSITION_REFUSED`
 */
export function requireDecider({ by, reason }: Decider): void {
  requireSigned(reason === undefined ? { by } : { by, reason });
}
