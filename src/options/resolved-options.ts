import { type z } from 'zod';
import { type OptionProblem, OptionsInvalidError } from '../errors/marketplace-metering-error.js';
import { foreignProducts, mayFeed } from './buyers-environment.js';
import { DatabaseClock } from './clock.js';
import { sslWithoutOption } from './database-ssl.js';
import { databaseUrlOf } from './database-url.js';
import { ENVIRONMENT } from './environment-variables.js';
import { optionsSchema } from './options.schema.js';
import { type Options } from './options.js';
import { combinationProblems, onExpiredByDefault, withDefaultsOfType } from './product-rules.js';

/** All options with their defaults filled in: what every room is given. */
export type ResolvedOptions = z.output<typeof optionsSchema>;
/** A listing with its defaults filled in. */
export type ResolvedProduct = ResolvedOptions['products'][number];
export type ProductMode = ResolvedProduct['mode'];

/**
 * Whether any way in for lifecycle messages is open; where none is, nobody would ever say that a subscription has
 * become active.
 */
export function followsLifecycle({ notifications }: ResolvedOptions): boolean {
  const { sqsQueueUrls, snsTopicArns, eventBridgeSecrets } = notifications;
  return sqsQueueUrls.length + snsTopicArns.length + eventBridgeSecrets.length > 0;
}

/** Whether the products run in a buyer's account: then they all do, and the installation is the one customer. */
export function isInstallation({ products }: Pick<ResolvedOptions, 'products'>): boolean {
  return products.every(({ type }) => type !== 'saas');
}

/** Whether usage of the product goes to AWS record by record; AWS meters a container that only registers by itself. */
export function hasRecords({ type, usageOperation }: ResolvedProduct): boolean {
  return type !== 'container' || usageOperation !== 'RegisterUsage';
}

/**
 * Options of the host over environment variables over defaults, checked at once.
 * @throws OptionsInvalidError with every problem, each naming the option, its environment variable and the fix.
 */
export function resolveOptions(given: Options = {}, environment: NodeJS.ProcessEnv = process.env): ResolvedOptions {
  const input = copyOf(given);
  for (const { option, variable, read } of ENVIRONMENT) {
    const text = environment[variable];
    if (text !== undefined && text !== '' && mayFeed(option, given.products))
      fillIn(input, option.split('.'), () => read(text));
  }
  input.clock ??= new DatabaseClock();
  input.database ??= {};
  fillIn(input, ['database', 'url'], () => databaseUrlOf(environment));
  const { url } = input.database as { url?: unknown };
  if (typeof url === 'string') fillIn(input, ['database', 'ssl'], () => sslWithoutOption(url, environment));
  input.migrations ??= environment.NODE_ENV === 'production' ? 'verify' : 'run';

  input.products = withDefaultsOfType(input.products);
  input.onExpired ??= onExpiredByDefault(input.products);

  const result = optionsSchema.safeParse(input, { error: kindWanted });
  const problems = [
    ...(result.success ? [] : result.error.issues.flatMap(problemsOf)),
    ...combinationProblems(input),
    ...foreignProducts(given.products, input.products),
  ];
  if (result.success && problems.length === 0) return result.data;
  throw new OptionsInvalidError(problems);
}

function copyOf(given: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(given)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, isPlainObject(value) ? copyOf(value) : (value as unknown)]),
  );
}

function isPlainObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function fillIn(target: Record<string, unknown>, [head = '', ...rest]: string[], read: () => unknown): void {
  if (rest.length === 0) {
    target[head] ??= read();
    return;
  }
  target[head] ??= {};
  const next = target[head];
  // A host that gave something else than an object hears of it from the schema; the environment does not paper over it.
  if (isPlainObject(next)) fillIn(next as Record<string, unknown>, rest, read);
}

const KINDS: Readonly<Record<string, string>> = { object: 'an object', array: 'a list', string: 'text' };

/** The fix where the schema has no words of its own: of what kind the value has to be. */
function kindWanted(issue: z.core.$ZodRawIssue): string | undefined {
  const kind = issue.code === 'invalid_type' ? KINDS[issue.expected] : undefined;
  return kind && `give ${kind}`;
}

function problemsOf(issue: z.core.$ZodIssue): OptionProblem[] {
  const at = (path: PropertyKey[]): Pick<OptionProblem, 'option' | 'environmentVariable'> => {
    const names = path.filter((part) => typeof part === 'string').join('.');
    const source = ENVIRONMENT.find(({ option }) => names === option || names.startsWith(`${option}.`));
    const option = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
    return { option: option.replace(/^\./, ''), environmentVariable: source?.variable ?? null };
  };
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      ...at([...issue.path, key]),
      fix: isCredential(issue.path, key)
        ? 'an instance of the module has one seller account: give aws.assumeRole or aws.credentials, and products of ' +
          'another account an instance of their own, with a name, its sellerAccount and its aws'
        : 'there is no such option; correct its name or remove it',
    }));
  }
  return [{ ...at(issue.path), fix: issue.message }];
}

const isCredential = ([first]: PropertyKey[], key: string): boolean =>
  first === 'products' && /^(credentials|assumeRole|role|roleArn|sellerAccount|aws)$/.test(key);
