import { type Type } from '@nestjs/common';
import { type ModulesContainer } from '@nestjs/core';
import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { INSTANCE_NAME } from './job-scheduler.js';
import { RESOLVED_OPTIONS } from './tokens.js';

type NestModule = ModulesContainer extends Map<string, infer Module> ? Module : never;

/** What two instances of one process must not share: what says so is told, `null` where there is nothing. */
const SHARED: readonly {
  of: (module: NestModule) => readonly string[];
  fault: (value: string) => string;
}[] = [
  {
    of: (module) => [nameOf(module) ?? ''],
    fault: (name) =>
      `is imported twice as ${name === '' ? 'the unnamed instance' : `"${name}"`}. Call forRoot() once and keep the result, ` +
      'or give each instance its own `name`.',
  },
  {
    of: (module) => [...module.controllers.values()].map(({ metatype }) => `/${pathOf(metatype)}`),
    fault: (path) =>
      `answers at ${path} twice. Give each instance its own path, or leave the routes out of one (false).`,
  },
  {
    // Two schedulers would seal and submit the same records, each with its own options.
    of: (module) => ledgersOf(module),
    fault: (ledger) =>
      `has two instances for the seller account ${ledger.slice(0, ledger.indexOf('\0'))} in one database. Give each ` +
      'its own `sellerAccount`, or list all products in one instance.',
  },
];

/**
 * Refuses instances of the module in one process that would get in each other's way.
 * @throws MarketplaceMeteringError `INSTANCE_DUPLICATE`
 */
export function refuseCollisions(modules: ModulesContainer, metatype: Type<unknown>): void {
  const instances = [...modules.values()].filter((module) => module.metatype === metatype);
  for (const { of, fault } of SHARED) {
    const seen = new Set<string>();
    for (const value of instances.flatMap(of)) {
      if (seen.has(value))
        throw new MarketplaceMeteringError('INSTANCE_DUPLICATE', `MarketplaceMeteringModule ${fault(value)}`);
      seen.add(value);
    }
  }
}

function nameOf(module: NestModule): string | undefined {
  return module.providers.get(INSTANCE_NAME)?.instance as string | undefined;
}

function pathOf(controller: unknown): string {
  const path = Reflect.getMetadata('path', controller as object) as string;
  return path.replace(/^\/+|\/+$/g, '');
}

function ledgersOf(module: NestModule): string[] {
  for (const imported of module.imports) {
    const options = imported.providers.get(RESOLVED_OPTIONS)?.instance as ResolvedOptions | undefined;
    if (options) return [`${JSON.stringify(options.sellerAccount)}\0${options.database.url}`];
  }
  return [];
}
