import { type CustomerTimeline } from '../../subscription/agreements/timeline.js';
import { type CustomerPlan } from './customer-plan.js';
import { type RecordFrame } from './record-draft.js';

/** A customer with what is planned for it. */
export interface PlannedCustomer {
  customer: CustomerTimeline;
  plan: CustomerPlan;
  frame: RecordFrame;
}
