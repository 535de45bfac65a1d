import '../support/typescript.mjs';

const { default: hostsSetup } = await import('./hosts-setup.ts');
export default hostsSetup;
