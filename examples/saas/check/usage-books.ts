import { sum, type Units, unitsOf } from '../units.js';

/** Usage that a call has promised. */
export interface BookedUsage {
  company: string;
  dimension: string;
  units: Units;
  occurredAt: Date;
}

/**
 * What the driver knows to be recorded, because the calls resolved. It never asks the database: it is what the database
 * is held against.
 */
export class UsageBooks {
  private readonly booked: BookedUsage[] = [];

  enter(company: string, dimension: string, quantity: string | number, occurredAt: Date): void {
    this.booked.push({ company, dimension, units: unitsOf(quantity), occurredAt });
  }

  get events(): number {
    return this.booked.length;
  }

  get total(): Units {
    return sum(this.booked.map(({ units }) => units));
  }

  entries(): readonly BookedUsage[] {
    return this.booked;
  }
}
