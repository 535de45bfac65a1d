#!/usr/bin/env node
import { realpathSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { type CommandResult, commandDatabaseOf, misused } from '../../database/command.js';
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
  if (call === null) return misused(USAGE);
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

interface Call {
  command: 'status' | 'hold' | 'release' | 'unlink' | 'erase';
  /** The subscription to unlink or to erase, and the tenant; else empty. */
  id: string;
  tenant: string;
  dryRun: boolean;
  by: string;
  because: string;
  seller: string;
}

function callOf(args: readonly string[]): Call | null {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        by: { type: 'string', default: '' },
        because: { type: 'string', default: '' },
        tenant: { type: 'string', default: '' },
        'dry-run': { type: 'boolean', default: false },
        seller: { type: 'string', default: '' },
      },
    });
    const [command, id = '', ...others] = positionals;
    if (others.length > 0) return null;
    // One of the two says who is erased.
    if (command === 'erase' ? (id !== '') === (values.tenant !== '') : (id !== '') !== (command === 'unlink'))
      return null;
    const { 'dry-run': dryRun, ...rest } = values;
    if (dryRun && command !== 'erase') return null;
    const call = { id, dryRun, ...rest };
    const isSigned = values.by !== '';
    const isExplained = isSigned && values.because !== '';
    if (command === 'status') return { command, ...call };
    if (command === 'release' && isSigned) return { command, ...call };
    if (command === 'hold' && isExplained) return { command, ...call };
    if (command === 'erase' && isExplained) return { command, ...call };
    if (command === 'unlink' && isExplained && values.tenant !== '') return { command, ...call };
    return null;
  } catch {
    return null;
  }
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
