import { z } from 'zod';
import { presets } from '../switches.js';
import { type ControlledSimulator } from './controlled-simulator.js';
import { ControlProblem } from './control-problem.js';
import { type ControlRoute, route } from './control-route.js';
import { armedFault, faultRequest } from './fault-schemas.js';
import { advanceRequest, clockRequest, clockState } from './market-schemas.js';
import { presetList, presetRequest, quotasRequest, switches, switchesRequest } from './reading-schemas.js';

/** Time, readings of AWS's open questions, and faults. */
export function settingRoutes(simulator: ControlledSimulator): ControlRoute[] {
  const { clock, faults } = simulator;
  const time = () => ({ now: clock.now(), rate: clock.rate });
  const fault = (faultId: string) => {
    const found = faults.list().find(({ id }) => id === faultId);
    if (found) return found;
    throw new ControlProblem(404, `There is no fault ${faultId}. GET /_simulator/faults lists them.`);
  };
  return [
    route({ method: 'GET', path: '/clock', summary: 'The simulator’s time', answer: clockState, run: time }),
    route({
      method: 'PUT',
      path: '/clock',
      summary: 'Set the clock, its rate, or both',
      body: clockRequest,
      answer: clockState,
      run: ({ body: { at, rate } }) => {
        if (rate !== undefined) clock.run({ rate });
        if (at) clock.set(at);
        return time();
      },
    }),
    route({
      method: 'POST',
      path: '/clock/advance',
      summary: 'Move the clock forward; what falls due on the way happens at its moment',
      body: advanceRequest,
      answer: clockState,
      run: ({ body }) => {
        clock.advance(body.by);
        return time();
      },
    }),
    route({
      method: 'GET',
      path: '/switches',
      summary: 'The reading of each open question',
      answer: switches,
      run: () => simulator.switches,
    }),
    route({
      method: 'PUT',
      path: '/switches',
      summary: 'Play other readings; switches not named stay',
      body: switchesRequest,
      answer: switches,
      run: ({ body }) => {
        simulator.setSwitches(body);
        return simulator.switches;
      },
    }),
    route({
      method: 'PUT',
      path: '/quotas',
      summary:
        'Calls per second: one number for all operations, or by operation; 0 for none. What is not named has AWS’s own',
      body: quotasRequest,
      run: ({ body }) => {
        simulator.setCallsPerSecond(body.callsPerSecond);
      },
    }),
    route({
      method: 'GET',
      path: '/presets',
      summary: 'Whole sets of readings',
      answer: presetList,
      run: () => ({ presets }),
    }),
    route({
      method: 'PUT',
      path: '/preset',
      summary: 'Play all readings of a preset',
      body: presetRequest,
      answer: switches,
      run: ({ body }) => {
        simulator.setSwitches(presets[body.preset]);
        return simulator.switches;
      },
    }),
    route({
      method: 'GET',
      path: '/faults',
      summary: 'The faults in force, in the order they strike; and hits per kind since the start',
      answer: z.object({ faults: z.array(armedFault), hits: z.record(z.string(), z.int()) }),
      run: () => ({ faults: faults.list(), hits: faults.hits() }),
    }),
    route({
      method: 'POST',
      path: '/faults',
      summary: 'Add a fault',
      body: faultRequest,
      status: 201,
      answer: armedFault,
      run: ({ body }) => fault(faults.add(body).id),
    }),
    route({
      method: 'DELETE',
      path: '/faults',
      summary: 'Take all faults away',
      run: () => {
        faults.clear();
      },
    }),
    route({
      method: 'DELETE',
      path: '/faults/{faultId}',
      summary: 'Take one fault away',
      run: ({ params }) => {
        faults.remove(fault(params.faultId).id);
      },
    }),
  ];
}
