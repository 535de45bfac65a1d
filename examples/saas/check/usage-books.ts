import { sum, type Units, unitsOf } from '../units.js';

/** What the driver knows to be recorded, because the calls resolved. It never asks the database: it is what the database is held against. */
export class UsageBooks {
  private readonly grains = new Map<string, { licenseArn: string; dimension: string; units: Units }>();
  private count = 0;

  enter(licenseArn: string, dimension: string, quantity: string | number): void {
    const key = `${licenseArn} ${dimension}`;
    const units = (this.grains.get(key)?.units ?? 0n) + unitsOf(quantity);
    this.grains.set(key, { licenseArn, dimension, units });
    this.count += 1;
  }

  get events(): number {
    return this.count;
  }

  get total(): Units {
    return sum([...this.grains.values()].map(({ units }) => units));
  }

  entries(): { licenseArn: string; dimension: string; units: Units }[] {
    return [...this.grains.values()];
  }
}
