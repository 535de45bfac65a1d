// jest transforms its global setup, but does not map './x.js' to './x.ts' there; our own hooks do both.
import './typescript.mjs';

const { default: globalSetup } = await import('./global-setup.ts');
export default globalSetup;
