import { Injectable } from '@nestjs/common';
import { type Fault, type FaultHandle, MarketplaceSimulator } from 'aws-marketplace-simulator';

interface Breakage {
  label: string;
  /** What happens to calls while it lasts. */
  effect: string;
  faults: readonly Fault[];
}

/** Ways to break AWS at the press of a button. Each lasts until AWS is resolved. */
export const BREAKAGES = {
  throttle: {
    label: 'Throttle',
    effect: 'every call is turned away: ThrottlingException',
    faults: [{ kind: 'throttle', operation: 'BatchMeterUsage' }],
  },
  error500: {
    label: 'Server errors',
    effect: 'every call fails with a 500, half of them after AWS has taken the usage',
    faults: [
      { kind: 'error500Before', operation: 'BatchMeterUsage', probability: 0.5 },
      { kind: 'error500After', operation: 'BatchMeterUsage' },
    ],
  },
  lostAnswers: {
    label: 'Lose answers',
    effect: 'AWS takes the usage, and the connection breaks before it can say so',
    faults: [{ kind: 'resetAfter', operation: 'BatchMeterUsage' }],
  },
  unprocessed: {
    label: 'Leave unprocessed',
    effect: 'every record comes back as unprocessed; half of them are billed all the same',
    faults: [
      { kind: 'unprocessed', operation: 'BatchMeterUsage', afterEffect: (record) => record.Dimension === 'renders' },
    ],
  },
  accessDenied: {
    label: 'Deny access',
    effect: 'every call is refused: AccessDeniedException',
    faults: [{ kind: 'accessDenied', operation: 'BatchMeterUsage' }],
  },
} as const satisfies Record<string, Breakage>;

export type BreakageName = keyof typeof BREAKAGES;

export function isBreakageName(name: string): name is BreakageName {
  return Object.hasOwn(BREAKAGES, name);
}

/** What is broken about the simulated AWS at the moment. */
@Injectable()
export class FaultDesk {
  private readonly broken = new Map<BreakageName, FaultHandle[]>();

  constructor(private readonly simulator: MarketplaceSimulator) {}

  break(name: BreakageName): void {
    if (this.broken.has(name)) return;
    const faults: readonly Fault[] = BREAKAGES[name].faults;
    this.broken.set(
      name,
      faults.map((fault) => this.simulator.faults.add(fault)),
    );
  }

  mend(): void {
    for (const handle of [...this.broken.values()].flat()) handle.remove();
    this.broken.clear();
  }

  get current(): BreakageName[] {
    return [...this.broken.keys()];
  }
}
