import { BadRequestException, Body, Controller, Headers, Post, UseGuards } from '@nestjs/common';
import { renderOrderSchema, sentenceOf } from './render-order.js';
import { RenderService } from './render.service.js';
import { ApiKeyGuard, CurrentTenant } from './signed-in.js';
import { Tenant } from './tenant.entity.js';

const KEY_MAX = 200;

/** Larkspur for programs. */
@Controller('api/renders')
@UseGuards(ApiKeyGuard)
export class RenderApiController {
  constructor(private readonly renders: RenderService) {}

  /** `{ "images": 5, "size": "thumbnail", "project": "catalogue" }`. Repeat it safely with the same Idempotency-Key. */
  @Post()
  async create(
    @CurrentTenant() tenant: Tenant,
    @Body() body: unknown,
    @Headers('idempotency-key') requestKey?: string,
  ) {
    const order = renderOrderSchema.safeParse(body ?? {});
    if (!order.success) throw new BadRequestException(sentenceOf(order.error));
    if (requestKey !== undefined && (requestKey === '' || requestKey.length > KEY_MAX)) {
      throw new BadRequestException(`Idempotency-Key: give 1 to ${KEY_MAX} characters, or leave it out.`);
    }
    const { job, repeated } = await this.renders.render(tenant, order.data, requestKey);
    const { id, images, size, project, megapixels, renderedAt } = job;
    return {
      id,
      images,
      size,
      project,
      megapixels: Number(megapixels),
      renderedAt: renderedAt.toISOString(),
      repeated,
    };
  }
}
