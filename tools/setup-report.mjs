// The end of `npm run setup`: what is there, and what only some tests need besides.
import { accessSync, constants } from 'node:fs';

const chromium = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

console.log(`Node ${process.versions.node}: everything is installed and built. Postgres comes with it.`);
console.log(
  isExecutable(chromium)
    ? `npm run test:browser: uses ${chromium}.`
    : `npm run test:browser: needs Chromium; ${chromium} is none. Install it, or set CHROMIUM_PATH.`,
);
console.log('npm run test:clients: needs the AWS CLI and Python with botocore.');
console.log('Next: npm start shows it, npm run check checks all.');
