import { type INestApplication, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type Clock, MarketplaceMeteringModule } from 'nestjs-marketplace-metering';
import { AtlasController } from './atlas.controller.js';
import { ATLAS } from './contract-listing.js';

export const EVENT_SECRET = 'the-secret-of-the-api-destination';

export interface AtlasSettings {
  databaseUrl: string;
  awsEndpoint: string;
  clock: Clock;
}

@Module({})
class AtlasModule {}

/** The application with the module in it, on a free port. Its jobs run when they are asked to: time is the story's. */
export async function startAtlas({ databaseUrl, awsEndpoint, clock }: AtlasSettings): Promise<INestApplication> {
  const marketplace = MarketplaceMeteringModule.forRoot({
    database: { url: databaseUrl },
    products: [ATLAS],
    signUpUrl: 'http://localhost/sign-up',
    entitlementOwner: (request) => {
      const { headers } = request as { headers: Record<string, string | undefined> };
      const tenantId = headers['x-tenant'];
      return tenantId === undefined ? null : { tenantId };
    },
    notifications: { eventBridgeSecrets: [EVENT_SECRET] },
    aws: {
      endpoint: awsEndpoint,
      credentials: () => Promise.resolve({ accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret' }),
    },
    clock,
    jobs: { autoStart: false },
  });
  const root = { module: AtlasModule, imports: [marketplace], controllers: [AtlasController] };
  const app = await NestFactory.create(root, { logger: false, abortOnError: false });
  await app.listen(0, '127.0.0.1');
  return app;
}
