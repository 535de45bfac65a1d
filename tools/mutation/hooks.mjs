// Module hooks: the rule is loaded with all of its mutants in it, and jest's globals are those of jest-globals.mjs. A
// module that is asked for with `?mutant=…` brings its imports with it: whole rooms are loaded afresh under one mutant.
let rule;

export function initialize(data) {
  rule = data;
}

const asked = (url) => /\?mutant=.*$/.exec(url ?? '')?.[0] ?? '';
const plain = (url) => url.slice(0, url.length - asked(url).length);

/** @type {import('node:module').ResolveHook} */
export async function resolve(specifier, context, nextResolve) {
  if (specifier === '@jest/globals') {
    return { url: new URL('./jest-globals.mjs', import.meta.url).href, format: 'module', shortCircuit: true };
  }
  const suffix = asked(context.parentURL);
  if (suffix === '') return nextResolve(specifier, context);
  const resolved = await nextResolve(specifier, { ...context, parentURL: plain(context.parentURL) });
  return resolved.url.endsWith('.ts') ? { ...resolved, url: resolved.url + suffix } : resolved;
}

/** @type {import('node:module').LoadHook} */
export function load(url, context, nextLoad) {
  const file = plain(url);
  return file === rule.url ? { format: 'module', source: rule.source, shortCircuit: true } : nextLoad(file, context);
}
