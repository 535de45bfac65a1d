import { type GatewayAnswer } from '../../aws/metering-gateway.js';
import { isKnownStatus } from '../settlement/evidence.js';

/**
 * How a call ended, as far as its product and region are concerned. `judged`: AWS has judged a record, or named what is
 * wrong with one: the API is there and knows us. `refused`: an error that says nothing of any record, or none that we
 * understand. `unanswered`: nothing was said of any record. `setUp`: something of ours must be put right. `throttled`,
 * `dropped`: nothing can be told from it.
 */
export type CallEnd = 'judged' | 'refused' | 'unanswered' | 'setUp' | 'throttled' | 'dropped';

/**
 * HTTP 200 alone is no answer: a proxy gives it too, and an empty body says nothing of any record. A broken constraint
 * names no record either, and ours keep those that AWS has told of.
 */
export function callEndOf(answer: GatewayAnswer): CallEnd {
  if (answer.kind === 'answered')
    return answer.results.some(({ status }) => isKnownStatus(status)) ? 'judged' : 'unanswered';
  const { kind, culprit } = answer.failure;
  switch (kind) {
    case 'culprit':
      return culprit === 'invalidRequest' ? 'refused' : 'judged';
    case 'unrecognised':
      return 'refused';
    case 'unavailable':
      return 'unanswered';
    default:
      return kind;
  }
}
