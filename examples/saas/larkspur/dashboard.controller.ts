import {
  BadRequestException,
  Body,
  Controller,
  Get,
  Header,
  HttpCode,
  HttpException,
  Inject,
  Post,
  Query,
  Res,
  UseGuards,
} from '@nestjs/common';
import { type Response } from 'express';
import { type Subscription, SubscriptionService } from 'nestjs-marketplace-metering';
import { type Content, html, type Html } from '../web/html.js';
import { instant } from '../web/instant.js';
import { notice, page } from '../web/page.js';
import { LARKSPUR_OPTIONS, type LarkspurOptions } from './larkspur.options.js';
import { type RenderJob } from './render-job.entity.js';
import { RENDER_SIZES, renderOrderSchema, sentenceOf } from './render-order.js';
import { RenderService } from './render.service.js';
import { CurrentTenant, SignedInGuard } from './signed-in.js';
import { Tenant } from './tenant.entity.js';
import { TenantService } from './tenant.service.js';
import { WorkspaceService, type WorkspaceStanding } from './workspace.service.js';

const JOBS_SHOWN = 6;

/** Larkspur for people. */
@Controller('dashboard')
@UseGuards(SignedInGuard)
export class DashboardController {
  constructor(
    @Inject(LARKSPUR_OPTIONS) private readonly options: LarkspurOptions,
    private readonly renders: RenderService,
    private readonly subscriptions: SubscriptionService,
    private readonly tenants: TenantService,
    private readonly workspaces: WorkspaceService,
  ) {}

  @Get()
  @Header('content-type', 'text/html; charset=utf-8')
  async show(@CurrentTenant() tenant: Tenant, @Query('job') jobId: unknown): Promise<string> {
    const jobs = await this.renders.latest(tenant, JOBS_SHOWN);
    const job = jobs.find(({ id }) => id === jobId);
    return this.page(tenant, jobs, job && notice('good', rendered(job)));
  }

  @Post('renders')
  async render(@CurrentTenant() tenant: Tenant, @Body() body: unknown, @Res() response: Response): Promise<void> {
    try {
      const order = renderOrderSchema.safeParse(body ?? {});
      if (!order.success) throw new BadRequestException(sentenceOf(order.error));
      const { job } = await this.renders.render(tenant, order.data);
      response.redirect(303, `/dashboard?job=${job.id}`);
    } catch (error) {
      if (!(error instanceof HttpException)) throw error;
      const jobs = await this.renders.latest(tenant, JOBS_SHOWN);
      response
        .status(error.getStatus())
        .type('html')
        .send(await this.page(tenant, jobs, notice('bad', error.message)));
    }
  }

  @Post('api-key')
  @HttpCode(200)
  @Header('content-type', 'text/html; charset=utf-8')
  async createApiKey(@CurrentTenant() tenant: Tenant): Promise<string> {
    const apiKey = await this.tenants.createApiKey(tenant);
    return this.page(tenant, await this.renders.latest(tenant, JOBS_SHOWN), notice('good', this.newApiKey(apiKey)));
  }

  private async page(tenant: Tenant, jobs: RenderJob[], message: Content): Promise<string> {
    const subscriptions = await this.subscriptions.forTenant(tenant.id);
    const current = subscriptions.at(-1);
    return page({
      title: 'Dashboard',
      site: 'larkspur',
      links: this.options.links,
      at: '/dashboard',
      body: html`
        <h1>${tenant.company}</h1>
        <p class="muted">${subscriptions.map(subscriptionLine)}</p>
        ${current && workspaceLine(await this.workspaces.standingOf(current.id))} ${message}
        <div class="columns">
          ${renderForm()}
          <section class="card stack">
            <h2>Latest jobs</h2>
            ${jobs.length === 0 ? html`<p class="muted">Nothing rendered yet. Press a button: it takes a moment.</p>` : jobTable(jobs)}
            <form method="post" action="/dashboard/api-key">
              <button class="quiet">Create an API key</button>
            </form>
          </section>
        </div>
        ${current && (await this.options.dashboardPanel?.(current.id))}
      `,
    });
  }

  private newApiKey(apiKey: string): Html {
    const { publicUrl } = this.options;
    return html`
      <p>Your API key, shown this once: <code id="api-key">${apiKey}</code></p>
      <pre tabindex="0">
curl -X POST ${publicUrl}/api/renders \\
  -H 'Authorization: Bearer ${apiKey}' -H 'Content-Type: application/json' \\
  -d '{"images": 5, "size": "preview", "project": "catalogue"}'</pre>
    `;
  }
}

function subscriptionLine({ state, endsAt }: Subscription): Html {
  const text = {
    registered: 'Subscribed through AWS Marketplace',
    active: 'Subscribed through AWS Marketplace',
    trial: 'Free trial through AWS Marketplace',
    suspended: 'Subscription suspended by AWS Marketplace',
    failed: 'The purchase in AWS Marketplace did not go through',
    ending: 'Subscription ends',
    ended: 'Subscription ended',
  }[state];
  return html`<span class="line">${text}${endsAt && html` ${instant(endsAt)}`}</span>`;
}

function workspaceLine({ provisionedAt, endsAt }: WorkspaceStanding): Html {
  return html`
    ${endsAt && notice('plain', html`Your subscription ends ${instant(endsAt)}. Download what you want to keep.`)}
    ${provisionedAt && html`<p class="muted">Workspace ready since ${instant(provisionedAt)}</p>`}
  `;
}

function renderForm(): Html {
  const sizes = Object.entries(RENDER_SIZES);
  return html`
    <section class="card">
      <h2>Render images</h2>
      <form method="post" action="/dashboard/renders" class="stack">
        <fieldset class="choices">
          <legend>Size</legend>
          ${sizes.map(
            ([size, { label }], index) =>
              html`<label><input type="radio" name="size" value="${size}" ${index === 1 && 'checked'} /> ${label}</label>`,
          )}
        </fieldset>
        <label
          >Project <span class="muted">(a tag on your bill, may stay empty)</span>
          <input name="project" maxlength="100" list="projects" autocomplete="off" />
        </label>
        <datalist id="projects">
          <option value="catalogue"></option>
          <option value="press kit"></option>
        </datalist>
        <p class="buttons">
          <button name="images" value="5">Render 5 images</button>
          <button name="images" value="1" class="quiet">1 image</button>
          <button name="images" value="40" class="quiet">40 images</button>
        </p>
      </form>
    </section>
  `;
}

function jobTable(jobs: RenderJob[]): Html {
  return html`
    <div class="scroll" tabindex="0" role="group" aria-label="Latest jobs">
      <table>
        <thead>
          <tr>
            <th scope="col">Rendered</th>
            <th scope="col">Size</th>
            <th scope="col">Project</th>
            <th scope="col" class="number">Images</th>
            <th scope="col" class="number">Megapixels</th>
          </tr>
        </thead>
        <tbody>
          ${jobs.map(
            (job) =>
              html`<tr>
                <td>${instant(job.renderedAt)}</td>
                <td>${job.size}</td>
                <td>${job.project ?? '–'}</td>
                <td class="number">${job.images}</td>
                <td class="number">${Number(job.megapixels)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  `;
}

function rendered({ images, megapixels }: RenderJob): string {
  return `Rendered ${images} ${images === 1 ? 'image' : 'images'}: ${Number(megapixels)} megapixels. The job and its usage were committed in one transaction.`;
}
