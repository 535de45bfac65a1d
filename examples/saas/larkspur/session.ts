import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { type Request, type Response } from 'express';
import { type Tenant } from './tenant.entity.js';
import { TenantService } from './tenant.service.js';

const COOKIE = 'larkspur_session';

/**
 * Signed cookies; a restart signs everybody out, and "Set up your account" on AWS Marketplace brings a buyer back in.
 */
@Injectable()
export class Session {
  private readonly secret = randomBytes(32);

  constructor(private readonly tenants: TenantService) {}

  open(response: Response, tenant: Tenant): void {
    // Lax: the browser arrives here from AWS Marketplace, but no other site can post in its name.
    response.cookie(COOKIE, `${tenant.id}.${this.signatureOf(tenant.id)}`, {
      httpOnly: true,
      sameSite: 'lax',
      path: '/',
    });
  }

  async tenantOf(request: Request): Promise<Tenant | null> {
    const [id = '', signature = ''] = (cookieOf(request, COOKIE) ?? '').split('.');
    const expected = Buffer.from(this.signatureOf(id));
    const given = Buffer.from(signature);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null;
    return this.tenants.find(id);
  }

  private signatureOf(id: string): string {
    return createHmac('sha256', this.secret).update(id).digest('base64url');
  }
}

function cookieOf(request: Request, name: string): string | undefined {
  const pairs = (request.headers.cookie ?? '').split(';').map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
}
