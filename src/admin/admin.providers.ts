import { type Provider } from '@nestjs/common';
import { LedgerViews } from './ledger-views.js';

export { adminControllerOf } from './admin.controller.js';

/** `LedgerBalance` comes with the metering room's providers. */
export const ADMIN_PROVIDERS: Provider[] = [LedgerViews];
