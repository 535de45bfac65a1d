import { z } from 'zod';
import { fieldProblems } from './control-problem.js';
import { faultRequest } from './fault-schemas.js';
import {
  amendRequest,
  entitlementsRequest,
  namedSubscription,
  productRequest,
  successorRequest,
} from './market-schemas.js';
import { presetName, switchesRequest } from './reading-schemas.js';
import { durationText, moment } from './scalars.js';

const rate = z.number().min(0);

/** `+PT1H`: so long after the scenario began; or a moment. */
const stepTime = z.union(
  [
    z
      .string()
      .regex(/^\+/)
      .transform((text) => text.slice(1))
      .pipe(durationText)
      .transform((afterMs) => ({ afterMs })),
    moment.transform((at) => ({ at })),
  ],
  { error: 'expected a time after the start such as +PT1H30M, or a moment such as 2026-11-18T12:30:00Z' },
);

const step = <const Deed extends string, Members extends z.core.$ZodLooseShape>(deed: Deed, members: Members) =>
  z.strictObject({ at: stepTime, do: z.literal(deed), ...members });
const ofAgreement = { agreement: z.string() };
const successorTerms = successorRequest.prefault({});

const stepSchema = z.discriminatedUnion(
  'do',
  [
    step('subscribe', { subscription: namedSubscription }),
    step('amend', { ...ofAgreement, change: amendRequest }),
    step('renew', { ...ofAgreement, terms: successorTerms }),
    step('replace', { ...ofAgreement, terms: successorTerms }),
    step('convertTrial', { ...ofAgreement, terms: successorTerms }),
    step('end', { ...ofAgreement, endsAt: z.exactOptional(moment) }),
    step('cancel', ofAgreement),
    step('suspend', ofAgreement),
    step('reinstate', ofAgreement),
    step('setEntitlements', { ...ofAgreement, ...entitlementsRequest.shape }),
    step('setSwitches', { switches: switchesRequest }),
    step('setPreset', { preset: presetName }),
    step('addFault', { fault: faultRequest }),
    step('clearFaults', {}),
    step('setRate', { rate }),
  ],
  {
    error:
      'expected "do" to be subscribe, amend, renew, replace, convertTrial, end, cancel, suspend, reinstate, ' +
      'setEntitlements, setSwitches, setPreset, addFault, clearFaults or setRate',
  },
);

const scenarioSchema = z
  .strictObject({
    $schema: z.exactOptional(z.string()),
    description: z.exactOptional(z.string()),
    clock: z.exactOptional(z.strictObject({ startAt: z.exactOptional(moment), rate: z.exactOptional(rate) })),
    preset: z.exactOptional(presetName),
    switches: z.exactOptional(switchesRequest),
    products: z.array(productRequest).default([]),
    agreements: z.array(namedSubscription).default([]),
    faults: z.array(faultRequest).default([]),
    steps: z.array(stepSchema).default([]),
  })
  .superRefine(({ products, agreements, steps }, context) => {
    const problem = (path: (string | number)[], message: string) => {
      context.addIssue({ code: 'custom', path, message });
    };
    const codes = products.map(({ productCode }) => productCode);
    const names = new Set<string>();
    const subscribed = (path: (string | number)[], { name, productCode }: { name: string; productCode: string }) => {
      if (names.has(name)) problem([...path, 'name'], `there is an agreement "${name}" already`);
      if (!codes.includes(productCode))
        problem([...path, 'productCode'], `expected the productCode of one of "products", not "${productCode}"`);
      names.add(name);
    };
    for (const [index, agreement] of agreements.entries()) subscribed(['agreements', index], agreement);
    for (const [index, one] of steps.entries()) {
      if (one.do === 'subscribe') subscribed(['steps', index, 'subscription'], one.subscription);
      if ('agreement' in one && !names.has(one.agreement)) {
        problem(
          ['steps', index, 'agreement'],
          `expected the name of an agreement before it (${[...names].join(', ') || 'there is none'}), not ` +
            `"${one.agreement}"`,
        );
      }
    }
  });

/** What is sold and to whom at the start, and what happens when. */
export type Scenario = z.output<typeof scenarioSchema>;
export type ScenarioStep = Scenario['steps'][number];
/** A scenario as JSON has it. */
export type ScenarioInput = z.input<typeof scenarioSchema>;

/** Throws an Error that names every field that does not fit. */
export function scenarioOf(input: unknown): Scenario {
  const result = scenarioSchema.safeParse(input);
  if (result.success) return result.data;
  const problems = fieldProblems(result.error).map(({ path, message }) => `  ${path || 'the whole'}: ${message}`);
  throw new Error(`The scenario does not fit:\n${problems.join('\n')}`);
}
