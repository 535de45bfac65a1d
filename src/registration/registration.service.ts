import { Inject, Injectable } from '@nestjs/common';
import { type EntityManager } from 'typeorm';
import { ClockGuard } from '../database/clock-guard.js';
import { refuseOtherOptions } from '../database/executors/manager-refusal.js';
import { HostTransaction } from '../database/host-transaction.js';
import { LedgerDatabase, type LedgerSql, sqlStateOf } from '../database/ledger-database.js';
import { type SqlExecutor } from '../database/sql-executor.js';
import { ClaimRefusedError } from '../errors/claim-refused-error.js';
import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { Outbox } from '../events/outbox.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { Waker } from '../runtime/waker.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { insertSubjects } from '../subscription/chain/subject.sql.js';
import { SubjectDirectory } from '../subscription/chain/subject-directory.js';
import { loadSubscription, type Subscription } from '../subscription/subscription.js';
import { isTenantId, TENANT_ID_FIX } from '../subscription/tenant-id.js';
import { type BrowserRequest, isOfBrowser } from './browser-binding.js';
import { codeHashOf } from './registration-code.js';
import { type CodeRow, insertClaim, limitLockWait, selectCode } from './registration.sql.js';

/** What a registration code stands for. */
export interface InspectedRegistration {
  subscriptionId: string;
  productCode: string;
  /** `free-trial`, or undefined. */
  offerType?: string;
  /** The tenant that the subscription is linked to already, null for a buyer who is new. */
  tenantId: string | null;
}

/** A claim as it is asked for. */
interface Wish {
  codeHash: Buffer;
  tenantId: string;
  /** Refuses a code that was handed to another browser. */
  check: (row: CodeRow) => void;
}

const CLAIM_OPTIONS = ['tenantId', 'manager', 'browser'];
const LOOKS_MAX = 5;
const LOCK_NOT_AVAILABLE = '55P03';

/** The host's side of a registration: what a code stands for, and linking it to a tenant. */
@Injectable()
export class RegistrationService {
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly outbox: Outbox,
    private readonly waker: Waker,
    private readonly subjects: SubjectDirectory,
    private readonly guard: ClockGuard,
  ) {}

  /**
   * Reads a code without using it up, for the sign-up page. A claimed code can be read until it expires.
   * @param code as the URL of the sign-up page holds it
   * @param options `browser`, the request of the page: it is then checked here that it comes from the browser that
   * brought the token, so that a buyer with somebody else's link hears so before there is a form to fill in
   * @throws ClaimRefusedError `CODE_UNKNOWN`, `CODE_EXPIRED`, `CODE_OF_OTHER_BROWSER`
   */
  async inspect(code: string, { browser }: { browser?: BrowserRequest } = {}): Promise<InspectedRegistration> {
    const { sellerAccount, clock } = this.options;
    const codeHash = codeHashOf(code);
    await this.guard.settled();
    const row = codeHash && (await selectCode(this.database, sellerAccount, codeHash, clock.now()));
    if (!row) throw unknownCode();
    if (this.isExpired(row)) throw expiredCode();
    if (browser !== undefined) refuseOtherBrowser(code, row, browser);
    return {
      subscriptionId: row.subscription_id,
      productCode: row.product_code,
      ...(row.offer_type === null ? {} : { offerType: row.offer_type }),
      tenantId: row.tenant_id,
    };
  }

  /**
   * Links the subscription behind a code to a tenant, once. The same tenant gets the same answer again, also after a
   * crash and after the code expired. With `manager` (TypeORM's EntityManager, or the executor of another library, as
   * `record()` takes them) it is part of the host's transaction: create the tenant and claim in one, and neither can be
   * without the other; usage may be recorded for the tenant in the same transaction. A refusal comes from what was
   * read, never from an SQL error, and writes nothing: the host's transaction stays usable.
   *
   * A code is bound to the browser that brought the token from AWS: nobody claims with a link that was forwarded or
   * stolen, and no buyer is signed up with somebody else's.
   * @param code as the URL of the sign-up page holds it
   * @param options `tenantId`: 1 to 255 characters. `manager`: of the host's transaction. `browser`: the request in which
   * the buyer signs up, of Express or Fastify; or `'checked'`, where `inspect` was given it at an earlier step and the
   * host has kept the outcome, as after a confirmation by mail. It may be left out where `codeBinding` is `none`.
   * @throws ClaimRefusedError `CODE_UNKNOWN`, `CODE_EXPIRED`, `CODE_USED`, `LINKED_TO_OTHER_TENANT`,
   * `CODE_OF_OTHER_BROWSER`, `TENANT_INVALID`; without `manager`, `CLAIM_UNDER_WAY` where another transaction that claims
   * the same stays open: try again. With `manager` the host's own `lock_timeout` rules.
   * @throws MarketplaceMeteringError `BROWSER_NOT_GIVEN`, `MANAGER_ELSEWHERE`, `MANAGER_INVALID`
   */
  async claim(
    code: string,
    options: { tenantId: string; manager?: EntityManager | SqlExecutor; browser?: BrowserRequest | 'checked' },
  ): Promise<Subscription> {
    refuseOtherOptions('claim()', options, CLAIM_OPTIONS);
    const { tenantId, manager, browser } = options;
    if (!isTenantId(tenantId)) throw new ClaimRefusedError('TENANT_INVALID', `${TENANT_ID_FIX}.`);
    const codeHash = codeHashOf(code);
    if (!codeHash) throw unknownCode();
    await this.guard.settled();
    this.subjects.expectClaim(tenantId);
    const check = (row: CodeRow): void => {
      if (browser !== 'checked') refuseOtherBrowser(code, row, browser);
    };
    const subscriptionId = await this.linkIn(manager, { codeHash, tenantId, check });
    // Through a connection of ours: the host's may read types as it likes. What it cannot see yet is the claim.
    const { sellerAccount, clock } = this.options;
    const subscription = await loadSubscription(this.database, sellerAccount, subscriptionId, clock.now());
    if (!subscription) throw new Error(`subscription ${subscriptionId} of a registration code is missing`);
    return { ...subscription, tenantId };
  }

  private async linkIn(manager: EntityManager | SqlExecutor | undefined, wish: Wish): Promise<string> {
    const link = (tx: LedgerSql): Promise<string> => this.link(tx, wish);
    if (manager !== undefined) return HostTransaction.use(manager, this.database, (host) => host.atomically(link));
    const own = async (tx: LedgerSql): Promise<string> => {
      await limitLockWait(tx);
      return link(tx);
    };
    const subscriptionId = await this.database.transaction(own).catch((error: unknown) => {
      throw sqlStateOf(error) === LOCK_NOT_AVAILABLE ? claimUnderWay(error) : error;
    });
    this.waker.wake('inbox');
    return subscriptionId;
  }

  /**
   * One INSERT, and the names under which usage may be recorded from now on. None of it locks a row of ours: what the
   * claim means for them is done when it is committed, by the job that adopts it.
   */
  private async link(tx: LedgerSql, { codeHash, tenantId, check }: Wish): Promise<string> {
    const { sellerAccount, clock } = this.options;
    for (let look = 1; look <= LOOKS_MAX; look += 1) {
      const row = await selectCode(tx, sellerAccount, codeHash, clock.now());
      if (!row) throw unknownCode();
      if (row.claimed_by === tenantId || row.tenant_id === tenantId) return row.subscription_id;
      if (row.claimed_by !== null || row.was_undone === 'true') throw usedCode();
      if (row.tenant_id !== null) throw linkedElsewhere(row.subscription_id);
      if (this.isExpired(row)) throw expiredCode();
      check(row);
      const { subscription_id: subscriptionId, product_code: productCode } = row;
      // Whoever claimed it under our hands is looked at again; nothing was written up to here.
      if (!(await insertClaim(tx, sellerAccount, { subscriptionId, productCode, tenantId, codeHash, at: clock.now() })))
        continue;
      await insertSubjects(
        tx,
        sellerAccount,
        [null, subscriptionId].map((payer) => ({ productCode, customerId: null, tenantId, subscriptionId: payer })),
      );
      const payload = { productCode, tenantId };
      await this.outbox.append(tx, [
        { type: 'subscription.claimed', subscriptionId, payload, occurredAt: clock.now() },
      ]);
      return subscriptionId;
    }
    throw new Error('the registration code changed at every look; claim it again');
  }

  private isExpired(row: CodeRow): boolean {
    return this.options.clock.now().getTime() >= Number(row.expires_at_ms);
  }
}

