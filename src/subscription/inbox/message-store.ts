import { Injectable } from '@nestjs/common';
import { LedgerDatabase, type LedgerSql } from '../../database/ledger-database.js';
import { AlertBoard } from '../../events/alert-board.js';
import { Waker } from '../../runtime/waker.js';
import { type ReceivedMessage } from './lifecycle-event.js';
import { LifecycleInbox, type Reception } from './lifecycle-inbox.js';

/** Puts what came from outside into the inbox, and tells a person of what could not be read. */
@Injectable()
export class MessageStore {
  constructor(
    private readonly database: LedgerDatabase,
    private readonly inbox: LifecycleInbox,
    private readonly alerts: AlertBoard,
    private readonly waker: Waker,
  ) {}

  /** Resolves after the commit. @throws what the database throws; nothing of the call is then in the inbox */
  async receive(messages: readonly ReceivedMessage[]): Promise<Reception> {
    const deadLettered = messages.filter(({ content }) => 'deadLettered' in content);
    const others = messages.filter(({ content }) => !('deadLettered' in content));
    const received = await this.database.transaction(async (tx) => {
      const unread = await this.inbox.enter(deadLettered, tx);
      if (unread > 0) await this.tellOf(deadLettered, tx);
      return unread + (await this.inbox.enter(others, tx));
    });
    if (received > 0) this.waker.wake('inbox');
    return { received, repeated: messages.length - received };
  }

  /** One alert for each way in: a rule that sends too much would otherwise make thousands. */
  private async tellOf(deadLettered: readonly ReceivedMessage[], tx: LedgerSql): Promise<void> {
    const [last] = deadLettered.slice(-1);
    if (last === undefined || !('deadLettered' in last.content)) return;
    await this.alerts.raise(tx, {
      kind: 'messageDeadLettered',
      subject: last.via,
      severity: 'warning',
      message:
        `A message that came by ${last.via} is set aside: ${last.content.deadLettered}. If it is one of AWS ` +
        'Marketplace, the subscription it speaks of may ' +
        'stand wrong; if not, narrow the rule or the topic that sends it.',
    });
  }
}
