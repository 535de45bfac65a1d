import { MarketplaceMeteringError } from '../../errors/marketplace-metering-error.js';
import { type ErasureObstacle } from './erasure-obstacle.js';

/** A buyer cannot be erased yet; nothing was changed. `obstacles` says all that is open, and what ends it. */
export class ErasureRefusedError extends MarketplaceMeteringError {
  constructor(readonly obstacles: readonly ErasureObstacle[]) {
    const lines = obstacles.map(({ found, fix }) => `  - ${found}: ${fix}`);
    super(
      'ERASURE_REFUSED',
      `The buyer’s books are not closed, and whose money it is must be known until then:\n${lines.join('\n')}`,
    );
  }
}
