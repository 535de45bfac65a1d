import { createHash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { type BrowserRequest, RegistrationService } from 'nestjs-marketplace-metering';
import { DataSource } from 'typeorm';
import { Tenant } from './tenant.entity.js';

/** A registration code, and the request that brought it. */
export interface Claimed {
  code: string;
  request: BrowserRequest;
}

export interface NewTenant {
  company: string;
  email: string;
}

@Injectable()
export class TenantService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly registration: RegistrationService,
  ) {}

  /**
   * The tenant and its claim on the subscription are one transaction: a code that cannot be claimed leaves no tenant
   * behind.
   */
  signUp({ code, request: browser }: Claimed, { company, email }: NewTenant): Promise<Tenant> {
    return this.dataSource.transaction(async (manager) => {
      const tenant = await manager.save(Tenant, manager.create(Tenant, { company, email }));
      await this.registration.claim(code, { tenantId: tenant.id, manager, browser });
      return tenant;
    });
  }

  /** Adds another subscription to a tenant, or finds the tenant's own again; claiming twice is harmless. */
  async link({ code, request: browser }: Claimed, tenant: Tenant): Promise<void> {
    await this.registration.claim(code, { tenantId: tenant.id, browser });
  }

  find(id: string): Promise<Tenant | null> {
    return this.dataSource.manager.findOneBy(Tenant, { id });
  }

  findByApiKey(apiKey: string): Promise<Tenant | null> {
    return this.dataSource.manager.findOneBy(Tenant, { apiKeyHash: hashOf(apiKey) });
  }

  /** A new API key; the one before it stops working. */
  async createApiKey(tenant: Tenant): Promise<string> {
    const apiKey = `lark_${randomBytes(24).toString('base64url')}`;
    await this.dataSource.manager.update(Tenant, { id: tenant.id }, { apiKeyHash: hashOf(apiKey) });
    return apiKey;
  }
}

function hashOf(apiKey: string): Buffer {
  return createHash('sha256').update(apiKey).digest();
}
