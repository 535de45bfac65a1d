import { Injectable, Logger } from '@nestjs/common';
import { type FailureKind } from '../../aws/aws-error.js';
import { type GatewayAnswer } from '../../aws/metering-gateway.js';
import { countMetric } from '../../runtime/metrics.js';
import { type Settled } from './settled-answer.js';
import { FaultLog } from '../../runtime/fault-log.js';

/** Tells of every answered call in one line and one count; of calls that go on failing in few. */
@Injectable()
export class AnswerLog {
  private readonly logger = new Logger('MarketplaceSubmission');
  private readonly faults = new FaultLog(this.logger, 'warn');

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
    const place = `${batch.operation.name} of product ${batch.productCode} in ${batch.region}`;
    const fields = {
      attempt: batch.attemptId,
      product: batch.productCode,
      region: batch.region,
      ...Object.fromEntries(counts),
    };
    if (counts.size === 1 && counts.has('metered')) this.logger.debug('batch answered', fields);
    else if (settled.some(({ outcome: { step } }) => step.to === 'blocked')) this.logger.warn('batch answered', fields);
    else if (answer.kind === 'answered') this.logger.log('batch answered', fields);
    if (answer.kind !== 'answered')
      this.faults.failed(place, { line: `${batch.operation.name} failed: ${answer.failure.code}`, fields });
    else this.faults.works(place, `${place} works again`);
    if (strangers > 0)
      this.logger.error('AWS answered about records that were not sent', {
        attempt: batch.attemptId,
        results: strangers,
      });
  }
}
