import { applyDecorators, type CanActivate, Get, Inject, Post, Req, Res, type Type, UseGuards } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { MarketplaceAudit } from '../audit/marketplace-audit.service.js';
import { Alerts } from '../events/alerts.service.js';
import { LinkCorrection } from '../metering/settlement/link-correction.js';
import { RecordResolution } from '../metering/settlement/record-resolution.service.js';
import { BoundedBody, NoBody } from '../runtime/body-bounds.js';
import { type ControllerMount, mountedController } from '../runtime/mounted-controller.js';
import { type IncomingBody } from '../runtime/request-body.js';
import { ACTION_BYTES_MAX, ACTIONS, readAction } from './admin-action.js';
import { AdminTokenGuard, hostGuardOf } from './admin.guard.js';
import { refusalOf } from './admin-refusal.js';
import { readAuditQuery } from './audit-query.js';
import { LedgerViews } from './ledger-views.js';
import { LISTS, readListQuery } from './list-query.js';

const View = (path: string): MethodDecorator => applyDecorators(Get(path), NoBody());

/** As much of a request of Express or Fastify as the operators' endpoints look at. */
export interface AdminRequest extends IncomingBody {
  url: string;
  params: { id: string };
}

/**
 * The operators' endpoints. Requests are read and answered below the host's pipes, query parser and
 * interceptors, so that the documented shape is the one that arrives in any host. A host may extend it, and give its
 * class as `admin.controller`.
 */
export abstract class AdminController {
  // Properties, so that a subclass of the host's has a constructor of its own.
  @Inject(LedgerViews) private readonly views!: LedgerViews;
  @Inject(MarketplaceAudit) private readonly audits!: MarketplaceAudit;
  @Inject(Alerts) private readonly openAlerts!: Alerts;
  @Inject(RecordResolution) private readonly resolution!: RecordResolution;
  @Inject(LinkCorrection) private readonly links!: LinkCorrection;
  @Inject(HttpAdapterHost) private readonly adapterHost!: HttpAdapterHost;

  @View('records')
  records(@Req() { url }: AdminRequest, @Res() response: unknown): Promise<void> {
    return this.answer(response, () => this.views.records(readListQuery(LISTS.records, url)));
  }

  @View('records/:id')
  record(@Req() { params }: AdminRequest, @Res() response: unknown): Promise<void> {
    return this.answer(response, () => this.views.record(params.id));
  }

  @View('events')
  events(@Req() { url }: AdminRequest, @Res() response: unknown): Promise<void> {
    return this.answer(response, () => this.views.events(readListQuery(LISTS.events, url)));
  }

  @View('waiting')
  waiting(@Req() { url }: AdminRequest, @Res() response: unknown): Promise<void> {
    return this.answer(response, () => this.views.waiting(readListQuery(LISTS.waiting, url)));
  }

  @View('subscriptions')
  subscriptions(@Req() { url }: AdminRequest, @Res() response: unknown): Promise<void> {
    return this.answer(response, () => this.views.subscriptions(readListQuery(LISTS.subscriptions, url)));
  }

  @View('subscriptions/:id')
  subscription(@Req() { params }: AdminRequest, @Res() response: unknown): Promise<void> {
    return this.answer(response, () => this.views.subscription(params.id));
  }

  @View('balance')
  balance(@Req() { url }: AdminRequest, @Res() response: unknown): Promise<void> {
    return this.answer(response, () => this.views.balance(readListQuery(LISTS.balance, url)));
  }

  @View('messages')
  messages(@Req() { url }: AdminRequest, @Res() response: unknown): Promise<void> {
    return this.answer(response, () => this.views.messages(readListQuery(LISTS.messages, url)));
  }

  @View('deliveries')
  deliveries(@Req() { url }: AdminRequest, @Res() response: unknown): Promise<void> {
    return this.answer(response, () => this.views.deliveries(readListQuery(LISTS.deliveries, url)));
  }

  @View('alerts')
  alerts(@Req() { url }: AdminRequest, @Res() response: unknown): Promise<void> {
    return this.answer(response, () => this.views.alerts(readListQuery(LISTS.alerts, url)));
  }

  @View('actions')
  actions(@Req() { url }: AdminRequest, @Res() response: unknown): Promise<void> {
    return this.answer(response, () => this.views.actions(readListQuery(LISTS.actions, url)));
  }

  @Post('alerts/acknowledge')
  @BoundedBody(ACTION_BYTES_MAX)
  acknowledge(@Req() request: AdminRequest, @Res() response: unknown): Promise<void> {
    return this.answer(response, async () => {
      const { kind, subject, by, note } = await readAction(ACTIONS.acknowledge, request);
      return this.openAlerts.acknowledge({ kind, subject }, { by, note });
    });
  }

  @Post('records/requeue')
  @BoundedBody(ACTION_BYTES_MAX)
  requeue(@Req() request: AdminRequest, @Res() response: unknown): Promise<void> {
    return this.answer(response, async () => {
      const { by, note, ...selection } = await readAction(ACTIONS.requeue, request);
      return this.resolution.requeueAll(selection, { by, reason: note });
    });
  }

  @Post('subscriptions/unlink')
  @BoundedBody(ACTION_BYTES_MAX)
  unlink(@Req() request: AdminRequest, @Res() response: unknown): Promise<void> {
    return this.answer(response, async () => {
      const { subscriptionId, tenantId, by, note } = await readAction(ACTIONS.unlink, request);
      return this.links.undo(subscriptionId, { tenantId, by, reason: note });
    });
  }

  @View('senders')
  senders(@Res() response: unknown): Promise<void> {
    return this.answer(response, () => this.views.senders());
  }

  @View('audit')
  audit(@Req() { url }: AdminRequest, @Res() response: unknown): Promise<void> {
    return this.answer(response, async () => {
      const { format, ...hours } = readAuditQuery(url);
      return format === 'csv' ? this.audits.reportCsv(hours) : this.audits.report(hours);
    });
  }

  /** JSON, but for a text, which is a table. */
  private async answer(response: unknown, read: () => Promise<object | string>): Promise<void> {
    const { httpAdapter } = this.adapterHost;
    httpAdapter.setHeader(response, 'Cache-Control', 'no-store');
    let view: object | string;
    try {
      view = await read();
    } catch (error) {
      throw refusalOf(error);
    }
    const [type, text] = typeof view === 'string' ? ['text/csv', view] : ['application/json', JSON.stringify(view)];
    httpAdapter.setHeader(response, 'Content-Type', `${type}; charset=utf-8`);
    // Text, because an object would pass through the host's own serializers.
    httpAdapter.reply(response, text, 200);
  }
}

/** How the admin API of one instance of the module is mounted. */
export interface AdminMount extends ControllerMount {
  /** Decides alone who comes in; `adminToken` is then not asked for. Without it, whoever shows `adminToken`. */
  guard?: Type<CanActivate>;
}

/** A controller class of its own for each `forRoot`: two instances of the module share no metadata. */
export function adminControllerOf({ guard, decorators = [], ...mount }: AdminMount): Type<AdminController> {
  const guarded = UseGuards(guard === undefined ? AdminTokenGuard : hostGuardOf(guard));
  return mountedController(AdminController, 'admin.controller', { ...mount, decorators: [...decorators, guarded] });
}
