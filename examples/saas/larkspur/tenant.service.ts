import { createHash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { RegistrationService } from 'nestjs-marketplace-metering';
import { DataSource } from 'typeorm';
import { Tenant } from './tenant.entity.js';

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
  signUp(code: string, { company, email }: NewTenant): Promise<Tenant> {
    return this.dataSource.transaction(async (manager) => {
      const tenant = await manager.save(Tenant, manager.create(Tenant, { company, email }));
      await this.registration.claim(code, { tenantId: tenant.id, manager });
      return tenant;
    });
  }

  /** Adds another subscription to a tenant, or finds the tenant's own again; claiming twice is harmless. */
  async link(code: string, tenant: Tenant): Promise<void> {
    await this.registration.claim(code, { tenantId: tenant.id });
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
