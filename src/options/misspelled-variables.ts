import { ENVIRONMENT } from './environment-variables.js';

const OURS = 'MARKETPLACE_';
/** Letters that are missing, too many or others; underscores do not count. */
const SLIPS_MAX = 2;

const bare = (variable: string): string => variable.slice(OURS.length).replaceAll('_', '');

/**
 * Variables that mean nothing to the module and are all but called as one of its own that is not set. A host may have
 * such of its own, so that they are said, and not refused; but `MARKETPLACE_STARTIN=hold` after a restore must not pass
 * in silence.
 */
export function misspelledVariables(environment: NodeJS.ProcessEnv): { given: string; meant: string }[] {
  const known = ENVIRONMENT.map(({ variable }) => variable).filter((variable) => variable.startsWith(OURS));
  const unset = known.filter((variable) => environment[variable] === undefined);
  return Object.keys(environment).flatMap((given) => {
    if (!given.startsWith(OURS) || known.includes(given)) return [];
    const near = unset.map((meant) => ({ meant, slips: slipsBetween(bare(given), bare(meant)) }));
    const [nearest] = near.filter(({ slips }) => slips <= SLIPS_MAX).sort((a, b) => a.slips - b.slips);
    return nearest === undefined ? [] : [{ given, meant: nearest.meant }];
  });
}

/** Levenshtein's distance. */
function slipsBetween(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
