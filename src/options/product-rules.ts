import { type OptionProblem } from '../errors/marketplace-metering-error.js';
import { partitionOf, saasRegionFault } from './partition.js';
import { productCallsText } from './product-calls.js';

/** Products as they were given: by the host, or as JSON in the environment. Nothing about them is checked yet. */
type Given = Readonly<Record<string, unknown>>;

const VARIABLE = 'MARKETPLACE_PRODUCTS';
/** Ways in for lifecycle messages, which AWS sends to the seller's account alone. */
const WAYS_IN = [
  ['sqsQueueUrls', 'MARKETPLACE_SQS_QUEUE_URLS'],
  ['snsTopicArns', 'MARKETPLACE_SNS_TOPIC_ARNS'],
  ['eventBridgeSecrets', 'MARKETPLACE_EVENTBRIDGE_SECRETS'],
] as const;

/** Whether a product runs in a buyer's account, and calls AWS with the buyer's credentials. */
export const runsAtBuyer = ({ type }: Given): boolean => type === 'container' || type === 'ami';

const isGiven = (product: unknown): product is Given => typeof product === 'object' && product !== null;

function productsOf({ products }: Given): Given[] {
  // Stryker disable next-line ArrayDeclaration: a text is no product of any type.
  return Array.isArray(products) ? products.filter(isGiven) : [];
}

/** What a container or AMI has where nothing is given: it is metered where it runs, and no idle hour makes a record. */
export function withDefaultsOfType(products: unknown): unknown {
  if (!Array.isArray(products)) return products;
  return products.map((product: unknown): unknown =>
    isGiven(product) && runsAtBuyer(product) ? { region: 'auto', zeroRecords: 'off', ...product } : product,
  );
}

/** AWS tracks prepaid units by the hour: no later hour may pay for one of theirs, unless the host says so. */
export function onExpiredByDefault(products: unknown): 'carry' | 'hold' {
  return productsOf({ products }).some(({ included }) => included === 'aws') ? 'hold' : 'carry';
}

/** What no single option can tell: which of them mean nothing, or the wrong thing, together. */
export function combinationProblems(input: Given): OptionProblem[] {
  const products = productsOf(input);
  const isInstallation = products.length > 0 && products.every(runsAtBuyer);
  return [
    ...(isInstallation || input.signUpUrl !== undefined
      ? []
      : [
          problem(
            'signUpUrl',
            'give the sign-up page of your application, for example https://app.example.com/sign-up',
            'MARKETPLACE_SIGN_UP_URL',
          ),
        ]),
    ...cookieProblems(input),
    ...products.flatMap((product) => {
      // In the list as it was given: what is no product has its place in it, too.
      const index = (input.products as unknown[]).indexOf(product);
      const at = (field: string, fix: string): OptionProblem => problem(`products[${index}].${field}`, fix);
      const isMixed = runsAtBuyer(product) && !isInstallation;
      const mixed = isMixed
        ? [
            at(
              'type',
              `a ${String(product.type)} meters itself with its buyer's credentials and cannot share a module with a ` +
                'saas product; give each its own application',
            ),
          ]
        : [];
      return [...mixed, ...(runsAtBuyer(product) ? installedProblems(product, at) : saasProblems(product, at))];
    }),
    ...(isInstallation ? waysInProblems(input) : partitionProblems(products)),
    ...awsProblems(input, isInstallation),
  ];
}

/** A browser would not even keep a cookie for a domain to which the host that sets it does not belong. */
function cookieProblems({ signUpUrl, codeCookieDomain: domain }: Given): OptionProblem[] {
  if (typeof domain !== 'string' || typeof signUpUrl !== 'string' || !URL.canParse(signUpUrl)) return [];
  const { hostname } = new URL(signUpUrl);
  if (`.${hostname}`.endsWith(`.${domain}`)) return [];
  return [
    problem(
      'codeCookieDomain',
      `${hostname} of signUpUrl does not belong to it; give a domain that it shares with the landing page, or codeBinding ` +
        '"none" where they share none',
      'MARKETPLACE_CODE_COOKIE_DOMAIN',
    ),
  ];
}

type ProblemAt = (field: string, fix: string) => OptionProblem;

function saasProblems(product: Given, at: ProblemAt): OptionProblem[] {
  const foreign = ['usageOperation', 'agentCore', 'onShutdown', 'registerUsage'].filter(
    (field) => product[field] !== undefined,
  );
  return [
    ...foreign.map((field) => at(field, 'it is for container and AMI products; remove it, or correct the type')),
    ...(product.region === 'auto' ? [at('region', 'give an AWS region such as us-east-1')] : []),
    ...regionProblems(product, at),
    ...dimensionProblems(product, at),
  ];
}

