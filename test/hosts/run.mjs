// `npm run test:hosts [-- --core] [jest's own arguments]`
import { spawnSync } from 'node:child_process';

const given = process.argv.slice(2);
const { status } = spawnSync(
  process.execPath,
  [
    ...['--experimental-vm-modules', '--no-warnings=ExperimentalWarning', 'node_modules/jest/bin/jest.js'],
    ...['--config', 'jest.hosts.config.js', ...given.filter((argument) => argument !== '--core')],
  ],
  {
    stdio: 'inherit',
    env: { ...process.env, MARKETPLACE_TEST_HOSTS_CORE: String(given.includes('--core')) },
  },
);
process.exitCode = status ?? 1;
