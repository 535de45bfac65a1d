import {
  BadRequestException,
  Body,
  ConflictException,
  Controller,
  Get,
  Header,
  Inject,
  NotFoundException,
  Param,
  Post,
  Query,
  Redirect,
} from '@nestjs/common';
import { type Agreement, MarketplaceSimulator } from 'aws-marketplace-simulator';
import { LARKSPUR_OPTIONS, type LarkspurOptions } from '../larkspur/larkspur.options.js';
import { html, type Html } from '../web/html.js';
import { instant } from '../web/instant.js';
import { notice, page } from '../web/page.js';
import { PRODUCT_CODE } from './control-panel.tokens.js';
import { FaultDesk, isBreakageName } from './fault-desk.js';
import { breakageForm } from './flow.view.js';
import { LedgerReader } from './ledger-reader.js';

/** Where the module takes buyers in; "Fulfillment URL" in the listing. */
const LANDING_PATH = '/marketplace/registration';
const TRIAL_MS = 30 * 24 * 3_600_000;
/** Pages that the buttons may lead back to. */
const RETURN_TO = ['/aws', '/dashboard', '/control-panel'];

/** Plays the pages of AWS Marketplace on which a buyer subscribes and manages subscriptions. */
@Controller('aws')
export class AwsController {
  constructor(
    private readonly simulator: MarketplaceSimulator,
    private readonly faults: FaultDesk,
    private readonly ledger: LedgerReader,
    @Inject(PRODUCT_CODE) private readonly productCode: string,
    @Inject(LARKSPUR_OPTIONS) private readonly options: LarkspurOptions,
  ) {}

  @Get()
  @Header('content-type', 'text/html; charset=utf-8')
  async show(@Query('accepted') accepted: unknown): Promise<string> {
    const subscriptions = await this.ledger.subscriptions();
    // By the whole chain: the news of the latest agreement may be under way.
    const companyOf = ({ agreementId, licenseArn, initialAgreementId }: Agreement): string | null => {
      const own = [agreementId, licenseArn, initialAgreementId];
      const named = subscriptions.filter(({ names }) => own.some((name) => names.includes(name)));
      return named.find(({ company }) => company !== null)?.company ?? null;
    };
    const agreements = this.simulator.agreements().reverse();
    const fresh = agreements.find(({ agreementId }) => agreementId === accepted);
    return page({
      title: 'Larkspur on AWS Marketplace',
      site: 'aws',
      links: this.options.links,
      at: '/aws',
      body: html`
        ${fresh && notice('good', this.acceptedNotice(fresh))}
        <div class="columns">
          ${offer()}
          <section class="card stack">
            <h2>Your subscriptions</h2>
            ${
              agreements.length === 0
                ? html`<p class="muted">None yet.</p>`
                : html`<ul class="agreements">
                    ${agreements.map((agreement) => this.agreement(agreement, companyOf(agreement)))}
                  </ul>`
            }
          </section>
        </div>
        ${breakageForm(this.faults.current, '/aws')}
      `,
    });
  }

  /** The buyer accepts the offer. */
  @Post('agreements')
  @Redirect('/aws', 303)
  subscribe(@Body() body: { trial?: unknown } | undefined): { url: string } {
    const trial = { freeTrial: true, trialEndsAt: new Date(this.simulator.clock.now().getTime() + TRIAL_MS) };
    const { agreementId } = this.simulator.subscribe({
      productCode: this.productCode,
      ...(body?.trial === 'yes' && trial),
    });
    return { url: `/aws?accepted=${agreementId}` };
  }

  /** What the buyer does with a subscription; AWS's events bring the news to the application. */
  @Post('agreements/:agreementId/:deed')
  @Redirect('/aws', 303)
  change(@Param('agreementId') agreementId: string, @Param('deed') deed: string): { url: string } | undefined {
    const agreement = this.simulator.agreements().find((candidate) => candidate.agreementId === agreementId);
    if (!agreement) throw new NotFoundException('There is no such subscription.');
    const found = DEEDS.find(({ name }) => name === deed);
    if (!found)
      throw new NotFoundException(
        'A subscription can be renewed, replaced, converted, cancelled, and taken out again.',
      );
    if (!found.isOpenTo(agreement)) throw new ConflictException('This can no longer be done with the subscription.');
    const next = found.work(this.simulator, agreement);
    return next && { url: `/aws?accepted=${next.agreementId}` };
  }

  @Post('breakages')
  @Redirect('/aws', 303)
  break(@Body() body: { breakage?: unknown; returnTo?: unknown } | undefined): { url: string } {
    const { breakage, returnTo } = body ?? {};
    if (breakage === 'none') this.faults.mend();
    else if (typeof breakage === 'string' && isBreakageName(breakage)) this.faults.break(breakage);
    else throw new BadRequestException('There is no such way to break AWS.');
    return { url: `${RETURN_TO.find((path) => path === returnTo) ?? '/aws'}#break-aws` };
  }

