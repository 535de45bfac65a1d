import { type MarketplaceSimulator } from 'aws-marketplace-simulator';

/** Whether AWS is done with every call that it was sent, heard or not: CloudTrail has a call from then on. */
export function isEveryCallLogged(
  simulator: MarketplaceSimulator,
  operation: 'BatchMeterUsage' | 'MeterUsage',
): boolean {
  const logged = simulator.trail.events().filter(({ eventName }) => eventName === operation);
  return logged.length >= simulator.calls({ operation }).length;
}
