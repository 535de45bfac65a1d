import { readdirSync } from 'node:fs';
import { ENVIRONMENT } from '../../src/options/environment-variables.js';
import { OptionsInvalidError } from '../../src/errors/marketplace-metering-error.js';
import { resolveOptions } from '../../src/options/resolved-options.js';
import { STATIC_DEFAULTS } from '../../src/options/static-options.js';
import { type DocumentedInterface, type DocumentedMember, interfacesIn, pathOf, sourceOf } from './docstrings.js';
import { code, table } from './markdown.js';
import { type OptionRule, optionRules } from './option-rules.js';

/** The sections of the page: what each interface says, and where its members stand among the options. */
const SECTIONS = [
  ['Database', 'DatabaseOptions', 'database.'],
  ['Products', 'ProductOptions', 'products[].'],
  ['Included units', 'IncludedUnitsOptions', 'products[].includedUnits[].'],
  ['Containers that register', 'RegisterUsageOptions', 'products[].registerUsage.'],
  ['Registration', 'RegistrationOptions', ''],
  ['Support', 'SupportOptions', 'support.'],
  ['Lifecycle messages', 'NotificationOptions', 'notifications.'],
  ['Time', 'TimingOptions', ''],
  ['Entitlements', 'EntitlementOptions', ''],
  ['Recording', 'RecordingOptions', 'recording.'],
  ['Submission', 'SubmissionOptions', 'submission.'],
  ['Containers and AMIs', 'ContainerOptions', 'container.'],
  ['AWS', 'AwsOptions', 'aws.'],
  ['A role of the seller account', 'AssumeRoleOptions', 'aws.assumeRole.'],
  ['Questions to AWS', 'CallRateOptions', 'aws.callsPerSecond.'],
  ['Audit', 'AuditOptions', 'audit.'],
  ['Retention', 'RetentionOptions', 'retention.'],
  ['Handlers', 'EventDeliveryOptions', 'handlers.'],
  ['Jobs', 'JobOptions', 'jobs.'],
  ['The module', 'Options', ''],
] as const;

/** An option as its interface tells of it. */
export interface DocumentedOption {
  option: string;
  member: DocumentedMember;
}

/** An option as it is: its rule, what is in force where nobody gives it, and its variable. */
export interface OptionTruth extends OptionRule {
  isRequired: boolean;
  inForce: unknown;
  variable: string | null;
}

/** The page, and everything that the docstrings lack or have wrong: a page is only made of docstrings that hold. */
export function optionsPage(): { text: string; problems: string[] } {
  const interfaces = optionInterfaces();
  const documented = SECTIONS.flatMap(([, name, prefix]) => documentedIn(interfaces.get(name), prefix));
  const statics = interfaces.get('StaticOptions');
  return {
    text: textOf(interfaces),
    problems: [...optionProblems(documented, optionTruths()), ...staticProblems(statics?.members ?? [])],
  };
}

function optionInterfaces(): ReadonlyMap<string, DocumentedInterface> {
  const files = readdirSync(pathOf('src/options')).filter((file) => file.endsWith('.ts'));
  return new Map(files.flatMap((file) => [...interfacesIn(sourceOf(`src/options/${file}`))]));
}

/** A member that is a group of options has a section of its own. */
function documentedIn(declared: DocumentedInterface | undefined, prefix: string): DocumentedOption[] {
  const groups: readonly string[] = SECTIONS.map(([, , group]) => group);
  return (declared?.members ?? []).flatMap((member) => {
    const option = `${prefix}${member.name}`;
    return groups.includes(`${option}.`) || groups.includes(`${option}[].`) ? [] : [{ option, member }];
  });
}

const MINIMUM = {
  database: { url: 'postgres://localhost/app' },
  products: [{ productCode: 'abc', dimensions: ['requests'] }],
  signUpUrl: 'https://app.example.com/sign-up',
};

