import { Injectable, Logger } from '@nestjs/common';
import { type FailureKind } from '../../aws/aws-error.js';
import { type GatewayAnswer } from '../../aws/metering-gateway.js';
import { countMetric } from '../../runtime/metrics.js';
import { type Settled } from './settled-answer.js';

/** Tells of every answered call in one line and one count. */
@Injectable()
export class AnswerLog {
  private readonly logger = new Logger('MarketplaceSubmission');

  /** @param strangers results that mean none of the records that were sent */
  report(
    batch: { attemptId: string; operation: { name: string }; productCode: string; region: string },
    answer: GatewayAnswer,
    settled: readonly Settled[],
    strangers: number,
  ): void {
    const outcome: FailureKind | 'answered' = answer.kind === 'answered' ? 'answered' : answer.failure.kind;
    countMetric('marketplace.calls', 1, { operation: batch.operation.name, outcome });
    const counts = new Map<string, number>();
    for (const {
      outcome: { step },
    } of settled) {
      const name = 'reason' in step ? `${step.to}: ${step.reason}` : step.to;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    const fields = {
      attempt: batch.attemptId,
      product: batch.productCode,
      region: batch.region,
      ...Object.fromEntries(counts),
    };
    if (counts.size === 1 && counts.has('metered')) this.logger.debug('batch answered', fields);
    else if (settled.some(({ outcome: { step } }) => step.to === 'blocked')) this.logger.warn('batch answered', fields);
    else this.logger.log(answer.kind === 'answered' ? 'batch answered' : `call failed: ${answer.failure.code}`, fields);
    if (strangers > 0)
      this.logger.error('AWS answered about records that were not sent', {
        attempt: batch.attemptId,
        results: strangers,
      });
  }
}
