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

  /**
   * One alert for each way in: a rule that sends too much would otherwise make thousands. Who has taken it on has taken
   * on what it said: a message that is unreadable for another reason opens it anew, and is told.
   */
  private async tellOf(deadLettered: readonly ReceivedMessage[], tx: LedgerSql): Promise<void> {
    const reasons = deadLettered.flatMap(({ content }) => ('deadLettered' in content ? [content.deadLettered] : []));
    const via = deadLettered[0]?.via ?? '';
    const taken = await this.alerts.takenOn(tx, 'messageDeadLettered', via);
    const other = taken === null ? undefined : reasons.find((reason) => reason !== taken.reason);
    if (other !== undefined) await this.alerts.resolve(tx, 'messageDeadLettered', via);
    const reason = other ?? reasons.at(-1);
    if (reason === undefined) return;
    await this.alerts.raise(tx, {
      kind: 'messageDeadLettered',
      subject: via,
      severity: 'warning',
      message:
        `A message that came by ${via} is set aside: ${reason}. If it is one of AWS ` +
        'Marketplace, the subscription it speaks of may ' +
        'stand wrong; if not, narrow the rule or the topic that sends it.',
      details: { reason },
    });
  }
}
