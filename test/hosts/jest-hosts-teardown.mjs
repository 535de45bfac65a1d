import '../support/typescript.mjs';

const { default: stopPostgres } = await import('../support/global-teardown.ts');
const { hostsTeardown } = await import('./hosts-setup.ts');

export default async function teardown() {
  hostsTeardown();
  await stopPostgres();
}
