import { type ComputeFleet } from './compute-fleet.js';
import { hourMs, hourOf } from './metering-window.js';
import { type Switches } from '../switches.js';
import { type BillLine } from './usage-book.js';

/** A container that has called RegisterUsage. */
export interface ContainerRegistration {
  readonly resourceId: string;
  readonly productCode: string;
  readonly agreementId: string;
  /** ISO 8601. */
  readonly registeredAt: string;
}

export interface ContainerTimeSnapshot {
  readonly registrations: readonly ContainerRegistration[];
}

const minimumMs = 60_000;
/** A container that registers later than this after its launch has no guarantee for the months before [SDK-M]. */
const promptMs = 6 * hourMs;
const dimension = 'Hours';

/**
 * How long registered containers have run: AWS bills them by itself, per hour, prorated to the second, for at least one
 * minute [SDK-M].
 */
export class ContainerTime {
  readonly #registrations = new Map<string, ContainerRegistration>();

  constructor(
    private readonly fleet: ComputeFleet,
    private readonly switches: Readonly<Pick<Switches, 'containerTimeFrom'>>,
  ) {}

  /** The first registration of a container counts. */
  register(registration: ContainerRegistration): void {
    const key = JSON.stringify([registration.resourceId, registration.productCode]);
    if (!this.#registrations.has(key)) this.#registrations.set(key, registration);
  }

  /** One line per container, product and UTC hour until now; the last one of a running container still grows. */
  lines(now: Date): BillLine[] {
    return [...this.#registrations.values()].flatMap((registration) => this.#linesOf(registration, now.getTime()));
  }

  snapshot(): ContainerTimeSnapshot {
    return { registrations: [...this.#registrations.values()] };
  }

  restore({ registrations }: ContainerTimeSnapshot): void {
    this.#registrations.clear();
    for (const registration of registrations) this.register(registration);
  }

  #linesOf({ resourceId, productCode, agreementId, registeredAt }: ContainerRegistration, now: number): BillLine[] {
    const { region, accountId, launchedAt, terminatedAt } = this.fleet.resource(resourceId);
    const start = this.#billedFrom(launchedAt.getTime(), Date.parse(registeredAt));
    const end = Math.max(terminatedAt?.getTime() ?? now, start + minimumMs);
    const lines: BillLine[] = [];
    for (let hour = hourOf(start); hour < end; hour += hourMs) {
      const seconds = Math.round((Math.min(end, hour + hourMs) - Math.max(start, hour)) / 1000);
      lines.push({
        operation: 'RegisterUsage',
        productCode,
        region,
        identity: 'resource',
        agreementId,
        customerAWSAccountId: accountId,
        resourceId,
        dimension,
        hour: new Date(hour).toISOString(),
        quantity: seconds / 3600,
        meteringRecordId: `${resourceId}/${new Date(hour).toISOString()}`,
      });
    }
    return lines;
  }

  #billedFrom(launched: number, registered: number): number {
    if (this.switches.containerTimeFrom === 'registration') return registered;
    if (registered - launched <= promptMs) return launched;
    const month = new Date(registered);
    return Math.max(launched, Date.UTC(month.getUTCFullYear(), month.getUTCMonth()));
  }
}
