import { type ControlledSimulator } from './controlled-simulator.js';
import { agreementRoutes } from './agreement-routes.js';
import { type ControlRoute } from './control-route.js';
import { evidenceRoutes } from './evidence-routes.js';
import { notificationRoutes } from './notification-routes.js';
import { settingRoutes } from './setting-routes.js';
import { softwareRoutes } from './software-routes.js';
import { trailRoutes } from './trail-routes.js';

/** All operations of the control API, in the order of its document. */
export function controlRoutes(simulator: ControlledSimulator): ControlRoute[] {
  return [
    ...agreementRoutes(simulator),
    ...softwareRoutes(simulator),
    ...settingRoutes(simulator),
    ...evidenceRoutes(simulator),
    ...trailRoutes(simulator),
    ...notificationRoutes(simulator),
  ];
}
