import { Controller, Get, Header, Inject, Req } from '@nestjs/common';
import { type Request } from 'express';
import { html } from '../web/html.js';
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
          <h1>Images, rendered.</h1>
          <p class="lead">
            Larkspur turns your catalogue into thumbnails, previews and posters. You pay for what you render, on your AWS bill.
          </p>
          ${
            tenant
              ? html`<p><a class="button" href="/dashboard">Open the dashboard of ${tenant.company}</a></p>`
              : html`<p><a class="button" href="${listingUrl}">Get it on AWS Marketplace</a></p>`
          }
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
