import { type ApiCall } from 'aws-marketplace-simulator';
import { html, type Html } from '../web/html.js';
import { instant } from '../web/instant.js';
import { type BreakageName, BREAKAGES } from './fault-desk.js';
import { type DimensionTotal, type Flow, type FlowRow } from './flow.service.js';
import { type OpenAlert } from './ledger-reader.js';

/** What the states of the ledger mean to somebody who sees them for the first time, in the order of a unit's way. */
const STATES: Readonly<Record<string, string>> = {
  unsealed: 'waits for its hour to end',
  waiting: 'waits',
  carry: 'fractions, go with a later hour',
  pending: 'sealed, not with AWS yet',
  sending: 'on its way to AWS',
  metered: 'on the AWS bill',
  blocked: 'refused by AWS, kept with the reason',
  unknown: 'AWS may have it, to be looked up',
  held: 'waits for a person to decide',
  void: 'written off, signed by a person',
  owed: 'to be refunded',
  included: 'prepaid by a contract',
  setApart: 'no agreement covers it',
};

/**
 * The whole panel. Only what is inside `data-live` is replaced as time goes by, so that no button moves under a finger.
 */
export function flowPanel(
  flow: Flow,
  { rate, tenantId, returnTo }: { rate: string; tenantId?: string; returnTo: string },
): Html {
  const source = tenantId === undefined ? '/control-panel/live' : `/control-panel/live?tenant=${tenantId}`;
  return html`
    <section class="control-panel stack" aria-labelledby="control-panel-title">
      <div class="heading">
        <h2 id="control-panel-title">Behind the scenes</h2>
        <p class="muted">
          Not part of Larkspur: the module's ledger on one side, the bill of the simulated AWS on the other. One hour
          takes ${rate}.
        </p>
      </div>
      ${breakageForm(flow.broken, returnTo)}
      <div data-live="${source}" class="stack">${flowView(flow, tenantId === undefined)}</div>
    </section>
  `;
}

/** Buttons that break AWS, and the one that mends it. */
export function breakageForm(broken: readonly BreakageName[], returnTo: string): Html {
  return html`
    <form method="post" action="/aws/breakages" class="card breakages" id="break-aws">
      <input type="hidden" name="returnTo" value="${returnTo}" />
      <h3>Break AWS</h3>
      <p class="muted">
        ${
          broken.length === 0
            ? 'Nothing gets lost. Try it: render while it is broken, then mend it.'
            : html`Broken now: ${broken.map((name) => BREAKAGES[name].effect).join('; ')}.`
        }
      </p>
      <p class="buttons">
        ${Object.entries(BREAKAGES).map(
          ([name, { label, effect }]) =>
            html`<button
              name="breakage"
              value="${name}"
              class="danger"
              aria-pressed="${String(broken.some((one) => one === name))}"
              title="${effect}"
            >
              ${label}
            </button>`,
        )}
        <button name="breakage" value="none" class="mend">Mend AWS</button>
      </p>
    </form>
  `;
}

/** The part that changes by itself. */
export function flowView(flow: Flow, withCompany: boolean): Html {
  return html`
    ${status(flow)}
    ${
      flow.totals.length === 0
        ? html`<p class="card muted">
            No usage yet. Render some images, and watch their units go from the left to the right.
          </p>`
        : html`<div class="columns">${flow.totals.map(totalCard)}</div>`
    }
    ${flow.rows.length > 0 && ledgerTable(flow, withCompany)}
    <div class="columns">${alertsCard(flow.alerts)} ${callsCard(flow.calls)}</div>
  `;
}

function status({ now, broken }: Flow): Html {
  return html`
    <div class="status ${broken.length === 0 ? 'good' : 'bad'}">
      <span class="clock">${instant(now)} UTC</span>
      ${
        broken.length === 0
          ? html`<span>AWS answers as it should.</span>`
          : html`<span
              ><strong>AWS is broken:</strong> ${broken.map((name) => BREAKAGES[name].effect).join('; ')}.</span
            >`
      }
    </div>
  `;
}

/** Why usage waits, in the words of a person. */
const REASONS: Readonly<Record<string, string>> = {
  unplanned: 'is looked at next',
  notSettled: 'for its hour to settle',
  nextHour: 'for the next hour, as its own is taken',
  noSubscription: 'for an agreement that covers it',
  beforeStart: 'for the start of the agreement',
  awaitingSuccessor: 'for the agreement that follows',
  afterEnd: 'for AWS’s word whether the buyer goes on',
  ambiguous: 'for you to say which subscription pays',
  refused: 'until AWS takes this dimension',
  noHour: 'as no hour of its agreement is free',
};

function totalCard({ dimension, recorded, byState, waiting, conserved }: DimensionTotal): Html {
  const parts = Object.keys(STATES).flatMap((state) => {
    const units = Number(byState[state] ?? 0);
    return units === 0 ? [] : [{ state, units }];
  });
  return html`
    <article class="card stack">
      <h3><code>${dimension}</code> <span class="muted">${Number(recorded)} recorded</span></h3>
      ${bar(parts)}
      <dl class="legend">
        ${parts.map(
          ({ state, units }) =>
            html`<div>
              <dt>
                <span class="chip ${state}">${state}</span>
                <span class="muted">${state === 'waiting' ? whyWaiting(waiting) : STATES[state]}</span>
              </dt>
              <dd>${units}</dd>
            </div>`,
        )}
      </dl>
      <p class="${conserved ? 'sum good' : 'sum bad'}">
        ${conserved ? '✓ Every recorded unit is accounted for.' : '✗ Units are missing: the ledger does not add up.'}
      </p>
    </article>
  `;
}

