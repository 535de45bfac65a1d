import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { isStorable } from '../runtime/storable-text.js';

const LABEL_MAX = 255;

/**
 * Who decides, and why: each 1 to 255 characters.
 * @throws MarketplaceMeteringError `TRANSITION_REFUSED`
 */
export function requireSigned(signed: { by: string; reason?: string }): void {
  for (const [what, value] of Object.entries(signed)) {
    const isText = typeof value === 'string' && value.trim() !== '' && value.length <= LABEL_MAX;
    if (isText && isStorable(value)) continue;
    throw new MarketplaceMeteringError(
      'TRANSITION_REFUSED',
      `Give ${what} as a text of 1 to ${LABEL_MAX} characters: decisions about money are signed.`,
    );
  }
}
