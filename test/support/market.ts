import {
  type Agreement,
  type BillLine,
  MarketplaceSimulator,
  type MessageFilter,
  type NotificationMessage,
  SeededRandom,
  type SimulatorOptions,
  type SubscribeOptions,
  type Switches,
  switchValues,
  VirtualClock,
} from 'aws-marketplace-simulator';

/** The only file of the worlds that knows the simulator: what it is asked to do, in the words of the cases. */
export { MarketplaceSimulator, SeededRandom, switchValues, VirtualClock };
export type { Agreement, BillLine, MessageFilter, NotificationMessage, SimulatorOptions, SubscribeOptions, Switches };

export const SELLER = '123456789012';

/** `l-…` of a license, whatever form of its ARN was printed. */
export function licenseIdOf(arn: string): string {
  return arn.slice(arn.lastIndexOf(':') + 1);
}

/**
 * The buyer of a record as AWS tells buyers apart: the license, or the account behind either name of a legacy buyer.
 */
export function buyerOf(
  simulator: MarketplaceSimulator,
  who: { licenseArn?: string | null; accountId?: string | null; customerIdentifier?: string | null },
): string {
  if (who.licenseArn !== null && who.licenseArn !== undefined) return licenseIdOf(who.licenseArn);
  if (who.accountId !== null && who.accountId !== undefined) return who.accountId;
  const held = simulator.agreements().find(({ customerIdentifier }) => customerIdentifier === who.customerIdentifier);
  return held?.accountId ?? who.customerIdentifier ?? '';
}

/** What a bill line says of identity, dimension and hour: AWS's grain. */
export function grainOfLine(simulator: MarketplaceSimulator, line: BillLine): string {
  // MeterUsage: AWS tells resources apart, and no record names a buyer.
  if (line.resourceId !== undefined) return `${line.productCode} ${line.resourceId} ${line.dimension} ${line.hour}`;
  const buyer = buyerOf(simulator, {
    licenseArn: line.licenseArn ?? null,
    accountId: line.customerAWSAccountId ?? null,
    customerIdentifier: line.customerIdentifier ?? null,
  });
  return `${line.productCode} ${buyer} ${line.dimension} ${line.hour}`;
}

/** `l-1`, `l-2`, …: agreements in the order in which they were signed in this world. */
export function labelOf(simulator: MarketplaceSimulator, agreementId: string): string {
  const index = simulator.agreements().findIndex((agreement) => agreement.agreementId === agreementId);
  return index === -1 ? agreementId : `l-${index + 1}`;
}
