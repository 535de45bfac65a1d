// The end of `npm run build`: tells Node that what is in dist/commonjs is CommonJS, whatever the package around it is,
// takes out what an earlier build has left of sources that are gone, which would be packed along, and lays the
// declarations beside the CommonJS of this package, which is built without them and without comments.
import { copyFileSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';

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
const isBuilt = existsSync(commonjs);
for (const file of isBuilt ? readdirSync(commonjs, { recursive: true }) : []) {
  if (!file.endsWith('.js')) continue;
  const declaration = file.replace(/\.js$/, '.d.ts');
  copyFileSync(new URL(`dist/${declaration}`, root), new URL(declaration, commonjs));
}
