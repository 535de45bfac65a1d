import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { modeAt, type ModeChange } from '../../../src/metering/sealing/period.js';
import { identityKey } from '../../../src/subscription/agreements/identity-name.js';
import { type WaitingRollup } from '../../../src/metering/sealing/planning-rule.js';
import { HOUR_MS, hourOf, plusMs } from '../../../src/runtime/clock.js';
import { type Given, legacy, ruleOf, said } from './given-rule.js';
import { at, license, type SpanGiven } from './given-timeline.js';

describe('whatever the timeline', () => {
  // Boundaries in quarters of an hour over three days, licenses and one legacy name, trial or paid.
  const anySpans = fc
    .array(
      fc.record({
        length: fc.integer({ min: 1, max: 90 }),
        gap: fc.integer({ min: 0, max: 12 }),
        kind: fc.constantFrom('license', 'legacy', 'same'),
        price: fc.constantFrom('trial' as const, 'paid' as const),
      }),
      { minLength: 1, maxLength: 5 },
    )
    .chain((parts) => fc.record({ parts: fc.constant(parts), isOpen: fc.boolean() }))
    .map(({ parts, isOpen }) => {
      let clock = at('2026-11-09T00:00:00Z').getTime();
      let license1 = 0;
      return parts.map(({ length, gap, kind, price }, index): SpanGiven => {
        const from = new Date(clock + gap * 900_000);
        const to = new Date(from.getTime() + length * 900_000);
        clock = to.getTime();
        if (kind === 'license') license1 = index;
        const last = isOpen && index === parts.length - 1;
        return {
          agreement: `a${index}`,
          from,
          to: last ? null : to,
          price,
          identity: kind === 'legacy' ? legacy : license(`x${license1}`),
          ...(index % 2 ? { end: null } : {}),
        };
      });
    });
  const anyNow = fc
    .integer({ min: 0, max: 4 * 24 * 12 })
    .map((steps) => new Date(at('2026-11-09T00:00:00Z').getTime() + steps * 300_000));
  const anyWorld = fc.record({
    spans: anySpans,
    now: anyNow,
    used: fc.integer({ min: 0, max: 3 * 24 * 60 }),
    isCorrection: fc.boolean(),
    takenHours: fc.array(fc.tuple(fc.constantFrom('C1', 'l-x0', 'l-x1', 'l-x2'), fc.integer({ min: 0, max: 96 })), {
      maxLength: 60,
    }),
    refused: fc.constantFrom<string[]>([], ['requests'], ['C1']),
    stillRefused: fc.constantFrom<string[]>([], ['requests']),
    refusal: fc.option(
      fc.record({
        times: fc.integer({ min: 1, max: 3 }),
        reason: fc.constantFrom('notSubscribed', 'invalidDimension', 'invalidTag', 'unrecognised'),
        hour: fc.constant(at('2026-11-09T00:00:00Z')),
      }),
    ),
    modes: fc
      .array(fc.record({ quarter: fc.integer({ min: 0, max: 4 * 72 }), mode: fc.constantFrom('live', 'dry-run') }), {
        maxLength: 4,
      })
      .map((changes): ModeChange[] => [
        { from: null, mode: 'live' },
        ...changes
          .sort((a, b) => a.quarter - b.quarter)
          .map(({ quarter, mode }) => ({
            from: plusMs(at('2026-11-09T00:00:00Z'), quarter * 900_000),
            mode: mode,
          })),
      ]),
  });

  it('is billed under its own price period, in an hour that is inside, free, settled and not too late; and steps keep their order', () => {
    fc.assert(
      fc.property(anyWorld, ({ spans, now, used, isCorrection, takenHours, refused, stillRefused, refusal, modes }) => {
        const taken = takenHours.map(
          ([name, hour]) => `${name} ${plusMs(at('2026-11-09T00:00:00Z'), hour * HOUR_MS).toISOString()}`,
        );
        const given: Given = { spans, taken, refused, stillRefused, modes, now: now.toISOString() };
        const rule = ruleOf(given);
        const instant = plusMs(at('2026-11-09T00:00:00Z'), used * 60_000);
        if (instant > now) return;
        const rollup: WaitingRollup = {
          subject: 1,
          dimension: 'requests',
          hour: hourOf(instant),
          firstAt: instant,
          lastAt: instant,
          isCorrection,
          refusal,
        };
        const plan = rule.plan(rollup);
        const span = spans.find(({ from, to }) => from <= instant && (!to || instant < to));
        if (!span) {
          expect(['wait', 'setApart']).toContain(plan.to);
          return;
        }
        expect(plan.to).not.toBe('setApart');
        expect(plan.to).not.toBe('split');
        if (plan.to === 'wait') {
          // A free own hour never waits.
          const place = rule.placeOf(1, instant);
          if (place.kind !== 'period') throw new Error('covered, and nowhere');
          const own = rule.hoursOf(place.period).at(rollup.hour);
          expect(own !== null && rule.hoursOf(place.period).isFree(own, 'requests')).toBe(false);
          // Of a period that is over, what no refusal of its own keeps has its turn while an hour is left.
          if (refusal === null && !rule.hoursOf(place.period).runs && plan.reason === 'refused')
            expect(rule.hoursOf(place.period).free('requests')).toEqual([]);
          // Nor does anything but what would sink other usage wait there for an hour of its own.
          const isSunk = refusal === null || ['notSubscribed', 'invalidDimension'].includes(refusal.reason);
          if (isSunk && !rule.hoursOf(place.period).runs && place.period.mode === 'live')
            expect(rule.hoursOf(place.period).free('requests')).toEqual([]);
          if (plan.reason === 'noHour') expect(rule.hoursOf(place.period).free('requests')).toEqual([]);
          return;
        }
        if (plan.to !== 'hour') return;
        const { period, hour } = plan;
        // Never another price period.
        expect(period.agreementId).toBe(span.agreement);
        expect(period.price).toBe(span.price);
        // Never another mode: neither that of its usage, nor all through the hour.
        expect(period.mode).toBe(modeAt(modes, instant));
        expect([0, 15, 30, 45].map((minute) => modeAt(modes, plusMs(hour.hour, minute * 60_000)))).toContain(
          period.mode,
        );
        // Inside of it: an instant at least a second after its start.
        expect(hour.timestamp >= plusMs(new Date(span.from), 1000) || hour.timestamp >= hour.hour).toBe(true);
        expect(hourOf(hour.timestamp)).toEqual(hour.hour);
        expect(hour.timestamp >= plusMs(new Date(span.from), 1000)).toBe(true);
        if (span.to) expect(hour.timestamp < new Date(span.to)).toBe(true);
        // Never a grain that is taken, never a shared hour that is the earlier side's.
        const name = identityKey(hour.identity ?? legacy).replace(/^.*:/, '');
        expect(taken).not.toContain(`${name} ${hour.hour.toISOString()}`);
        const earlier = spans.filter(
          (other) =>
            other !== span &&
            other.from < span.from &&
            other.to &&
            new Date(other.to) > hour.hour &&
            other.identity &&
            hour.identity &&
            identityKey(other.identity) === identityKey(hour.identity),
        );
        expect(earlier.filter((other) => plusMs(new Date(other.from), 1000) < new Date(other.to ?? 0))).toEqual([]);
        // Settled, and not past every reading of its deadline.
        expect(hour.settlesAt <= now).toBe(true);
        expect(now < hour.deadlines.cutoffAt).toBe(true);
        // Its own hour, where that was free.
        const own = rule.hoursOf(period).at(rollup.hour);
        if (own && rule.hoursOf(period).isFree(own, 'requests')) expect(hour.hour).toEqual(rollup.hour);
        // What AWS refuses is sealed in no hour but its own, corrections aside, until its period is over; what is not
        // live it never sees.
        const isSent = period.mode === 'live';
        const hours = rule.hoursOf(period);
        if (isSent && !isCorrection && hours.runs && refused.includes('requests'))
          expect(hour.hour).toEqual(rollup.hour);
        // Nor what it would refuse again, but a second time, or when its period is over: not with what is used now.
        const isApart = isSent && !isCorrection && refusal !== null && stillRefused.includes('requests');
        if (isApart && hour.hour.getTime() !== rollup.hour.getTime()) {
          expect(refusal.times === 1 || !hours.runs).toBe(true);
          // But where what is refused of it is refused of all that it would go with.
          const isAsOne = ['notSubscribed', 'invalidDimension'].includes(refusal.reason);
          if (hours.runs || !isAsOne)
            expect(hour.hour).not.toEqual(hours.all.find((found) => hours.isSettled(found))?.hour);
        }
        // The calendar month is kept where an hour of it is free.
        const month = (date: Date): string => date.toISOString().slice(0, 7);
        if (month(hour.hour) !== month(instant))
          expect(
            rule
              .hoursOf(period)
              .free('requests')
              .filter((free) => month(free.hour) === month(instant)),
          ).toEqual([]);
      }),
      { numRuns: 2000 },
    );
  });

  it('is looked at again when it may be planned otherwise: before that, nothing changes', () => {
    fc.assert(
      fc.property(
        anyWorld,
        fc.integer({ min: 1, max: 300 }),
        ({ spans, now, used, takenHours, refused, stillRefused, refusal, modes }, minutes) => {
          const taken = takenHours.map(
            ([name, hour]) => `${name} ${plusMs(at('2026-11-09T00:00:00Z'), hour * HOUR_MS).toISOString()}`,
          );
          const instant = plusMs(at('2026-11-09T00:00:00Z'), used * 60_000);
          if (instant > now) return;
          const rollup: WaitingRollup = {
            subject: 1,
            dimension: 'requests',
            hour: hourOf(instant),
            firstAt: instant,
            lastAt: instant,
            isCorrection: false,
            refusal,
          };
          const plan = ruleOf({ spans, taken, refused, stillRefused, modes, now: now.toISOString() }).plan(rollup);
          if (plan.to !== 'wait') return;
          const later = plusMs(now, minutes * 60_000);
          if (plan.lookAt && plan.lookAt <= later) return;
          // A fact may come, and an hour of a running period may begin; time alone gives it no record before `lookAt`.
          const then = ruleOf({ spans, taken, refused, stillRefused, modes, now: later.toISOString() }).plan(rollup);
          expect(then.to === 'hour' || then.to === 'setApart' ? said(then) : 'waits').toBe('waits');
        },
      ),
      { numRuns: 2000 },
    );
  });
});
