/** AWS Marketplace for the tests of a host. Needs `aws-marketplace-simulator`, which production does not. */
export { TestMarketplace } from './test-marketplace.js';
export type {
  Arrival,
  BootOptions,
  Span,
  Subscriber,
  TestBillLine,
  TestMarketplaceOptions,
} from './test-marketplace.js';
export type { TestingModuleBuilderLike, TestingModuleLike } from './module-under-test.js';
export { TestSetupError } from './test-setup-error.js';
export type { AlertView } from '../admin/alert.view.js';
export type { RecordView } from '../admin/record.view.js';