  private acceptedNotice(agreement: Agreement): Html {
    return html`
      <p><strong>You are subscribed.</strong> One step is left: set up your account with the seller.</p>
      ${this.setUpForm(agreement, '')}
    `;
  }

  /**
   * As on AWS: a form that takes the buyer's browser to the seller, with a token that only AWS can turn into an
   * identity.
   */
  private setUpForm(agreement: Agreement, style: string): Html {
    const fields = Object.entries(this.simulator.registrationForm(agreement));
    return html`
      <form method="post" action="${LANDING_PATH}">
        ${fields.map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`)}
        <button class="${style}">Set up your account</button>
      </form>
    `;
  }

  private agreement(agreement: Agreement, company: string | null): Html {
    const { agreementId, accountId, freeTrial, startsAt, endsAt, status, nextAgreementId } = agreement;
    return html`
      <li>
        <div>
          <strong>${company ?? 'Not set up yet'}</strong>
          <span class="muted">AWS account …${accountId.slice(-4)}, since ${instant(startsAt)}</span>
          ${freeTrial && html`<span class="chip">free trial</span>`}
          ${endsAt && html`<span class="chip closed">${OVER[status] ?? 'until'} ${instant(endsAt)}</span>`}
        </div>
        <div class="buttons">
          ${status === 'ACTIVE' && nextAgreementId === undefined && this.setUpForm(agreement, 'quiet')}
          ${DEEDS.filter(({ isOpenTo }) => isOpenTo(agreement)).map(
            ({ name, label }) =>
              html`<form method="post" action="/aws/agreements/${agreementId}/${name}">
                <button class="quiet">${label}</button>
              </form>`,
          )}
        </div>
      </li>
    `;
  }
}

/** What became of a subscription that is over, in words. */
const OVER: Partial<Record<Agreement['status'], string>> = {
  CANCELLED: 'cancelled',
  EXPIRED: 'expired',
  RENEWED: 'renewed',
  REPLACED: 'replaced',
  TERMINATED: 'terminated',
};

interface Deed {
  name: string;
  label: string;
  isOpenTo: (agreement: Agreement) => boolean;
  /** @returns an agreement that the buyer has to set up */
  work: (simulator: MarketplaceSimulator, agreement: Agreement) => Agreement | undefined;
}

const runs = ({ status, nextAgreementId }: Agreement): boolean => status === 'ACTIVE' && nextAgreementId === undefined;

/** What a buyer can do with an agreement. Where another follows it, that is the one to work on. */
const DEEDS: readonly Deed[] = [
  {
    name: 'convert',
    label: 'Convert to paid',
    isOpenTo: (agreement) => runs(agreement) && agreement.freeTrial,
    work: (simulator, agreement) => void simulator.convertTrial(agreement),
  },
  {
    name: 'renew',
    label: 'Renew',
    isOpenTo: (agreement) => runs(agreement) && !agreement.freeTrial,
    work: (simulator, agreement) => void simulator.renew(agreement),
  },
  {
    name: 'replace',
    label: 'Replace',
    isOpenTo: (agreement) => runs(agreement) && !agreement.freeTrial,
    work: (simulator, agreement) => void simulator.replace(agreement),
  },
  { name: 'end', label: 'Cancel', isOpenTo: runs, work: (simulator, agreement) => void simulator.cancel(agreement) },
  {
    name: 'return',
    label: 'Subscribe again',
    isOpenTo: ({ status, nextAgreementId }) =>
      (status === 'CANCELLED' || status === 'EXPIRED') && nextAgreementId === undefined,
    work: (simulator, { productCode, accountId }) => simulator.subscribe({ productCode, accountId }),
  },
];

function offer(): Html {
  return html`
    <section class="card stack">
      <h1>Larkspur</h1>
      <p>Renders images for catalogues and press kits. Pay as you go, on your AWS bill.</p>
      <table>
        <caption class="muted">
          Dimensions
        </caption>
        <tbody>
          <tr>
            <th scope="row"><code>renders</code></th>
            <td>each image rendered</td>
          </tr>
          <tr>
            <th scope="row"><code>megapixels</code></th>
            <td>the size of all images, to the fraction</td>
          </tr>
        </tbody>
      </table>
      <form method="post" action="/aws/agreements" class="stack">
        <label class="check"><input type="checkbox" name="trial" value="yes" /> Start with a free trial</label>
        <button>Subscribe</button>
      </form>
    </section>
  `;
}
