import { LEGACY_CODE, PRODUCT_CODE, type Way, World, type WorldOptions } from '../support/world.js';

/** A kind of product and the way in which AWS's word of it comes. */
export interface Route {
  name: string;
  productCode: string;
  ways: readonly Way[];
}

export const LICENSE_ROUTES: readonly Route[] = [
  { name: 'license, EventBridge', productCode: PRODUCT_CODE, ways: ['eventBridge'] },
  { name: 'license, events through a queue', productCode: PRODUCT_CODE, ways: ['eventQueue'] },
  { name: 'license, no way in', productCode: PRODUCT_CODE, ways: [] },
];

export const LEGACY_ROUTES: readonly Route[] = [
  { name: 'legacy, SNS', productCode: LEGACY_CODE, ways: ['sns'] },
  { name: 'legacy, SNS through a queue', productCode: LEGACY_CODE, ways: ['snsQueue'] },
  { name: 'legacy, raw SNS through a queue', productCode: LEGACY_CODE, ways: ['rawQueue'] },
  { name: 'legacy, EventBridge and SNS', productCode: LEGACY_CODE, ways: ['eventBridge', 'sns'] },
  { name: 'legacy, no way in', productCode: LEGACY_CODE, ways: [] },
];

export const ROUTES = [...LICENSE_ROUTES, ...LEGACY_ROUTES];

/** A world for one test, stopped when the test is over. */
export async function withWorld(options: WorldOptions, play: (world: World) => Promise<void>): Promise<void> {
  const world = await World.start(options);
  try {
    await play(world);
  } finally {
    await world.stop();
  }
}

export const at = (text: string): Date => new Date(text);

/** Terms of an agreement that renews itself at that moment, for thirty days each. */
export function renewingAt(text: string): { startsAt: Date; endsAt: Date; autoRenew: true } {
  const endsAt = at(text);
  return { startsAt: new Date(endsAt.getTime() - 30 * 24 * 3_600_000), endsAt, autoRenew: true };
}
