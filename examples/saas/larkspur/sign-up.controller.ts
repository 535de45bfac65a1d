import { Body, Controller, Get, Inject, Post, Query, Req, Res } from '@nestjs/common';
import { type Request, type Response } from 'express';
import {
  isMarketplaceMeteringError,
  type MarketplaceErrorCode,
  RegistrationService,
} from 'nestjs-marketplace-metering';
import { z } from 'zod';
import { type Content, html, type Html } from '../web/html.js';
import { notice, page } from '../web/page.js';
import { LARKSPUR_OPTIONS, type LarkspurOptions } from './larkspur.options.js';
import { sentenceOf } from './render-order.js';
import { Session } from './session.js';
import { type Tenant } from './tenant.entity.js';
import { type Claimed, TenantService } from './tenant.service.js';

const signUpSchema = z.object({
  company: z
    .string({ error: 'Company: give a name' })
    .trim()
    .min(2, { error: 'Company: give at least 2 characters' })
    .max(80, { error: 'Company: give at most 80 characters' }),
  email: z.email({ error: 'E-mail: give an address such as you@example.com' }),
});

type SignUpForm = Partial<Record<'code' | 'company' | 'email', unknown>>;

/** Why a code leads nowhere, by the module's error code, and the status to say it with. */
const CODE_PROBLEMS: Partial<Record<MarketplaceErrorCode, { status: number; text: string }>> = {
  CODE_UNKNOWN: { status: 404, text: 'This link is not one of ours, or it was cut short.' },
  CODE_EXPIRED: { status: 410, text: 'This link has expired.' },
  CODE_USED: { status: 409, text: 'This link has been used already.' },
  CODE_OF_OTHER_BROWSER: {
    status: 403,
    text: 'This link was handed to another browser, or this one keeps no cookies.',
  },
  LINKED_TO_OTHER_TENANT: { status: 409, text: 'This subscription belongs to another account.' },
};

/** Where the module's landing page sends buyers, with a registration code in the address. */
@Controller('sign-up')
export class SignUpController {
  constructor(
    @Inject(LARKSPUR_OPTIONS) private readonly options: LarkspurOptions,
    private readonly registration: RegistrationService,
    private readonly tenants: TenantService,
    private readonly session: Session,
  ) {}

  @Get()
  async show(
    @Query('registrationCode') code: unknown,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    await this.explain(response, async () => {
      response
        .type('html')
        .send(await this.form({ code: textOf(code), request }, await this.session.tenantOf(request), {}, null));
    });
  }

  /** Creates the account. */
  @Post()
  async signUp(
    @Body() body: SignUpForm | undefined,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const given = body ?? {};
    const code = textOf(given.code);
    await this.explain(response, async () => {
      const newTenant = signUpSchema.safeParse(given);
      if (!newTenant.success) {
        response
          .status(400)
          .type('html')
          .send(await this.form({ code, request }, null, given, sentenceOf(newTenant.error)));
        return;
      }
      this.session.open(response, await this.tenants.signUp({ code, request }, newTenant.data));
      response.redirect(303, '/dashboard');
    });
  }

  /**
   * Adds the subscription to the account that is signed in, or signs a buyer in again: only the buyer's own AWS account
   * can have sent them.
   */
  @Post('existing')
  async link(@Body() body: SignUpForm | undefined, @Req() request: Request, @Res() response: Response): Promise<void> {
    const code = textOf(body?.code);
    await this.explain(response, async () => {
      const { tenantId } = await this.registration.inspect(code, { browser: request });
      const tenant = tenantId === null ? await this.session.tenantOf(request) : await this.tenants.find(tenantId);
      if (!tenant) {
        response
          .status(401)
          .type('html')
          .send(await this.form({ code, request }, null, {}, 'You are not signed in: create an account.'));
        return;
      }
      await this.tenants.link({ code, request }, tenant);
      this.session.open(response, tenant);
      response.redirect(303, '/dashboard');
    });
  }

  /** Runs `work`; what is wrong with the code becomes a page that says what to do next. */
  private async explain(response: Response, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const problem = isMarketplaceMeteringError(error) ? CODE_PROBLEMS[error.code] : undefined;
      if (!problem) throw error;
      response.status(problem.status).type('html').send(this.problemPage(problem.text));
    }
  }

  private problemPage(problem: string): string {
    return this.page(html`
      ${notice('bad', problem)}
      <p>
        Go back to AWS Marketplace and choose <strong>Set up your account</strong> on your subscription: you get a fresh
        link. If you have an account already, it also signs you in.
      </p>
      <p><a class="button" href="${this.options.listingUrl}">Back to AWS Marketplace</a></p>
    `);
  }

  private async form(
    { code, request }: Claimed,
    signedIn: Tenant | null,
    given: SignUpForm,
    problem: string | null,
  ): Promise<string> {
    const { tenantId, offerType } = await this.registration.inspect(code, { browser: request });
    const owner = tenantId === null ? null : await this.tenants.find(tenantId);
    const existing = owner ?? signedIn;
    return this.page(html`
      ${problem !== null && notice('bad', problem)} ${existing && existingAccountForm(code, existing, owner !== null)}
      ${owner === null && newAccountForm(code, given, offerType === 'free-trial')}
    `);
  }

  private page(body: Content): string {
    const content = html`<h1>Set up your account</h1>
      ${body}`;
    return page({
      title: 'Set up your account',
      site: 'larkspur',
      links: this.options.links,
      body: html`<div class="narrow">${content}</div>`,
    });
  }
}

function newAccountForm(code: string, given: SignUpForm, freeTrial: boolean): Html {
  return html`
    <p>You subscribed on AWS Marketplace${freeTrial && ' (free trial)'}. Two fields, and you can render.</p>
    <form method="post" action="/sign-up" class="card stack">
      <input type="hidden" name="code" value="${code}" />
      <label
        >Company<input
          name="company"
          autocomplete="organization"
          required
          minlength="2"
          maxlength="80"
          value="${textOf(given.company)}"
      /></label>
      <label
        >E-mail<input name="email" type="email" autocomplete="email" required value="${textOf(given.email)}"
      /></label>
      <button>Create account</button>
    </form>
  `;
}

function existingAccountForm(code: string, tenant: Tenant, isOwner: boolean): Html {
  return html`
    <form method="post" action="/sign-up/existing" class="card stack">
      <input type="hidden" name="code" value="${code}" />
      <p>
        ${
          isOwner
            ? html`Welcome back: this subscription belongs to <strong>${tenant.company}</strong>.`
            : html`You are signed in as <strong>${tenant.company}</strong>.`
        }
      </p>
      <button>${isOwner ? 'Continue to the dashboard' : `Add this subscription to ${tenant.company}`}</button>
    </form>
    ${!isOwner && html`<p class="or">or create another account</p>`}
  `;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