function regionProblems({ region }: Given, at: ProblemAt): OptionProblem[] {
  const fault = typeof region === 'string' ? saasRegionFault(region) : null;
  return fault === null ? [] : [at('region', fault)];
}

/** One instance has one seller's credentials, and those end with their partition. */
function partitionProblems(products: readonly Given[]): OptionProblem[] {
  const partitions = products.map(({ region }) => (typeof region === 'string' ? partitionOf(region) : 'aws'));
  return new Set(partitions).size < 2
    ? []
    : [
        problem(
          'products',
          `their regions are of several partitions (${[...new Set(partitions)].join(', ')}), which share no credentials; ` +
            'give each partition an instance of the module with its own `name`',
        ),
      ];
}

function awsProblems({ aws }: Given, isInstallation: boolean): OptionProblem[] {
  const given = (typeof aws === 'object' && aws !== null ? aws : {}) as Given;
  const variants = ['useFipsEndpoint', 'useDualstackEndpoint'].filter(
    (name) => given[name] === true && given.endpoint !== undefined,
  );
  return [
    ...(isInstallation && given.assumeRole !== undefined
      ? [
          problem(
            'aws.assumeRole',
            'a container or AMI meters with the role of its own workload, and AWS takes no other; remove it',
            'MARKETPLACE_AWS_ASSUME_ROLE_ARN',
          ),
        ]
      : []),
    ...variants.map((name) =>
      problem(
        `aws.${name}`,
        'it says which of its endpoints AWS is called at, and aws.endpoint names another; give one of the two',
        name === 'useFipsEndpoint' ? 'MARKETPLACE_AWS_USE_FIPS_ENDPOINT' : 'MARKETPLACE_AWS_USE_DUALSTACK_ENDPOINT',
      ),
    ),
  ];
}

function installedProblems(product: Given, at: ProblemAt): OptionProblem[] {
  const { type, usageOperation, dimensions, agentCore, registerUsage } = product;
  const registers = usageOperation === 'RegisterUsage' || usageOperation === 'both';
  const hasDimensions = Array.isArray(dimensions) && dimensions.length > 0;
  const identity = ['identity', 'onSeveral'].filter((field) => product[field] !== undefined);
  return [
    ...identity.map((field) =>
      at(field, 'the buyer is known by the credentials that a container or AMI runs with; remove it'),
    ),
    ...(type === 'ami' && registers
      ? [
          at(
            'usageOperation',
            `an AMI cannot call RegisterUsage; give "MeterUsage", or correct the type${productCallsText()}`,
          ),
        ]
      : []),
    ...(type === 'ami' && agentCore === true ? [at('agentCore', 'AgentCore runs containers; remove it')] : []),
    ...(registers || registerUsage === undefined
      ? []
      : [
          at(
            'registerUsage',
            `it is for usageOperation "RegisterUsage" or "both"; remove it, or say which call${productCallsText()}`,
          ),
        ]),
    ...(type === 'container' && registers && registerUsage === undefined
      ? [at('registerUsage', 'give publicKeys: the versions of the public key on the page of the listing')]
      : []),
    ...(agentCore === true && registers
      ? [at('usageOperation', 'AWS takes RegisterUsage from Amazon ECS and EKS alone; give "MeterUsage"')]
      : []),
    ...(type === 'container' && usageOperation === 'RegisterUsage' && hasDimensions
      ? [
          at(
            'usageOperation',
            'its dimensions would never get a record: give "MeterUsage", "both" where the listing has both prices, or no ' +
              `dimensions${productCallsText()}`,
          ),
        ]
      : []),
    ...(usageOperation === 'RegisterUsage' && type === 'container' ? [] : dimensionProblems(product, at)),
  ];
}

function dimensionProblems({ dimensions }: Given, at: ProblemAt): OptionProblem[] {
  return Array.isArray(dimensions) && dimensions.length === 0
    ? [at('dimensions', 'name at least one dimension of the listing')]
    : [];
}

function waysInProblems({ notifications }: Given): OptionProblem[] {
  const given = (notifications ?? {}) as Given;
  return WAYS_IN.flatMap(([name, variable]) => {
    const list = given[name];
    const fix =
      'AWS sends lifecycle messages to the seller, not to the account in which a container or AMI runs; remove it';
    return Array.isArray(list) && list.length > 0 ? [problem(`notifications.${name}`, fix, variable)] : [];
  });
}

function problem(option: string, fix: string, environmentVariable: string = VARIABLE): OptionProblem {
  return { option, environmentVariable, fix };
}
