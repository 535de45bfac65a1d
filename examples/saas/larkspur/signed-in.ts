import {
  type CanActivate,
  createParamDecorator,
  type ExecutionContext,
  Injectable,
  UnauthorizedException,
} from '@nestjs/common';
import { type Request } from 'express';
import { Session } from './session.js';
import { type Tenant } from './tenant.entity.js';
import { TenantService } from './tenant.service.js';

type TenantRequest = Request & { tenant?: Tenant };

/** The tenant whom a guard has let in. */
export const CurrentTenant = createParamDecorator((_data: unknown, context: ExecutionContext): Tenant => {
  const { tenant } = context.switchToHttp().getRequest<TenantRequest>();
  if (!tenant) throw new Error('CurrentTenant needs SignedInGuard or ApiKeyGuard on the route');
  return tenant;
});

@Injectable()
export class SignedInGuard implements CanActivate {
  constructor(private readonly session: Session) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const tenant = await this.session.tenantOf(context.switchToHttp().getRequest<Request>());
    return admit(context, tenant, 'You are not signed in. Open "Set up your account" on AWS Marketplace to come in.');
  }
}

@Injectable()
export class ApiKeyGuard implements CanActivate {
  constructor(private readonly tenants: TenantService) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const { authorization = '' } = context.switchToHttp().getRequest<Request>().headers;
    const apiKey = /^Bearer (\S+)$/i.exec(authorization)?.[1];
    const tenant = apiKey === undefined ? null : await this.tenants.findByApiKey(apiKey);
    return admit(
      context,
      tenant,
      'Send the header "Authorization: Bearer <API key>". You can create a key on your dashboard.',
    );
  }
}

function admit(context: ExecutionContext, tenant: Tenant | null, otherwise: string): true {
  if (!tenant) throw new UnauthorizedException(otherwise);
  context.switchToHttp().getRequest<TenantRequest>().tenant = tenant;
  return true;
}
