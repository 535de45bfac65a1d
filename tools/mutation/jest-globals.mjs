/** As much of `@jest/globals` as the specs of pure rules use; what is described is collected, and run by rule.mjs. */
export { expect } from 'expect';

/** @type {{ title: string, run: () => unknown }[]} */
export const tests = [];
/** @type {string[]} */
const blocks = [];

const fill = (title, values) => {
  let next = 0;
  return title.replace(/%[sdijp]/g, () => String(values[next++]));
};
const eachOf = (define) => (rows) => (title, run) => {
  for (const row of rows) {
    const values = Array.isArray(row) ? row : [row];
    define(fill(title, values), () => run(...values));
  }
};

export function it(title, run) {
  tests.push({ title: [...blocks, title].join(' › '), run });
}
it.each = eachOf(it);

export function describe(title, define) {
  blocks.push(title);
  try {
    define();
  } finally {
    blocks.pop();
  }
}
describe.each = eachOf(describe);

export const jest = { setTimeout() {} };
