import { NestFactory } from '@nestjs/core';
import { ScannerModule } from './scanner.module.js';
import { releaseOptions } from './scanner.options.js';

const PORT = 8080;

const app = await NestFactory.create(ScannerModule.with(releaseOptions()));
// SIGTERM: what is under way is finished, ended hours are sent, and the ledger is left in order.
app.enableShutdownHooks();
await app.listen(Number(process.env.PORT ?? PORT));
