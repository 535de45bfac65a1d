// jest's way to the project's TypeScript: always as ES modules.
import { keyOf, transpiledSource } from './transpiled-source.mjs';

export default {
  process: (text, fileName) => ({ code: transpiledSource(fileName, text) }),
  getCacheKey: (text, fileName) => keyOf(fileName, text),
};
