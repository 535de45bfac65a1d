// `node --import ./test/support/typescript.mjs some-file.ts` runs the project's TypeScript.
import { register } from 'node:module';

register('./typescript-hooks.mjs', import.meta.url);
