import { OPERATION_ALERTS } from './operation-alerts.js';
import { RECORD_ALERTS } from './record-alerts.js';
import { SUBSCRIPTION_ALERTS } from './subscription-alerts.js';
import { USAGE_ALERTS } from './usage-alerts.js';

/** Every kind of alert. Raising one that is not here does not compile; one that nobody raises fails a test. */
export const ALERT_CATALOGUE = { ...OPERATION_ALERTS, ...RECORD_ALERTS, ...USAGE_ALERTS, ...SUBSCRIPTION_ALERTS };

export type AlertKind = keyof typeof ALERT_CATALOGUE;

/** How urgent alerts of that kind may be. */
export type AlertSeverity<K extends AlertKind> = (typeof ALERT_CATALOGUE)[K]['severity'][number];
