import type * as simulator from 'aws-marketplace-simulator';
import { TestSetupError } from './test-setup-error.js';

/** Loaded by tests only: a production install has no simulator. */
export async function loadSimulator(): Promise<typeof simulator> {
  try {
    return await import('aws-marketplace-simulator');
  } catch (error) {
    throw new TestSetupError(
      `A TestMarketplace needs the simulator (${(error as Error).message}): ` +
        'npm install --save-dev aws-marketplace-simulator',
      { cause: error },
    );
  }
}