/** As little as a contract with consumption takes. */
const CONTRACT = {
  ...MINIMUM,
  products: MINIMUM.products.map((product) => ({
    ...product,
    contractDimensions: ['pack'],
    includedUnits: [{ contractDimension: 'pack', covers: ['requests'] }],
  })),
};

export function optionTruths(): OptionTruth[] {
  const required = missingOf({ products: [{ includedUnits: [{} as never] } as never] });
  const resolved: unknown = resolveOptions(MINIMUM, {});
  const withContract: unknown = resolveOptions(CONTRACT, {});
  return optionRules().map((rule) => ({
    ...rule,
    isRequired: required.has(rule.option),
    inForce: valueAt(
      rule.option.includes('includedUnits[]') ? withContract : resolved,
      rule.option.replaceAll('[]', '.0'),
    ),
    variable: rule.option.startsWith('products[].registerUsage.')
      ? null
      : rule.option.startsWith('products[].')
        ? 'MARKETPLACE_PRODUCTS'
        : (ENVIRONMENT.find(({ option }) => option === rule.option)?.variable ?? null),
  }));
}

function missingOf(given: Parameters<typeof resolveOptions>[0]): ReadonlySet<string> {
  try {
    resolveOptions(given, {});
  } catch (error) {
    if (error instanceof OptionsInvalidError)
      return new Set(error.problems.map(({ option }) => option.replaceAll('[0]', '[]')));
    throw error;
  }
  return new Set();
}

function valueAt(tree: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], tree);
}

/** Where the interfaces and the schema disagree, or a docstring lacks what a hover must show; a line each. */
export function optionProblems(documented: readonly DocumentedOption[], truths: readonly OptionTruth[]): string[] {
  const names = documented.map(({ option }) => option);
  return [
    ...truths.filter(({ option }) => !names.includes(option)).map(({ option }) => `${option}: no interface has it`),
    ...documented.flatMap(({ option, member }) => {
      const truth = truths.find((one) => one.option === option);
      if (!truth) return [`${option}: the schema does not know it`];
      return docstringProblems(member, truth).map((problem) => `${option}: ${problem}`);
    }),
  ];
}

function docstringProblems({ paragraphs, tags }: DocumentedMember, truth: OptionTruth): string[] {
  const [meaning = '', why] = paragraphs;
  const hasChoice = !truth.isRequired && truth.choices?.length !== 1;
  const unit = truth.numbers && (truth.option.endsWith('Ms') ? 'ms' : /^(?!ms$)\S/);
  return [
    ...(/^\S.{15,}\.$/.test(meaning) ? [] : ['its docstring must say what it means']),
    ...(hasChoice && why === undefined ? ['it must say why one would change it'] : []),
    ...tagProblems(tags, 'unit', unit ?? null),
    ...tagProblems(tags, 'range', rangeOf(truth)),
    ...tagProblems(tags, 'defaultValue', defaultOf(truth)),
    ...tagProblems(tags, 'environment', truth.variable ?? 'none'),
  ];
}

/** `expected` null: there must be no such tag. */
function tagProblems(tags: Docstrings, name: string, expected: string | RegExp | null): string[] {
  const tag = tags[name];
  if (expected === null) return tag === undefined ? [] : [`@${name} has no meaning here`];
  if (tag === undefined) return [`@${name} is missing`];
  const holds = typeof expected === 'string' ? tag === expected : expected.test(tag);
  return holds ? [] : [`@${name} must be ${String(expected)}, not ${tag}`];
}
type Docstrings = DocumentedMember['tags'];

function rangeOf({ option, numbers, choices, inForce }: OptionTruth): string | RegExp {
  if (numbers) return `${numberText(option, numbers.min)} to ${numberText(option, numbers.max)}`;
  if (choices)
    return choices
      .map(code)
      .join(', ')
      .replace(/, ([^,]*)$/, ' or $1');
  return typeof inForce === 'boolean' ? 'true or false' : /\S/;
}

