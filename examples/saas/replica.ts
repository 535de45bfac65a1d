import { NestFactory } from '@nestjs/core';
import { LarkspurModule } from './larkspur/larkspur.module.js';
import { larkspurOptionsOf, type LarkspurSettings, SETTINGS_VARIABLE } from './larkspur-settings.js';

/** A second process of the same application, without a web server: its jobs share the work with the others'. */
process.once('disconnect', () => {
  process.exit(0);
});
const settings = JSON.parse(process.env[SETTINGS_VARIABLE] ?? '{}') as LarkspurSettings;
await NestFactory.createApplicationContext(LarkspurModule.forRoot(larkspurOptionsOf(settings)), { logger: false });
process.send?.('ready');
