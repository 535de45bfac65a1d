// Starts the embedded server and stays, as an application would. Says what it started as one line of JSON.
import { setTimeout as sleep } from 'node:timers/promises';
import { withClient } from '../../tools/postgres/connection.js';
import { PostgresServer } from '../../tools/postgres/postgres-server.js';

process.stdout.write('starting\n');
const server = await PostgresServer.start();
if (process.argv.includes('--drain')) {
  process.once('SIGINT', () => {
    void withClient(server.url, async (client) => {
      // As long as a last request takes.
      await sleep(500);
      await client.query('SELECT 1');
    }).then(() => {
      process.stdout.write('drained\n', () => process.exit(0));
    });
  });
}
process.stdout.write(
  `${JSON.stringify({ url: server.url, pid: server.pid, keeperPid: server.keeperPid, uid: process.getuid?.() })}\n`,
);
// Stay.
setInterval(() => undefined, 60_000);
