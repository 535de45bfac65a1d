import { type z } from 'zod';
import { type ControlledSimulator } from './controlled-simulator.js';
import { ControlProblem } from './control-problem.js';
import { type ControlRoute, route } from './control-route.js';
import {
  acceptedUsage,
  bill,
  billQuery,
  callPage,
  callQuery,
  segmentList,
  stateDocument as stateSchema,
} from './evidence-schemas.js';
import { stateDocument, worldOf } from './state-document.js';

/** What was asked, what was billed, and the whole state. */
export function evidenceRoutes(simulator: ControlledSimulator): ControlRoute[] {
  const page = ({ order, limit, after, ...filter }: z.output<typeof callQuery>) => {
    const calls = order === 'newestFirst' ? simulator.calls(filter).reverse() : simulator.calls(filter);
    const last = calls.findIndex(({ requestId }) => requestId === after);
    if (after !== undefined && last === -1) {
      throw new ControlProblem(400, 'The page before is no longer known.', [
        { path: 'after', message: 'expected the "next" of a page with the same filter; leave it out to start again' },
      ]);
    }
    const shown = calls.slice(last + 1, last + 1 + limit);
    const next = shown.at(-1)?.requestId;
    return { calls: shown, ...(next !== undefined && next !== calls.at(-1)?.requestId && { next }) };
  };
  return [
    route({
      method: 'GET',
      path: '/calls',
      summary: 'The calls received, with what they were answered and whether they took effect',
      query: callQuery,
      answer: callPage,
      run: ({ query }) => page(query),
    }),
    route({
      method: 'GET',
      path: '/bill',
      summary: 'What AWS would charge: one line per region, identity, dimension and hour',
      query: billQuery,
      answer: bill,
      run: ({ query }) => ({ lines: simulator.bill(query) }),
    }),
    route({
      method: 'GET',
      path: '/accepted-usage',
      summary:
        'The records behind the bill: with their timestamps, when they were taken, and the price they come under',
      query: billQuery,
      answer: acceptedUsage,
      run: ({ query }) => ({ records: simulator.acceptedUsage(query) }),
    }),
    route({
      method: 'GET',
      path: '/price-segments',
      summary: 'When which agreement has which price, trial or paid',
      answer: segmentList,
      run: () => ({ segments: simulator.priceSegments() }),
    }),
    route({
      method: 'GET',
      path: '/state',
      summary: 'Everything the simulator knows; faults with functions as predicates excepted',
      answer: stateSchema,
      run: () => stateDocument(simulator.snapshot()),
    }),
    route({
      method: 'PUT',
      path: '/state',
      summary: 'Go on from a state that was read before',
      body: stateSchema,
      run: ({ body }) => {
        try {
          simulator.restore(worldOf(body));
        } catch (error) {
          throw new ControlProblem(
            400,
            `The state cannot be used: ${error instanceof Error ? error.message : String(error)}.`,
          );
        }
      },
    }),
    route({
      method: 'POST',
      path: '/state/reset',
      summary: 'Everything as it was at the start',
      run: () => {
        simulator.reset();
      },
    }),
  ];
}
