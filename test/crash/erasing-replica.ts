// The command `marketplace-ledger` in a process of its own, for a test to kill.
import '../support/fate.js';
import { ledgerCommand } from '../../src/metering/settlement/ledger.command.js';

const { exitCode, stdout, stderr } = await ledgerCommand(process.argv.slice(2), process.env);
process.stdout.write(stdout);
process.stderr.write(stderr);
process.exitCode = exitCode;
