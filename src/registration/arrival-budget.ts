import { Inject, Injectable } from '@nestjs/common';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { FairTurns } from '../runtime/fair-turns.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { ArrivalLimiter } from './arrival-limiter.js';
import { RegistrationRefusedError } from './registration-refusal.js';

const AT_ONCE = 16;
const AT_ONCE_PER_CLIENT = 8;
const WAITING_MAX = 1_000;
const WAITING_PER_CLIENT_MAX = 100;
/** What all clients together may bring in vain before it is taken for a flood, in shares of one client. */
const FLOOD_CLIENTS = 10;
const EVERYBODY = 'everybody';

/**
 * How much AWS is asked for people whom nobody knows yet. A token that AWS resolves is a buyer's, and buyers are not
 * limited: what counts against a client is what it brought in vain. Questions are few at once, and clients are served in
 * turn. When all together bring a lot in vain, questions go out one by one: a flood of made-up tokens costs buyers
 * time, but locks nobody out and is no flood at AWS.
 */
@Injectable()
export class ArrivalBudget {
  private readonly perClient: ArrivalLimiter;
  private readonly ofAll: ArrivalLimiter;
  private readonly turns: FairTurns;

  constructor(
    @Inject(RESOLVED_OPTIONS)
    private readonly options: Pick<ResolvedOptions, 'registrationsPerMinute' | 'resolvePatienceMs'>,
  ) {
    this.perClient = new ArrivalLimiter(options.registrationsPerMinute);
    this.ofAll = new ArrivalLimiter(options.registrationsPerMinute * FLOOD_CLIENTS);
    this.turns = new FairTurns({
      atOnce: () => (this.ofAll.waitOf(EVERYBODY) === null ? AT_ONCE : 1),
      atOncePerAsker: AT_ONCE_PER_CLIENT,
      waiting: WAITING_MAX,
      waitingPerAsker: WAITING_PER_CLIENT_MAX,
    });
  }

  /**
   * Asks for a client when its turn has come.
   * @throws RegistrationRefusedError `TOO_MANY_REQUESTS` for a client that has brought too much in vain,
   * `AWS_THROTTLED` where too many wait
   */
  async ask<Answer>(client: string, question: () => Promise<Answer>): Promise<Answer> {
    this.refuseSpent(client);
    const end = await this.turns.take(client, this.options.resolvePatienceMs);
    if (!end) throw new RegistrationRefusedError('AWS_THROTTLED', 'too many wait for ResolveCustomer');
    try {
      // What came of its questions meanwhile counts.
      this.refuseSpent(client);
      return await question();
    } finally {
      end();
    }
  }

  /** What the client brought was no buyer's. */
  countVain(client: string): void {
    this.perClient.count(client);
    this.ofAll.count(EVERYBODY);
  }

  private refuseSpent(client: string): void {
    const wait = this.perClient.waitOf(client);
    if (wait !== null) throw new RegistrationRefusedError('TOO_MANY_REQUESTS', null, { retryAfterSeconds: wait });
  }
}
