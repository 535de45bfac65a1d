import { type OptionProblem } from '../errors/marketplace-metering-error.js';
import { ENVIRONMENT } from './environment-variables.js';
import { runsAtBuyer } from './product-rules.js';

/** What a buyer decides about software in their account: where its ledger lies, and who may look into it. */
const BUYERS_OPTIONS = ['database.', 'migrations', 'adminToken'];

/**
 * Whether a variable may feed an option. In a buyer's account the environment is the buyer's: no variable there changes
 * what is billed, to whom the calls go, or whether they are made.
 * @param products as the code gives them
 */
export function mayFeed(option: string, products: unknown): boolean {
  return !runAtBuyer(products) || BUYERS_OPTIONS.some((own) => option.startsWith(own));
}

/** Variables that are set and not read, so that it can be said. */
export function unreadVariables(products: unknown, environment: NodeJS.ProcessEnv): string[] {
  return ENVIRONMENT.filter(({ option }) => !mayFeed(option, products))
    .map(({ variable }) => variable)
    .filter((variable) => (environment[variable] ?? '') !== '');
}

/** Products that came from a variable, and run where it is the buyer who sets it. */
export function foreignProducts(given: unknown, read: unknown): OptionProblem[] {
  return given !== undefined || !runAtBuyer(read)
    ? []
    : [
        {
          option: 'products',
          environmentVariable: 'MARKETPLACE_PRODUCTS',
          fix: 'give products of type container and ami in the code: where they run, a variable is the buyer’s to set',
        },
      ];
}

function runAtBuyer(products: unknown): boolean {
  const isGiven = (product: unknown): product is object => typeof product === 'object' && product !== null;
  return Array.isArray(products) && products.filter(isGiven).some((product) => runsAtBuyer({ ...product }));
}
