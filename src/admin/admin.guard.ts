import { createHash, timingSafeEqual } from 'node:crypto';
import {
  type CanActivate,
  type ExecutionContext,
  Inject,
  Injectable,
  Logger,
  type OnModuleInit,
  Scope,
  type Type,
} from '@nestjs/common';
import { ContextIdFactory, HttpAdapterHost, ModuleRef } from '@nestjs/core';
import { firstValueFrom } from 'rxjs';
import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { AdminRefusal } from './admin-refusal.js';

const BEARER = /^Bearer +(\S+) *$/i;

/** Lets in whoever shows `adminToken`; without one, nobody. */
@Injectable()
export class AdminTokenGuard implements CanActivate {
  private readonly expected: Buffer | null;

  constructor(
    @Inject(RESOLVED_OPTIONS) { adminToken }: ResolvedOptions,
    @Inject(HttpAdapterHost) private readonly adapterHost: HttpAdapterHost,
  ) {
    this.expected = adminToken === undefined ? null : digestOf(adminToken);
  }

  canActivate(context: ExecutionContext): true {
    const http = context.switchToHttp();
    const { headers } = http.getRequest<{ headers: { authorization?: string } }>();
    this.setHeader(http.getResponse(), 'Cache-Control', 'no-store');
    if (this.expected === null) {
      throw new AdminRefusal(
        'ADMIN_CLOSED',
        'The admin API is closed. Set adminToken (MARKETPLACE_ADMIN_TOKEN) to open it with a token, or ' +
          'admin.guard to open it with a guard of your own.',
      );
    }
    const given = BEARER.exec(headers.authorization ?? '')?.[1];
    if (given !== undefined && timingSafeEqual(digestOf(given), this.expected)) return true;
    this.setHeader(
      http.getResponse(),
      'WWW-Authenticate',
      `Bearer realm="marketplace-admin"${given === undefined ? '' : ', error="invalid_token"'}`,
    );
    throw new AdminRefusal(
      'ADMIN_UNAUTHORIZED',
      given === undefined
        ? 'Send the admin token of this application as "Authorization: Bearer <token>".'
        : 'This is not the admin token of this application. Send the value of adminToken (MARKETPLACE_ADMIN_TOKEN).',
    );
  }

  private setHeader(response: unknown, name: string, value: string): void {
    this.adapterHost.httpAdapter.setHeader(response, name, value);
  }
}

/** Hashed, so that the comparison takes the same time whatever the length and the common start. */
function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/**
 * A guard that leaves the decision to `guard`: the host's own instance of it where a module of the host has one, with
 * all that it injects there; else one that is made here, from what is visible globally.
 */
export function hostGuardOf(guard: Type<CanActivate>): Type<CanActivate> {
  @Injectable()
  class HostGuard implements CanActivate, OnModuleInit {
    private instance: CanActivate | null = null;

    constructor(
      @Inject(ModuleRef) private readonly modules: ModuleRef,
      @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    ) {}

    async onModuleInit(): Promise<void> {
      if (this.options.adminToken !== undefined) {
        new Logger('MarketplaceAdmin').warn(
          'adminToken is not asked for: admin.guard alone decides about the admin API',
          {
            guard: guard.name,
          },
        );
      }
      const scope = this.scopeInHost();
      if (scope === null) this.instance = await this.make();
      else if (scope === Scope.DEFAULT) this.instance = this.modules.get(guard, { strict: false });
    }

    async canActivate(context: ExecutionContext): Promise<boolean> {
      const decision = (this.instance ?? (await this.instanceFor(context))).canActivate(context);
      return typeof decision === 'object' && 'subscribe' in decision ? firstValueFrom(decision) : decision;
    }

    /** A guard that depends on the request, in the request's own DI context. */
    private instanceFor(context: ExecutionContext): Promise<CanActivate> {
      const request = context.switchToHttp().getRequest<object>();
      return this.modules.resolve(guard, ContextIdFactory.getByRequest(request), { strict: false });
    }

    private scopeInHost(): Scope | null {
      try {
        return this.modules.introspect(guard).scope;
      } catch {
        return null;
      }
    }

    private async make(): Promise<CanActivate> {
      try {
        return await this.modules.create(guard);
      } catch (cause) {
        throw new MarketplaceMeteringError(
          'OPTIONS_INVALID',
          `admin.guard: ${guard.name} is in no module of the application and cannot be made from what is visible ` +
            'globally. ' +
            'List it among the providers of the module whose providers it injects.',
          { cause },
        );
      }
    }
  }
  return HostGuard;
}
