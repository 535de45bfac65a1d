import { type INestApplication, type INestApplicationContext } from '@nestjs/common';
import { LISTS, readListQuery } from '../admin/list-query.js';
import { LedgerViews } from '../admin/ledger-views.js';
import { type Page } from '../admin/page.js';
import { type AlertView } from '../admin/alert.view.js';
import { type RecordView } from '../admin/record.view.js';
import { LedgerDatabase } from '../database/ledger-database.js';
import { type MarketplaceEvent, type MarketplaceEventType } from '../events/marketplace-event.js';
import { eventOf, selectEvents } from '../events/stored-event.sql.js';
import { type BalanceView } from '../metering/balance/ledger-balance.js';
import { MeteringService } from '../metering/metering.service.js';
import { type Options } from '../options/options.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { registrationFormOf } from '../registration/registration-form.js';
import { CODE_PARAMETER } from '../registration/redirect-policy.js';
import { RegistrationIntake } from '../registration/registration-intake.js';
import { RegistrationService } from '../registration/registration.service.js';
import { JobScheduler } from '../runtime/job-scheduler.js';
import { OPTIONS_OF_TEST, RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { NotificationIntake } from '../subscription/inbox/notification-intake.js';
import { TestSetupError } from './test-setup-error.js';

/** The builder of `Test.createTestingModule` (`@nestjs/testing`), of whichever version the host has. */
export interface TestingModuleBuilderLike<Module extends TestingModuleLike = TestingModuleLike> {
  overrideProvider(token: unknown): { useValue(value: unknown): TestingModuleBuilderLike<Module> };
  compile(): Promise<Module>;
}

/** What such a builder makes. */
export interface TestingModuleLike extends INestApplicationContext {
  createNestApplication(): INestApplication;
}

/** Everything that a running module does at one moment, in the order in which one finds the work of another. */
const TURN = [
  'inbox',
  'reconcile',
  'seal',
  'submit',
  'recovery',
  'deadline',
  'entitlements',
  'seal',
  'submit',
] as const;
const ROUNDS_MAX = 5;
const PAGE_SIZE = 200;

/** The module inside an application of the host, as a test reaches it: by its services, whatever paths and guards are. */
export class ModuleUnderTest {
  private constructor(
    readonly context: INestApplicationContext,
    readonly options: ResolvedOptions,
  ) {}

  /**
   * Compiles the host's module with the test's options over its own.
   * @throws TestSetupError unless exactly one instance of the module is in it
   */
  static async compile<Module extends TestingModuleLike>(
    builder: TestingModuleBuilderLike<Module>,
    ofTest: (given: Options) => Options,
  ): Promise<{ module: Module; underTest: ModuleUnderTest }> {
    const module = await builder.overrideProvider(OPTIONS_OF_TEST).useValue(ofTest).compile();
    const found = instancesIn(module);
    const [options] = found;
    if (options !== undefined && found.length === 1) return { module, underTest: new ModuleUnderTest(module, options) };
    await module.close();
    throw new TestSetupError(
      `The module under test holds ${found.length} instances of MarketplaceMeteringModule; a TestMarketplace plays for ` +
        'exactly one. Import the module (forRoot or forRootAsync) in it, or boot the instances in tests of their own.',
    );
  }

  /** A buyer posts the form of the registration page. Returns where it is sent, and what its browser has then. */
  async arrive(form: Record<string, string>): Promise<{ url: URL; registrationCode: string; cookie: string }> {
    const read = registrationFormOf(form, '');
    if (read === null) throw new TestSetupError('The registration form is an object of fields and their text.');
    const { url, setCookie } = await this.service(RegistrationIntake).receive(read, 'a test');
    const [cookie = ''] = setCookie?.split(';') ?? [];
    return { url, registrationCode: url.searchParams.get(CODE_PARAMETER) ?? '', cookie };
  }

  async claim(
    { registrationCode, cookie }: { registrationCode: string; cookie: string },
    tenantId: string,
  ): Promise<string> {
    const browser = { headers: { cookie } };
    const { id } = await this.service(RegistrationService).claim(registrationCode, { tenantId, browser });
    return id;
  }

  /** What EventBridge sends, as the route of the module would take it. */
  async notify(body: string, secret: string): Promise<void> {
    await this.service(NotificationIntake).receive(body, secret);
  }

  /** Does all that there is to do at this moment. */
  async turn(): Promise<void> {
    const jobs = this.service(JobScheduler);
    const rest = jobs.names.filter((name) => name !== 'deliver' && !(TURN as readonly string[]).includes(name));
    for (const job of [...TURN, ...rest]) if (jobs.names.includes(job)) await jobs.runOnce(job);
    for (let round = 0; round < ROUNDS_MAX && (await this.hasPause()); round += 1) {
      await jobs.runOnce('submit');
      await jobs.runOnce('recovery');
    }
    await jobs.runOnce('deliver');
  }

  async events(type?: MarketplaceEventType): Promise<MarketplaceEvent[]> {
    const database = this.service(LedgerDatabase);
    const { sellerAccount } = this.options;
    const rows = await selectEvents(database, sellerAccount);
    const wanted = rows.filter((row) => type === undefined || row.type === type);
    return Promise.all(wanted.map((row) => eventOf(database, sellerAccount, row)));
  }

  async records(filter: Record<string, string>): Promise<RecordView[]> {
    const views = this.service(LedgerViews);
    const records = await everyPage((url) => views.records(readListQuery(LISTS.records, url)), filter);
    return records.reverse();
  }

  openAlerts(): Promise<AlertView[]> {
    const views = this.service(LedgerViews);
    return everyPage((url) => views.alerts(readListQuery(LISTS.alerts, url)), { open: 'true' });
  }

  balance(): Promise<BalanceView[]> {
    return this.service(MeteringService).balance();
  }

  /**
   * Whether records still wait for a pause of machine time to end, having waited for it. In the database, whose clock
   * leases and pauses run on: timers of this process may be faked.
   */
  private async hasPause(): Promise<boolean> {
    const [row] = await this.service(LedgerDatabase).query<{ waiting: number }>(
      `SELECT count(*)::int AS waiting FROM marketplace.metering_record, pg_sleep(0.01)
       WHERE seller_account = $1 AND state IN ('pending', 'sending') AND mode = 'live' AND cutoff_at > $2`,
      [this.options.sellerAccount, this.options.clock.now().toISOString()],
    );
    return (row?.waiting ?? 0) > 0;
  }

  private service<T>(type: abstract new (...given: never[]) => T): T {
    return this.context.get(type as never, { strict: false });
  }
}

function instancesIn(context: INestApplicationContext): ResolvedOptions[] {
  try {
    return context.get(RESOLVED_OPTIONS, { strict: false, each: true });
  } catch {
    return [];
  }
}

async function everyPage<T>(read: (url: string) => Promise<Page<T>>, filter: Record<string, string>): Promise<T[]> {
  const items: T[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const query = new URLSearchParams({ ...filter, limit: String(PAGE_SIZE), ...(cursor === '' ? {} : { cursor }) });
    const page = await read(`?${query.toString()}`);
    items.push(...page.items);
    cursor = page.nextCursor;
  }
  return items;
}
