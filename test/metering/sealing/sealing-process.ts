import '../../support/fate.js';
import { createDataSource } from '../../../src/database/data-source.factory.js';
import { LedgerDatabase } from '../../../src/database/ledger-database.js';
import { sealerOn, sealingOptions } from './sealing-options.js';

/** A replica that seals once and says so: `sealing-process.ts <database URL> <business time>`. Tests kill and stop it. */
const [url = '', now = ''] = process.argv.slice(2);
const options = sealingOptions(url, { now: () => new Date(now) });
const database = new LedgerDatabase(await createDataSource(options).initialize());
console.log('ready');
await sealerOn(database, options).run();
await database.dataSource.destroy();
console.log('sealed');
