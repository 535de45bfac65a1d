import { randomUUID } from 'node:crypto';
import { ConflictException, ForbiddenException, Inject, Injectable } from '@nestjs/common';
import {
  type Clock,
  MeteringService,
  type Subscription,
  SubscriptionService,
  type UsageEvent,
} from 'nestjs-marketplace-metering';
import { DataSource, type EntityManager } from 'typeorm';
import { LARKSPUR_CLOCK } from './larkspur.clock.js';
import { MEGAPIXELS, RENDERS } from './larkspur.options.js';
import { RenderJob } from './render-job.entity.js';
import { megapixelsOf, type RenderOrder } from './render-order.js';
import { type Tenant } from './tenant.entity.js';

/** Renders images. A job and the usage it is billed by are one transaction: there is never one without the other. */
@Injectable()
export class RenderService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly metering: MeteringService,
    private readonly subscriptions: SubscriptionService,
    @Inject(LARKSPUR_CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * @param requestKey the client's name for this order. The same order under the same key is answered with the job it
   * made the first time.
   * @throws ForbiddenException when the tenant has no subscription to render for
   * @throws ConflictException when the key stands for another order
   */
  async render(
    tenant: Tenant,
    order: RenderOrder,
    requestKey: string = randomUUID(),
  ): Promise<{ job: RenderJob; repeated: boolean }> {
    await this.admit(tenant);
    return this.dataSource.transaction(async (manager) => {
      const job = jobOf(tenant, order, requestKey, this.clock.now());
      if (!(await insertOnce(manager, job))) return { job: await knownJob(manager, job), repeated: true };
      await this.metering.record(usageOf(job), { manager });
      return { job, repeated: false };
    });
  }

  /**
   * Whether to render is Larkspur's to say. Which agreement pays, the module decides when the hour is over and all is
   * known.
   */
  private async admit(tenant: Tenant): Promise<void> {
    const subscriptions = await this.subscriptions.forTenant(tenant.id);
    if (subscriptions.some(({ state }) => SERVED.has(state))) return;
    throw new ForbiddenException(
      subscriptions.some(({ state }) => state === 'suspended')
        ? 'AWS Marketplace has suspended your subscription. Write to help@larkspur.example.'
        : 'Your subscription has ended. Subscribe again on AWS Marketplace to render more images.',
    );
  }

  latest(tenant: Tenant, count: number): Promise<RenderJob[]> {
    return this.dataSource.manager.find(RenderJob, {
      where: { tenantId: tenant.id },
      order: { renderedAt: 'DESC' },
      take: count,
    });
  }
}

/** Renders from before AWS's word that the purchase holds are billed once it has come. */
const SERVED: ReadonlySet<Subscription['state']> = new Set(['registered', 'active', 'trial']);

function jobOf(tenant: Tenant, order: RenderOrder, requestKey: string, renderedAt: Date): RenderJob {
  const job = { id: randomUUID(), tenantId: tenant.id, requestKey, renderedAt };
  return Object.assign(new RenderJob(), job, order, { megapixels: megapixelsOf(order) });
}

/** The job's id makes the keys: whatever repeats this call, the usage of one job is recorded once. */
function usageOf(job: RenderJob): UsageEvent[] {
  const about = {
    tenantId: job.tenantId,
    occurredAt: job.renderedAt,
    ...(job.project !== null && { tags: { project: job.project } }),
  };
  return [
    { ...about, dimension: RENDERS, quantity: job.images, idempotencyKey: `${job.id}/${RENDERS}` },
    { ...about, dimension: MEGAPIXELS, quantity: job.megapixels, idempotencyKey: `${job.id}/${MEGAPIXELS}` },
  ];
}

/** False when the tenant's key is taken, also by an order that was under way at this moment. */
async function insertOnce(manager: EntityManager, job: RenderJob): Promise<boolean> {
  const inserted = await manager
    .createQueryBuilder()
    .insert()
    .into(RenderJob)
    .values(job)
    .orIgnore()
    .returning('id')
    .execute();
  return (inserted.raw as unknown[]).length === 1;
}

async function knownJob(
  manager: EntityManager,
  { tenantId, requestKey, images, size, project }: RenderJob,
): Promise<RenderJob> {
  const known = await manager.findOneByOrFail(RenderJob, { tenantId, requestKey });
  if (known.images !== images || known.size !== size || known.project !== project) {
    throw new ConflictException('This Idempotency-Key stands for another order: use a new key for a new order.');
  }
  return known;
}
