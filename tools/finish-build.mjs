// The end of `npm run build`: tells Node that what is in dist/commonjs is CommonJS, whatever the package around it is,
// takes out what an earlier build has left of sources that are gone, which would be packed along, and lays beside the
// CommonJS of this package, which is built without declarations, those that can be imported: nobody reads the others
// there.
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const root = new URL('../', import.meta.url);
for (const [dist, sources] of [
  ['dist/', './'],
  ['dist/commonjs/', './'],
  ['packages/simulator/dist/', 'packages/simulator/src/'],
  ['packages/simulator/dist/commonjs/', 'packages/simulator/src/'],
]) {
  const place = new URL(dist, root);
  if (!existsSync(place)) continue;
  for (const file of readdirSync(place, { recursive: true })) {
    if (file.startsWith('commonjs') || !/\.(js|d\.ts)(\.map)?$/.test(file)) continue;
    const source = new URL(sources + file.replace(/\.(js|d\.ts)$/, '.ts'), root);
    if (!existsSync(source)) rmSync(new URL(file, place));
  }
  if (dist.endsWith('commonjs/'))
    writeFileSync(new URL('package.json', place), `${JSON.stringify({ type: 'commonjs', sideEffects: false })}\n`);
}

const commonjs = new URL('dist/commonjs/', root);
if (existsSync(commonjs)) {
  const shown = declarationsOf(['src/index.d.ts', 'src/testing/index.d.ts']);
  for (const file of readdirSync(commonjs, { recursive: true }))
    if (file.endsWith('.d.ts')) rmSync(new URL(file, commonjs));
  for (const file of shown) copyFileSync(new URL(`dist/${file}`, root), new URL(file, commonjs));
}

/** Those that the package's entries lead to: no other module can be imported. */
function declarationsOf(entries) {
  const found = new Set(entries);
  for (const file of found) {
    const text = readFileSync(new URL(`dist/${file}`, root), 'utf8');
    for (const [, named] of text.matchAll(/\b(?:from|import)\s*\(?\s*['"](\.[^'"]+)\.js['"]/g))
      found.add(path.posix.join(path.posix.dirname(file), `${named}.d.ts`));
  }
  return found;
}
