import { type ModulesContainer } from '@nestjs/core';

/** What is used of the host's `SchedulerRegistry`. */
export interface HostIntervals {
  doesExist(type: 'interval', name: string): boolean;
  addInterval(name: string, timer: NodeJS.Timeout): void;
  deleteInterval(name: string): void;
}

/**
 * The host's `SchedulerRegistry`, where it has one. It is known by its methods and not by its class: a host need not
 * have @nestjs/schedule, may have a second copy of it, and a minified bundle renames the class.
 */
export function hostIntervalsIn(modules: ModulesContainer): HostIntervals | undefined {
  for (const module of modules.values())
    for (const { instance } of module.providers.values()) if (isIntervals(instance)) return instance;
  return undefined;
}

function isIntervals(instance: unknown): instance is HostIntervals {
  // A value of the host's may be a proxy that makes up whatever it is asked for, and promises among it.
  if (typeof instance !== 'object' || instance === null) return false;
  const methods = Object.getPrototypeOf(instance) as Record<string, unknown> | null;
  return ['doesExist', 'addInterval', 'deleteInterval', 'getCronJobs'].every(
    (name) => typeof methods?.[name] === 'function',
  );
}
