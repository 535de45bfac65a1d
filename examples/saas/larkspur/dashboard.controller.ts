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
  Redirect,
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
const SUBSCRIPTIONS_SHOWN = 3;

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

  /** Where two agreements run side by side, usage waits until the tenant has said which one pays. */
  @Post('payer')
  @Redirect('/dashboard', 303)
  async choosePayer(
    @CurrentTenant() tenant: Tenant,
    @Body() body: { subscriptionId?: unknown } | undefined,
  ): Promise<void> {
    const subscriptions = await this.subscriptions.forTenant(tenant.id);
    const chosen = subscriptions.find(({ id }) => id === body?.subscriptionId);
    if (!chosen) throw new BadRequestException('This subscription is not one of yours.');
    const starts = subscriptions.filter(({ state }) => IN_FORCE.has(state)).map(startOf);
    // From where they began to run side by side: what was rendered since then waits for this.
    const from = new Date(Math.max(...starts));
    await this.subscriptions.choosePayer({
      tenantId: tenant.id,
      productCode: chosen.productCode,
      subscriptionId: chosen.id,
      from,
    });
  }

  private async page(tenant: Tenant, jobs: RenderJob[], message: Content): Promise<string> {
    const subscriptions = await this.subscriptions.forTenant(tenant.id);
    const [current] = subscriptions;
    const running = subscriptions.filter(({ state }) => IN_FORCE.has(state));
    return page({
      title: 'Dashboard',
      site: 'larkspur',
      links: this.options.links,
      at: '/dashboard',
      body: html`
        <h1>${tenant.company}</h1>
        <p class="muted">${subscriptions.slice(0, SUBSCRIPTIONS_SHOWN).map(subscriptionLine)}</p>
        ${current && workspaceLine(current, await this.workspaces.standingOf(current.id))}
        ${running.length > 1 && payerForm(running)} ${message}
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
        ${await this.options.dashboardPanel?.(tenant.id)}
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

/** What can be paid with now. */
const IN_FORCE: ReadonlySet<Subscription['state']> = new Set(['active', 'trial', 'suspended']);

function startOf({ current }: Subscription): number {
  return current?.startsAt?.getTime() ?? 0;
}

function subscriptionLine({ state, current, agreements }: Subscription): Html {
  const text = {
    registered: 'Subscribed through AWS Marketplace',
    upcoming: 'Subscribed through AWS Marketplace, from',
    active: 'Subscribed through AWS Marketplace',
    trial: 'Free trial through AWS Marketplace',
    suspended: 'Subscription suspended by AWS Marketplace',
    failed: 'The purchase in AWS Marketplace did not go through',
    ending: 'Subscription ends',
    ended: 'Subscription ended',
  }[state];
  const at = state === 'upcoming' ? agreements[0]?.startsAt : current?.endsAt;
  const isAhead = at && ['active', 'trial'].includes(state);
  return html`<span class="line">${text}${isAhead && ' until'}${at && html` ${instant(at)}`}</span>`;
}

function payerForm(running: readonly Subscription[]): Html {
  return html`
    <form method="post" action="/dashboard/payer" class="notice plain">
      <p>You have ${running.length} subscriptions that run side by side. Which one pays for what you render?</p>
      <p class="buttons">
        ${running.map(
          ({ id, current }, index) =>
            html`<button name="subscriptionId" value="${id}" class="quiet">
              ${current?.startsAt ? html`The one since ${instant(current.startsAt)}` : `Number ${index + 1}`}
            </button>`,
        )}
      </p>
    </form>
  `;
}

/**
 * Trial or paid is read from the subscription: AWS is asked for the terms, and may say so a moment after the workspace
 * was opened.
 */
function workspaceLine(
  { state }: Subscription,
  { provisionedAt, renewedAt, closedAt, endsAt }: WorkspaceStanding,
): Html {
  if (closedAt)
    return html`<p class="muted">Workspace closed ${instant(closedAt)}; it opens again when you subscribe again.</p>`;
  return html`
    ${endsAt && notice('plain', html`Your subscription ends ${instant(endsAt)}. Download what you want to keep.`)}
    ${
      provisionedAt &&
      html`<p class="muted">
        ${state === 'trial' ? 'Trial workspace' : 'Workspace'} ready since
        ${instant(provisionedAt)}${renewedAt && html`, renewed ${instant(renewedAt)}`}
      </p>`
    }
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
              html`<label
                ><input type="radio" name="size" value="${size}" ${index === 1 && 'checked'} /> ${label}</label
              >`,
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
  return (
    `Rendered ${images} ${images === 1 ? 'image' : 'images'}: ${Number(megapixels)} megapixels. The job and its ` +
    'usage were committed in one transaction.'
  );
}
