import { Inject, Injectable, Logger } from '@nestjs/common';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { Waker } from '../../runtime/waker.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';

/**
 * `startIn: 'hold'`, for the first start after a restore or a lossy failover: the ledger may have forgotten what it
 * sent. Hours are sealed, nothing is submitted and nothing is finalised until a person has compared the ledger with AWS
 * and releases it. Per process, and until its end.
 */
@Injectable()
export class SubmissionHold {
  private readonly logger = new Logger('MarketplaceSubmission');
  private holding: boolean;

  constructor(
    @Inject(RESOLVED_OPTIONS) options: ResolvedOptions,
    private readonly waker: Waker,
  ) {
    this.holding = options.startIn === 'hold';
  }

  get active(): boolean {
    return this.holding;
  }

  /** @param by who decided, for the log. */
  release(by: string): void {
    if (!this.holding) return;
    this.holding = false;
    this.logger.log('submission released', { by });
    this.waker.wake('submit');
    this.waker.wake('deadline');
  }
}
