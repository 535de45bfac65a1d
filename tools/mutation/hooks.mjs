// Module hooks: the rule is loaded with all of its mutants in it, and jest's globals are those of jest-globals.mjs.
let rule;

export function initialize(data) {
  rule = data;
}

/** @type {import('node:module').ResolveHook} */
export function resolve(specifier, context, nextResolve) {
  return specifier === '@jest/globals'
    ? { url: new URL('./jest-globals.mjs', import.meta.url).href, format: 'module', shortCircuit: true }
    : nextResolve(specifier, context);
}

/** @type {import('node:module').LoadHook} */
export function load(url, context, nextLoad) {
  return url === rule.url ? { format: 'module', source: rule.source, shortCircuit: true } : nextLoad(url, context);
}
