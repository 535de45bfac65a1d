import { createHash } from 'node:crypto';
import { type Agreement } from '../market/agreement.js';
import { presets } from '../switches.js';
import { type ControlledSimulator } from './controlled-simulator.js';
import { type Scenario, scenarioOf, type ScenarioInput, type ScenarioStep } from './scenario.js';

/** How far the play has come. */
export interface ScenarioSnapshot {
  readonly digest: string;
  /** Epoch milliseconds of the simulator's clock. */
  readonly beganAt: number;
  /** Positions of steps that are done. */
  readonly played: readonly number[];
  /** Agreement ids by the names that the scenario gives them. */
  readonly names: Readonly<Record<string, string>>;
}

/** Plays a scenario: what is there at the start, then each step when the clock reaches it. */
export class ScenarioPlayer {
  readonly #scenario: Scenario;
  readonly #digest: string;
  readonly #played = new Set<number>();
  readonly #names = new Map<string, string>();
  #alarms: (() => void)[] = [];
  #beganAt: number | undefined;
  #simulator: ControlledSimulator | undefined;

  /** Throws an Error that names every field that does not fit. */
  constructor(input: ScenarioInput) {
    this.#scenario = scenarioOf(input);
    this.#digest = createHash('sha256').update(JSON.stringify(input)).digest('hex');
  }

  snapshot(): ScenarioSnapshot | null {
    if (this.#beganAt === undefined) return null;
    return {
      digest: this.#digest,
      beganAt: this.#beganAt,
      played: [...this.#played],
      names: Object.fromEntries(this.#names),
    };
  }

  restore(snapshot: ScenarioSnapshot | null): void {
    if (snapshot && snapshot.digest !== this.#digest) {
      throw new Error('the state was begun with another scenario: go on with that one, or use another state file');
    }
    this.#forget();
    this.#beganAt = snapshot?.beganAt;
    for (const index of snapshot?.played ?? []) this.#played.add(index);
    for (const [name, agreementId] of Object.entries(snapshot?.names ?? {})) this.#names.set(name, agreementId);
    if (this.#simulator && snapshot) this.#schedule(this.#simulator, snapshot.beganAt);
  }

  /** Sets the scene, unless a restored state has it already, and waits for the clock. */
  begin(simulator: ControlledSimulator): void {
    this.#simulator = simulator;
    const isNew = this.#beganAt === undefined;
    if (isNew) this.#setScene(simulator);
    this.#beganAt ??= (this.#scenario.clock?.startAt ?? simulator.clock.now()).getTime();
    this.#schedule(simulator, this.#beganAt);
  }

  /** From the beginning, in a world that is as it was before. */
  restart(): void {
    this.#forget();
    if (this.#simulator) this.begin(this.#simulator);
  }

  #forget(): void {
    for (const cancel of this.#alarms) cancel();
    this.#alarms = [];
    this.#played.clear();
    this.#names.clear();
    this.#beganAt = undefined;
  }

  #setScene(simulator: ControlledSimulator): void {
    const { clock, preset, switches, products, agreements, faults } = this.#scenario;
    // In this order: set first, the clock would go on at its former rate until it is frozen.
    if (clock?.rate !== undefined) simulator.clock.run({ rate: clock.rate });
    if (clock?.startAt) simulator.clock.set(clock.startAt);
    simulator.setSwitches({ ...(preset && presets[preset]), ...switches });
    for (const product of products) simulator.createProduct(product);
    for (const { name, ...subscription } of agreements)
      this.#names.set(name, simulator.subscribe(subscription).agreementId);
    for (const fault of faults) simulator.faults.add(fault);
  }

  #schedule(simulator: ControlledSimulator, beganAt: number): void {
    for (const [index, step] of this.#scenario.steps.entries()) {
      if (this.#played.has(index)) continue;
      const at = 'at' in step.at ? step.at.at : new Date(beganAt + step.at.afterMs);
      const ring = (): void => {
        this.#played.add(index);
        try {
          this.#play(simulator, step);
        } catch (error) {
          // Nobody waits for a step: the story goes on without it, and says so.
          process.emitWarning(
            `Step ${index} of the scenario, ${step.do}, was refused: ` +
              (error instanceof Error ? error.message : String(error)),
          );
        }
      };
      this.#alarms.push(simulator.clock.alarm(at, ring));
    }
  }

  #play(simulator: ControlledSimulator, step: ScenarioStep): void {
    switch (step.do) {
      case 'subscribe': {
        const { name, ...subscription } = step.subscription;
        this.#names.set(name, simulator.subscribe(subscription).agreementId);
        return;
      }
      case 'setSwitches':
        simulator.setSwitches(step.switches);
        return;
      case 'setPreset':
        simulator.setSwitches(presets[step.preset]);
        return;
      case 'addFault':
        simulator.faults.add(step.fault);
        return;
      case 'clearFaults':
        simulator.faults.clear();
        return;
      case 'setRate':
        simulator.clock.run({ rate: step.rate });
        return;
      default: {
        const agreementId = this.#names.get(step.agreement);
        if (agreementId === undefined) throw new Error(`there is no agreement "${step.agreement}" yet`);
        // The name goes on to the agreement that comes after it.
        this.#names.set(step.agreement, deed(simulator, agreementId, step).agreementId);
      }
    }
  }
}

type AgreementStep = Extract<ScenarioStep, { agreement: string }>;

function deed(simulator: ControlledSimulator, agreementId: string, step: AgreementStep): Agreement {
  switch (step.do) {
    case 'amend':
      return simulator.amend(agreementId, step.change);
    case 'renew':
      return simulator.renew(agreementId, step.terms);
    case 'replace':
      return simulator.replace(agreementId, step.terms);
    case 'convertTrial':
      return simulator.convertTrial(agreementId, step.terms);
    case 'end':
      return simulator.end(agreementId, step.endsAt ? { at: step.endsAt } : {});
    case 'cancel':
      return simulator.cancel(agreementId);
    case 'suspend':
      return simulator.suspend(agreementId);
    case 'reinstate':
      return simulator.reinstate(agreementId);
    case 'setEntitlements':
      return simulator.setEntitlements(agreementId, step.entitlements);
  }
}
