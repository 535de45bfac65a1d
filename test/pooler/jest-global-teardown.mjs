import '../support/typescript.mjs';

const { globalTeardown } = await import('./global-setup.ts');
export default globalTeardown;
