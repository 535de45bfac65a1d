import { type INestApplicationContext } from '@nestjs/common';
import { type AlertKind } from '../../../src/events/alert-catalogue.js';
import { InstalledWorld, type Pod } from '../../support/installed-world.js';
import { PRODUCT_CODE, World, type WorldOptions } from '../../support/world.js';

/** A world in which an alert is open, by its real cause. */
export interface OpenAlert {
  /** A process that can be asked. */
  app: () => INestApplicationContext;
  /** The cause goes, and the jobs that look again run; of findings, whatever found it runs again. */
  end: () => Promise<unknown>;
  stop: () => Promise<unknown>;
}

/** Brings the real cause of a kind of alert about. */
export type AlertStory = () => Promise<OpenAlert>;
export type AlertStories<K extends AlertKind> = Readonly<Record<K, AlertStory>>;

/** What takes the cause away. */
type Ending = () => Promise<unknown>;

/** A host that sells one product, unless the options say otherwise. */
export const inWorld =
  (play: (world: World) => Promise<Ending>, options: WorldOptions = {}): AlertStory =>
  async () => {
    const world = await World.start({ lists: [PRODUCT_CODE], ...options });
    try {
      return { app: () => world.app, end: await play(world), stop: () => world.stop() };
    } catch (error) {
      await world.stop();
      throw error;
    }
  };

/** An installation in a buyer's account. */
export const inInstallation =
  (play: (world: InstalledWorld) => Promise<{ end: Ending; asked: () => Pod }>): AlertStory =>
  async () => {
    const world = await InstalledWorld.start();
    try {
      const { end, asked } = await play(world);
      return { app: () => asked().app, end, stop: () => world.stop() };
    } catch (error) {
      await world.stop();
      throw error;
    }
  };

export const SIGNED = { by: 'ada', reason: 'looked into' };

/** Past the triggers, as whoever may do anything with the database. */
export async function pastTheTriggers({ database }: World, ...statements: string[]): Promise<void> {
  await database.transaction(async (tx) => {
    await tx.query(`SET LOCAL session_replication_role = 'replica'`);
    for (const statement of statements) await tx.query(statement);
  });
}

/** Ids of records, oldest hour first. */
export async function recordIds(world: Pick<World, 'records'>, where: string): Promise<string[]> {
  const ids = (await world.records<{ id: string }>(where)).map(({ id }) => id);
  if (ids.length === 0) throw new Error(`there is no record where ${where}`);
  return ids;
}
