#!/usr/bin/env node
import { realpathSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { type CommandResult, commandDatabaseOf, complaintOf, explained, misused } from '../../database/command.js';
import { createDataSource } from '../../database/data-source.factory.js';
import { LedgerDatabase } from '../../database/ledger-database.js';
import { AlertBoard } from '../../events/alert-board.js';
import { Outbox } from '../../events/outbox.js';
import { SystemClock } from '../../runtime/clock.js';
import { Waker } from '../../runtime/waker.js';
import { MarketplaceErasure } from '../erasure/marketplace-erasure.service.js';
import { LinkCorrection } from './link-correction.js';
import { SubmissionHold, type SubmissionHoldState } from './submission-hold.js';

const USAGE = `usage: marketplace-ledger <command>

  status                          whether usage is sent, and why not; exit 1 when it is not
  hold --by <name> --because <why>  stop the submission in every process: usage is recorded and sealed, nothing is sent
  release --by <name> [--because <why>]
                                  send again, from this database: also after a restore or a move to another one
  unlink <subscriptionId> --tenant <tenantId> --by <name> --because <why>
                                  undo the link of a subscription to a tenant that should never have had it
  erase (<subscriptionId> | --tenant <tenantId>) --by <name> --because <why> [--dry-run]
                                  replace the names of a buyer who has left by their digests; exit 1 while money is open

  The database is that of DATABASE_URL. Where it holds more than one ledger, --seller <sellerAccount> or
  MARKETPLACE_SELLER_ACCOUNT says which.
`;

/** The command `marketplace-ledger`: what a person decides about the ledger as a whole. */
export async function ledgerCommand(args: readonly string[], environment: NodeJS.ProcessEnv): Promise<CommandResult> {
  const call = callOf(args);
  if ('exitCode' in call) return call;
  const settings = commandDatabaseOf(environment);
  if ('exitCode' in settings) return settings;
  let dataSource;
  try {
    dataSource = createDataSource(settings);
    await dataSource.initialize();
    const { MARKETPLACE_SELLER_ACCOUNT: ofEnvironment = '' } = environment;
    return await run({ ...call, seller: call.seller || ofEnvironment }, new LedgerDatabase(dataSource));
  } catch (error) {
    return { exitCode: 1, stdout: '', stderr: `${(error as Error).message}\n` };
  } finally {
    if (dataSource?.isInitialized) await dataSource.destroy();
  }
}

/** What a command cannot do without, beside the subscription that `unlink` names. */
const NEEDS = {
  status: [],
  hold: ['by', 'because'],
  release: ['by'],
  unlink: ['tenant', 'by', 'because'],
  erase: ['by', 'because'],
} as const satisfies Readonly<Record<string, readonly ('by' | 'because' | 'tenant')[]>>;

interface Call {
  command: keyof typeof NEEDS;
  /** The subscription to unlink or to erase, and the tenant; else empty. */
  id: string;
  tenant: string;
  dryRun: boolean;
  by: string;
  because: string;
  seller: string;
}

/** What the words ask for; how the command ends where they ask for nothing that there is. */
function callOf(args: readonly string[]): Call | CommandResult {
  let given;
  try {
    given = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        by: { type: 'string', default: '' },
        because: { type: 'string', default: '' },
        tenant: { type: 'string', default: '' },
        'dry-run': { type: 'boolean', default: false },
        seller: { type: 'string', default: '' },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    return misused(complaintOf(error), USAGE);
  }
  const { help, 'dry-run': dryRun, ...values } = given.values;
  if (help) return explained(USAGE);
  const [command, ...ids] = given.positionals;
  if (command === undefined) return misused('Name a command.', USAGE);
  if (!isCommand(command)) return misused(`There is no command "${command}".`, USAGE);
  const call: Call = { command, id: ids[0] ?? '', dryRun, ...values };
  const fault = faultOf(call, ids);
  return fault === null ? call : misused(`${command} ${fault}.`, USAGE);
}

const isCommand = (word: string): word is Call['command'] => Object.hasOwn(NEEDS, word);

function faultOf(call: Call, ids: readonly string[]): string | null {
  const { command, id, tenant, dryRun } = call;
  const takesId = command === 'unlink' || command === 'erase';
  const surplus = ids[takesId ? 1 : 0];
  if (surplus !== undefined) return `takes no "${surplus}"`;
  if (dryRun && command !== 'erase') return 'takes no --dry-run';
  const missing = NEEDS[command].filter((name) => call[name] === '').map((name) => `--${name}`);
  if (command === 'unlink' && id === '') missing.unshift('<subscriptionId>');
  if (missing.length > 0) return `needs ${missing.join(', ').replace(/, ([^,]+)$/, ' and $1')}`;
  // One of the two says who is erased.
  return command === 'erase' && (id === '') === (tenant === '') ? 'takes either <subscriptionId> or --tenant' : null;
}

async function run(
  { command, id, tenant, dryRun, by, because, seller }: Call,
  database: LedgerDatabase,
): Promise<CommandResult> {
  const ledgers = await database.query<{ seller: string }>(
    `SELECT DISTINCT seller_account AS seller FROM marketplace.product WHERE $1 IN ('', seller_account)`,
    [seller],
  );
  const [ledger] = ledgers;
  if (ledger === undefined || ledgers.length > 1)
    return misused(
      ledger === undefined
        ? `This database holds no ledger${seller === '' ? '' : ` of "${seller}"`}: no application has started on it.\n`
        : `This database holds ledgers of ${ledgers.map((one) => one.seller).join(', ')}: say which with --seller.\n`,
    );
  const options = { sellerAccount: ledger.seller, clock: new SystemClock(), startIn: 'normal' as const };
  if (command === 'unlink') {
    const links = new LinkCorrection(options, database, new Outbox(options), new Waker());
    const undone = await links.undo(id, { tenantId: tenant, by, reason: because });
    return { exitCode: 0, stdout: `${JSON.stringify(undone, null, 2)}\n`, stderr: '' };
  }
  const board = new AlertBoard(options, new Outbox(options));
  if (command === 'erase') {
    const erased = await new MarketplaceErasure(options, database, board).erase(
      id === '' ? { tenantId: tenant } : { subscriptionId: id },
      { by, reason: because },
      { dryRun },
    );
    return { exitCode: 0, stdout: `${JSON.stringify(erased, null, 2)}\n`, stderr: '' };
  }
  const hold = new SubmissionHold(options, database, board, new Waker());
  if (command === 'hold') await hold.hold(by, because);
  if (command === 'release') await hold.release(by, because === '' ? undefined : because);
  const state = await hold.state();
  return {
    exitCode: command === 'status' && state.isActive ? 1 : 0,
    stdout: `${options.sellerAccount}: ${textOf(state)}\n`,
    stderr: '',
  };
}

function textOf({ hold, copyOf }: SubmissionHoldState): string {
  if (copyOf !== null) return `held: ${copyOf}`;
  return hold === null ? 'usage is sent' : `held by ${hold.by} since ${hold.at.toISOString()}: ${hold.reason}`;
}

const script = process.argv[1];
if (script !== undefined && import.meta.url === pathToFileURL(realpathSync(script)).href) {
  const result = await ledgerCommand(process.argv.slice(2), process.env);
  process.stdout.write(result.stdout);
  process.stderr.write(result.stderr);
  process.exitCode = result.exitCode;
}
