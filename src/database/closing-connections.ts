import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { isInstallation, type ResolvedOptions } from '../options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { LedgerDatabase } from './ledger-database.js';

/**
 * From the first sign of the end no statement is waited for longer than a few seconds: a database that has gone silent
 * does not hold up the shutdown. What runs in a buyer's account sends its last usage first, and has a time of its own for
 * that.
 */
@Injectable()
export class ClosingConnections implements OnModuleDestroy {
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
  ) {}

  onModuleDestroy(): void {
    if (!isInstallation(this.options)) this.database.connections.close();
  }
}
