import { ConsoleLogger } from '@nestjs/common';

/** Keeps the terminal for the account of what happens: errors still show, alerts are told by the account itself. */
export class DemoLogger extends ConsoleLogger {
  constructor() {
    super({ logLevels: ['error', 'fatal'] });
  }

  override error(message: unknown, ...rest: unknown[]): void {
    if (rest.includes('MarketplaceAlerts')) return;
    super.error(message, ...(rest as [string, string]));
  }
}
