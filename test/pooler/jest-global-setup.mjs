import '../support/typescript.mjs';

const { default: globalSetup } = await import('./global-setup.ts');
export default globalSetup;
