import { Controller, Get, Header, Inject, Req } from '@nestjs/common';
import { type Request } from 'express';
import { html, type Html } from '../web/html.js';
import { page } from '../web/page.js';
import { LARKSPUR_OPTIONS, type LarkspurOptions } from './larkspur.options.js';
import { Session } from './session.js';

@Controller()
export class HomeController {
  constructor(
    @Inject(LARKSPUR_OPTIONS) private readonly options: LarkspurOptions,
    private readonly session: Session,
  ) {}

  @Get()
  @Header('content-type', 'text/html; charset=utf-8')
  async home(@Req() request: Request): Promise<string> {
    const tenant = await this.session.tenantOf(request);
    const { links, listingUrl } = this.options;
    return page({
      title: 'Images, rendered',
      site: 'larkspur',
      links,
      at: '/',
      body: html`
        <section class="hero">
          <div>
            <h1>Images, rendered.</h1>
            <p class="lead">
              Larkspur turns your catalogue into thumbnails, previews and posters. You pay for what you render, on your
              AWS bill.
            </p>
            ${
              tenant
                ? html`<p><a class="button" href="/dashboard">Open the dashboard of ${tenant.company}</a></p>`
                : html`<p><a class="button" href="${listingUrl}">Get it on AWS Marketplace</a></p>`
            }
          </div>
          ${prints()}
        </section>
        <ol class="steps">
          <li>
            <h2>Subscribe</h2>
            <p>Accept the offer on AWS Marketplace. There is no card to enter.</p>
          </li>
          <li>
            <h2>Set up</h2>
            <p>AWS sends you here to create your account. It takes two fields.</p>
          </li>
          <li>
            <h2>Render</h2>
            <p>From the dashboard or by API. Each image is metered when it is made, once.</p>
          </li>
        </ol>
      `,
    });
  }
}

/** Three sizes of one picture. */
function prints(): Html {
  const picture = html`<rect class="sky" width="100" height="80"></rect
    ><circle class="sun" cx="72" cy="24" r="11"></circle>
    <path class="dusk" d="M0 58 L32 26 L66 62 L80 48 L100 66 V80 H0 Z"></path>
    <path class="hill" d="M0 72 L24 54 L52 74 L74 60 L100 76 V80 H0 Z"></path>`;
  const print = (transform: string): Html =>
    html`<g transform="${transform}"><rect class="paper" x="-6" y="-6" width="112" height="104"></rect>${picture}</g>`;
  return html`<svg class="prints" viewBox="0 0 300 220" aria-hidden="true">
    ${print('translate(112 14) rotate(4) scale(1.65)')} ${print('translate(44 96) rotate(-5)')}
    ${print('translate(16 42) rotate(6) scale(0.5)')}
  </svg>`;
}