function whyWaiting(waiting: DimensionTotal['waiting']): string {
  const reasons = Object.entries(waiting).filter(([, units]) => Number(units) !== 0);
  return reasons.map(([reason]) => REASONS[reason] ?? reason).join('; ');
}

/** A drawing of the numbers beneath it, so a screen reader need not hear it. Negative carries have no length. */
function bar(parts: readonly { state: string; units: number }[]): Html {
  const lengths = parts.map(({ state, units }) => ({ state, length: Math.max(0, units) }));
  const total = lengths.reduce((sum, { length }) => sum + length, 0);
  let x = 0;
  const rectangles = lengths.map(({ state, length }) => {
    const width = total === 0 ? 0 : (length / total) * 100;
    const rectangle = html`<rect class="${state}" x="${x.toFixed(3)}" width="${width.toFixed(3)}" height="4"></rect>`;
    x += width;
    return rectangle;
  });
  return html`<svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">${rectangles}</svg>`;
}

function ledgerTable({ rows, billedTotals }: Flow, withCompany: boolean): Html {
  const totals = [...billedTotals].map(([dimension, units]) => `${units} ${dimension}`).join(', ');
  return html`
    <section class="card">
      <h3>Ledger beside bill</h3>
      <div class="scroll" tabindex="0" role="group" aria-label="Ledger beside bill">
        <table class="ledger">
          <thead>
            <tr>
              <th scope="col">Hour (UTC)</th>
              ${withCompany && html`<th scope="col">Customer</th>`}
              <th scope="col">Dimension</th>
              <th scope="col">State in the ledger</th>
              <th scope="col" class="number">Ledger</th>
              <th scope="col" class="number">AWS bill</th>
              <th scope="col">Verdict</th>
            </tr>
          </thead>
          <tbody>
            ${rows.map((row) => ledgerRow(row, withCompany))}
          </tbody>
        </table>
      </div>
      <p class="muted">${totals === '' ? 'AWS bills nothing yet.' : `AWS bills ${totals} in all.`}</p>
    </section>
  `;
}

function ledgerRow({ record, billed }: FlowRow, withCompany: boolean): Html {
  const state = record.state === 'closed' ? (record.disposition ?? 'closed') : record.state;
  const notes = [
    record.reason,
    record.attempts > 0 && `tried ${record.attempts === 1 ? 'once' : `${record.attempts} times`}`,
  ];
  const note = notes.filter((text) => typeof text === 'string').join(', ');
  return html`
    <tr>
      <td>${record.hour ? instant(record.hour) : '–'}</td>
      ${withCompany && html`<td>${record.company ?? '–'}</td>`}
      <td><code>${record.dimension}</code></td>
      <td>
        <span class="chip ${state}">${state}</span
        >${record.state !== 'metered' && html` <span class="muted">${note}</span>`}
      </td>
      <td class="number" data-label="Ledger">${Number(record.quantity)}</td>
      <td class="number" data-label="AWS bill">${billed === null ? '–' : billed.quantity}</td>
      <td>${verdict({ record, billed })}</td>
    </tr>
  `;
}

function verdict({ record, billed }: FlowRow): Html {
  if (record.state === 'metered') {
    return billed?.quantity === Number(record.quantity)
      ? html`<span class="good">✓ equal</span>`
      : html`<span class="bad">✗ differs</span>`;
  }
  if (billed !== null) return html`<span class="muted">AWS has it; its answer was lost</span>`;
  return html`<span class="muted">${record.state === 'closed' ? 'not billed' : 'not billed yet'}</span>`;
}

function alertsCard(alerts: readonly OpenAlert[]): Html {
  return html`
    <section class="card">
      <h3>Alerts</h3>
      ${
        alerts.length === 0
          ? html`<p class="muted">None. When something needs a person, it stands here until it is resolved.</p>`
          : html`<ul class="alerts">
              ${alerts.map(
                ({ kind, severity, message, raisedAt }) =>
                  html`<li class="${severity}">
                    <strong>${kind}</strong> <span class="muted">${instant(raisedAt)}</span><br />${message}
                  </li>`,
              )}
            </ul>`
      }
    </section>
  `;
}

function callsCard(calls: readonly ApiCall[]): Html {
  return html`
    <section class="card">
      <h3>Latest calls to AWS</h3>
      ${
        calls.length === 0
          ? html`<p class="muted">None yet. The first comes when an hour with usage has ended.</p>`
          : html`<ul class="calls">
              ${calls.map(
                (call) =>
                  html`<li>
                    <span
                      >${instant(call.at)}
                      <span class="muted">${call.records} ${call.records === 1 ? 'record' : 'records'}</span></span
                    >
                    <span
                      class="${call.outcome === 'answered' && call.error === undefined && call.faults.length === 0 ? 'good' : 'bad'}"
                      >${outcomeOf(call)}</span
                    >
                  </li>`,
              )}
            </ul>`
      }
    </section>
  `;
}

/** How a call went, in a few words. */
export function outcomeOf(call: ApiCall): string {
  if (call.outcome === 'inFlight') return 'under way';
  if (call.outcome === 'reset') return call.effective ? 'taken, answer lost' : 'connection lost';
  if (call.outcome === 'hung') return 'no answer';
  if (call.error) return `${call.error.name}${call.effective ? ', but taken' : ''}`;
  if (call.faults.includes('unprocessed')) return 'came back unprocessed';
  return 'accepted';
}
