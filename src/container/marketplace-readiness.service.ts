import { Injectable } from '@nestjs/common';
import { StartChecks, type StartCheckView } from './start-checks.js';

/** Whether the software may serve, with the calls that it had to make before. */
export interface ReadinessView {
  ready: boolean;
  checks: StartCheckView[];
}

/**
 * For the host's health check: software in a buyer's account must not serve before AWS has answered its first call. A
 * process that sells SaaS, or that does not serve, is always ready.
 */
@Injectable()
export class MarketplaceReadiness {
  constructor(private readonly checks: StartChecks) {}

  /** True once every product's first call was answered with yes, or its product goes on without (`failOpen`). */
  get isReady(): boolean {
    return this.checks.isReady;
  }

  /** What a readiness probe answers; liveness does not depend on it. */
  view(): ReadinessView {
    return { ready: this.isReady, checks: this.checks.views.map((view) => ({ ...view })) };
  }
}
