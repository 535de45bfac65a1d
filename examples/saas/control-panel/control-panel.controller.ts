import { Controller, Get, Header, Inject, ParseUUIDPipe, Query } from '@nestjs/common';
import { hourTakes } from '../demo-clock.js';
import { LARKSPUR_OPTIONS, type LarkspurOptions } from '../larkspur/larkspur.options.js';
import { html } from '../web/html.js';
import { page } from '../web/page.js';
import { RATE } from './control-panel.tokens.js';
import { FlowService } from './flow.service.js';
import { flowPanel, flowView } from './flow.view.js';

/** The demo's view behind the scenes, over all customers. */
@Controller('control-panel')
export class ControlPanelController {
  constructor(
    private readonly flow: FlowService,
    @Inject(LARKSPUR_OPTIONS) private readonly options: LarkspurOptions,
    @Inject(RATE) private readonly rate: number,
  ) {}

  @Get()
  @Header('content-type', 'text/html; charset=utf-8')
  async show(): Promise<string> {
    return page({
      title: 'Control panel',
      site: 'control-panel',
      links: this.options.links,
      at: '/control-panel',
      body: html`<h1>Every unit, on its way</h1>
        ${flowPanel(await this.flow.read(), { rate: hourTakes(this.rate), returnTo: '/control-panel' })}`,
    });
  }

  /** The part of the panel that changes; its script asks for it again and again. */
  @Get('live')
  @Header('content-type', 'text/html; charset=utf-8')
  async live(@Query('tenant', new ParseUUIDPipe({ optional: true })) tenantId?: string): Promise<string> {
    return flowView(await this.flow.read(tenantId), tenantId === undefined).text;
  }
}
