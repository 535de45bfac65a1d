import { type ProductMode } from '../options/resolved-options.js';
import { hourOf } from '../runtime/clock.js';

/** From an instant on a product is in a mode, until the next row. */
export interface ModeFrom {
  /** Null: from the beginning. */
  from: Date | null;
  mode: ProductMode;
}

/**
 * The mode at an instant, that of an event or an hour; null where none was decided, which counts as `off`. `modes` lie
 * in the order of `from`.
 */
export function modeAt(modes: readonly ModeFrom[], at: Date): ProductMode | null {
  return modes.findLast(({ from }) => from === null || from.getTime() <= at.getTime())?.mode ?? null;
}

/** What the options say of a product's mode. */
export interface ModeDecision {
  mode: ProductMode;
  /** With `live`: the first hour that is billed. */
  liveFrom?: Date | undefined;
}

export type ModePlan =
  /** Rows to be added; none where all stands as decided. */
  | { rows: ModeFrom[] }
  /** Going live must name an hour. */
  | { refused: 'liveFromMissing' }
  /**
   * The hours between `liveFrom` and now were lived in `mode` and may be sealed so: to bill them is a decision of a
   * person, per record.
   */
  | { refused: 'liveFromPast'; mode: ProductMode };

/**
 * What to add to a product's modes so that they follow the options from `now` on. Nothing that lies before it changes,
 * for an event's mode is that of its own instant: what the running hour holds of live time is billed after the product
 * has left it. Only a person who names the running hour as `liveFrom` has the whole of it billed. A go-live that was
 * announced and not yet reached is taken back by a later row of the same hour.
 */
export function planModes(stored: readonly ModeFrom[], { mode, liveFrom }: ModeDecision, now: Date): ModePlan {
  if (stored.length === 0) {
    if (mode !== 'live' || !liveFrom) return { rows: [{ from: null, mode }] };
    return {
      rows: [
        { from: null, mode: 'dry-run' },
        { from: liveFrom, mode },
      ],
    };
  }
  const current = modeAt(stored, now) ?? 'off';
  const ahead = stored.filter(({ from }) => from !== null && from > now);
  if (mode !== 'live') {
    const from = current === mode ? [] : [{ from: now, mode }];
    return { rows: [...from, ...ahead.filter((row) => row.mode !== mode).map((row) => ({ from: row.from, mode }))] };
  }
  if (current === 'live')
    return { rows: ahead.filter((row) => row.mode !== 'live').map(({ from }) => ({ from, mode })) };
  if (!liveFrom) return { refused: 'liveFromMissing' };
  if (liveFrom < hourOf(now)) return { refused: 'liveFromPast', mode: current };
  const early = ahead
    .filter(({ from, ...row }) => from !== null && from < liveFrom && row.mode !== current)
    .map(({ from }) => ({ from, mode: current }));
  const late = stored
    .filter(({ from, ...row }) => from !== null && from > liveFrom && row.mode !== 'live')
    .map(({ from }) => ({ from, mode }));
  const atHour = stored.findLast(({ from }) => from?.getTime() === liveFrom.getTime());
  return { rows: [...early, ...(atHour?.mode === 'live' ? [] : [{ from: liveFrom, mode }]), ...late] };
}