function refuseOtherBrowser(code: string, { browser_hash: hash }: CodeRow, browser: BrowserRequest | undefined): void {
  if (hash === null) return;
  if (!isRequest(browser)) {
    throw new MarketplaceMeteringError(
      'BROWSER_NOT_GIVEN',
      'The registration code is bound to the browser that brought it. Give claim() the request in which the buyer signs ' +
        'up, claim(code, { tenantId, browser: request }); where the sign-up page shares no domain with the landing ' +
        'page, set codeBinding (MARKETPLACE_CODE_BINDING) to "none".',
    );
  }
  if (isOfBrowser(code, Buffer.from(hash, 'hex'), browser)) return;
  throw new ClaimRefusedError(
    'CODE_OF_OTHER_BROWSER',
    'The registration code was handed to another browser, or this one keeps no cookies. Press “Set up your account” on ' +
      'AWS Marketplace in this browser, and allow cookies of this site.',
  );
}

/** Types say what a host gives, and hosts of plain JavaScript give anything. */
function isRequest(browser: unknown): browser is BrowserRequest {
  const { headers } = (browser ?? {}) as Partial<BrowserRequest>;
  return typeof headers === 'object';
}

function claimUnderWay(cause: unknown): ClaimRefusedError {
  return new ClaimRefusedError(
    'CLAIM_UNDER_WAY',
    'Another sign-up with this registration is under way and has not ended within five seconds. Nothing was written: ' +
      'try again.',
    { cause },
  );
}

function unknownCode(): ClaimRefusedError {
  return new ClaimRefusedError(
    'CODE_UNKNOWN',
    'There is no such registration code. Read it from the query parameter registrationCode of the sign-up page, ' +
      'or let the buyer press ' +
      '“Set up your account” on AWS Marketplace again.',
  );
}

function expiredCode(): ClaimRefusedError {
  return new ClaimRefusedError(
    'CODE_EXPIRED',
    'The registration code has expired. Let the buyer press “Set up your account” on AWS Marketplace again; ' +
      'codeTtlMs (MARKETPLACE_CODE_TTL_MS) says how long a code lives.',
  );
}

function usedCode(): ClaimRefusedError {
  return new ClaimRefusedError(
    'CODE_USED',
    'The registration code was claimed by another tenant. A buyer who wants another account presses “Set up your ' +
      'account” on AWS Marketplace again.',
  );
}

function linkedElsewhere(subscriptionId: string): ClaimRefusedError {
  return new ClaimRefusedError(
    'LINKED_TO_OTHER_TENANT',
    `Subscription ${subscriptionId} is linked to another tenant, and a link is for good. Let the buyer sign in ` +
      'to the account that has it.',
  );
}
