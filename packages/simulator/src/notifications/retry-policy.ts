import { type TargetOptions } from './delivery-target.js';

const dayMs = 86_400_000;

/**
 * Milliseconds until the next attempt after `attempts` that failed, or undefined when AWS gives up.
 *
 * EventBridge tries up to 185 times in 24 hours, ever more rarely, with jitter; SNS tries an HTTP endpoint three more
 * times, 20 seconds apart [their guides, defaults]. `draw` is in [0, 1).
 */
export function retryAfter(
  kind: TargetOptions['kind'],
  attempts: number,
  ageMs: number,
  draw: number,
): number | undefined {
  if (kind === 'snsHttp') return attempts <= 3 ? 20_000 : undefined;
  if (attempts > 185 || ageMs >= dayMs) return undefined;
  const ceilingMs = Math.min(2 ** attempts * 1_000, 600_000);
  return Math.round(ceilingMs * (0.5 + draw / 2));
}