function defaultOf({ option, isRequired, inForce }: OptionTruth): string | RegExp {
  if (isRequired) return 'required';
  if (inForce === undefined || (Array.isArray(inForce) && inForce.length === 0)) return /^none(: .+)?$/;
  if (typeof inForce === 'number') return numberText(option, inForce);
  if (typeof inForce === 'boolean') return String(inForce);
  if (typeof inForce === 'string') return new RegExp(`^\`${inForce}\`(; .+)?$`);
  return /^(?!none|required)\S/;
}

/** `3,600,000 (1 h)`; small numbers, and what is no duration, need no second reading. */
function numberText(option: string, value: number): string {
  const plain = value.toLocaleString('en-US');
  return option.endsWith('Ms') && value >= 1000 ? `${plain} (${durationText(value)})` : plain;
}

const UNITS = [
  [86_400_000, 'days'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
] as const;

function durationText(ms: number): string {
  // A day is told in hours.
  const [size, unit] = UNITS.find(([one]) => ms % one === 0 && (one < 86_400_000 || ms > one)) ?? [1, 'ms'];
  return `${(ms / size).toLocaleString('en-US')} ${unit}`;
}

function staticProblems(members: readonly DocumentedMember[]): string[] {
  const defaults: Readonly<Record<string, unknown>> = STATIC_DEFAULTS;
  return members.flatMap(({ name, paragraphs, tags }) => {
    const value = defaults[name];
    const expected =
      value === undefined
        ? /^none(: .+)?$/
        : typeof value === 'boolean'
          ? String(value)
          : code(`{ path: '${(value as { path: string }).path}' }`);
    const problems = [
      ...(paragraphs.length > 0 ? [] : ['its docstring must say what it means']),
      ...tagProblems(tags, 'range', /\S/),
      ...tagProblems(tags, 'defaultValue', expected),
    ];
    return problems.map((problem) => `static ${name}: ${problem}`);
  });
}

const HEADER = [
  '# Options',
  '<!-- Made of the docstrings in src/options/ by `npm run docs:generate`: change those. -->',
  'Give an option to `forRoot({ … })`, return it from `forRootAsync`, or set its environment variable; what the code ' +
    'gives wins over the environment.\nAll problems are reported at once when the application starts, each with the ' +
    'option, its variable and the fix. Durations are whole milliseconds.\nThree are required: `database.url`, ' +
    '`products` and `signUpUrl`.',
].join('\n\n');

function textOf(interfaces: ReadonlyMap<string, DocumentedInterface>): string {
  const sections = SECTIONS.map(([title, name, prefix]) => {
    const declared = interfaces.get(name);
    const rows = documentedIn(declared, prefix).map(({ option, member }) => [code(option), ...cellsOf(member)]);
    const about = (declared?.paragraphs ?? []).join('\n\n');
    const header = ['option', 'environment variable', 'default', 'range', 'meaning'];
    return [`## ${title}`, about, table(header, rows)].join('\n\n');
  });
  const statics = interfaces.get('StaticOptions');
  const rows = (statics?.members ?? []).map(({ name, paragraphs, tags }) => [
    code(name),
    tags.defaultValue ?? '',
    tags.range ?? '',
    paragraphs.join(' '),
  ]);
  const last = [
    '## Static options',
    (statics?.paragraphs ?? []).join('\n\n'),
    table(['option', 'default', 'range', 'meaning'], rows),
  ].join('\n\n');
  return `${[HEADER, ...sections, last].join('\n\n')}\n`;
}

function cellsOf({ paragraphs, tags }: DocumentedMember): string[] {
  const { environment = 'none', defaultValue = '', range = '', unit } = tags;
  return [
    environment === 'none' ? environment : code(environment),
    defaultValue,
    unit === undefined || unit === 'ms' ? range : `${range} ${unit}`,
    paragraphs.join(' '),
  ];
}
