import 'reflect-metadata';
import { salesModule } from './sales.module.js';
import { serve } from './serve.js';

// A host without TypeORM of its own, and without @nestjs/schedule.
serve(salesModule()).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
