// The end of `npm run build`: tells Node that what is in dist/commonjs is CommonJS, whatever the package around it is.
import { writeFileSync } from 'node:fs';

writeFileSync(
  new URL('../dist/commonjs/package.json', import.meta.url),
  `${JSON.stringify({ type: 'commonjs', sideEffects: false })}\n`,
);
