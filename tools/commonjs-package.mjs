// The end of `npm run build`: tells Node that what is in dist/commonjs is CommonJS, whatever the package around it is.
import { existsSync, writeFileSync } from 'node:fs';

for (const folder of ['../dist/commonjs/', '../packages/simulator/dist/commonjs/']) {
  const place = new URL(folder, import.meta.url);
  if (!existsSync(place)) continue;
  writeFileSync(new URL('package.json', place), `${JSON.stringify({ type: 'commonjs', sideEffects: false })}\n`);
}
