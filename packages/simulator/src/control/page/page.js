/* global document, FormData, localStorage */
// The page of the simulator. It does nothing that the control API could not.

const REFRESH_MS = 1000;
const SHOWN = 50;

/** Ways to break AWS at the press of a button, until they are taken away. */
const BREAKAGES = [
  ['Throttle', { kind: 'throttle' }],
  ['Lose answers', { kind: 'resetAfter' }],
  ['Server errors', { kind: 'error500Before' }],
  ['Leave records unprocessed', { kind: 'unprocessed' }],
  ['Hang', { kind: 'hang' }],
  ['Deny access', { kind: 'accessDenied' }],
];

const byId = (id) => document.getElementById(id);

/** An element with text, never markup: what it shows comes from clients. */
function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

async function ask(method, path, body) {
  const response = await fetch(`/_simulator${path}`, {
    method,
    ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  const answer = response.status === 204 ? undefined : await response.json();
  if (response.ok) return answer;
  const { message, problems } = answer.error;
  throw new Error([message, ...problems.map((problem) => `${problem.path}: ${problem.message}`)].join('\n'));
}

function say(text) {
  const notice = byId('notice');
  notice.textContent = text;
  notice.hidden = text === '';
}

/** Runs what the user asked for, says what went wrong, and shows what has changed. */
async function deed(act) {
  try {
    await act();
    say('');
  } catch (error) {
    say(error.message);
  }
  await refresh();
}

function button(text, act, properties = {}) {
  return element('button', { type: 'button', textContent: text, onclick: () => deed(act), ...properties });
}

function onSubmit(id, act) {
  const form = byId(id);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    deed(() => act(Object.fromEntries(new FormData(form)), form));
  });
}

/** Replaces the children only if they differ, so that focus and selection stay. */
function show(parent, key, children) {
  if (parent.dataset.key === key) return;
  parent.dataset.key = key;
  parent.replaceChildren(...children());
}

function empty(text, isRow) {
  return isRow
    ? element('tr', {}, element('td', { colSpan: 5, textContent: text }))
    : element('li', { textContent: text });
}

const time = (iso) => iso.replace('T', ' ').replace(/(:\d\d)\.\d+Z$/, '$1Z');

function showClock({ now, rate }) {
  byId('clock').textContent =
    `${time(now)} · ${rate === 0 ? 'stands still' : rate === 1 ? 'wall speed' : `${rate} times wall speed`}`;
  const field = byId('rate').elements.rate;
  if (document.activeElement !== field && !field.value) field.value = rate;
}

function showProducts(products) {
  show(byId('products'), JSON.stringify(products), () =>
    products.length === 0
      ? [empty('Nothing is for sale yet.')]
      : products.map(({ productCode, identity, dimensions }) =>
          element(
            'li',
            {},
            element(
              'p',
              {},
              productCode,
              element('small', { textContent: `${dimensions.map(({ name }) => name).join(', ')} · by ${identity}` }),
            ),
          ),
        ),
  );
  const { productCode: select } = byId('subscribe').elements;
  show(select, products.map(({ productCode }) => productCode).join(), () =>
    products.map(({ productCode }) => element('option', { value: productCode, textContent: productCode })),
  );
}

/** Posts the registration form in a tab of its own, as the buyer's browser does at AWS. */
async function register(agreementId) {
  const url = byId('registration-url');
  if (!url.value || !url.reportValidity())
    throw new Error('Give the registration URL of the seller: where the buyer is sent to set up the account.');
  localStorage.setItem('registrationUrl', url.value);
  const { fields } = await ask('POST', `/agreements/${agreementId}/registration-form`, {});
  const form = element('form', { method: 'post', action: url.value, target: '_blank', hidden: true });
  for (const [name, value] of Object.entries(fields)) form.append(element('input', { type: 'hidden', name, value }));
  document.body.append(form);
  form.submit();
  form.remove();
}

function showAgreements(agreements) {
  show(byId('agreements'), JSON.stringify(agreements), () =>
    agreements.length === 0
      ? [empty('Nobody has subscribed yet.')]
      : agreements.toReversed().map((agreement) => {
          const { agreementId, accountId, productCode, status, suspended, freeTrial, endsAt, licenseArn } = agreement;
          const state = suspended ? 'SUSPENDED' : status;
          const act = (name, text) => button(text, () => ask('POST', `/agreements/${agreementId}/${name}`, {}));
          return element(
            'li',
            {},
            element(
              'p',
              {},
              `${accountId} · ${productCode} · `,
              element('strong', { textContent: state, className: state === 'ACTIVE' ? 'good' : 'bad' }),
              element('small', {
                textContent: `${freeTrial ? 'free trial · ' : ''}${endsAt ? `ends ${time(endsAt)} · ` : ''}${licenseArn}`,
              }),
            ),
            element(
              'div',
              { className: 'row' },
              button('Set up account', () => register(agreementId)),
              ...(status === 'ACTIVE'
                ? [act('cancel', 'Cancel'), suspended ? act('reinstate', 'Reinstate') : act('suspend', 'Suspend')]
                : []),
            ),
          );
        }),
  );
}

function showFaults({ faults }) {
  show(byId('breakages'), JSON.stringify(faults), () =>
    BREAKAGES.map(([text, fault]) => {
      const armed = faults.filter((one) => JSON.stringify(one.fault) === JSON.stringify(fault));
      const toggle = async () => {
        if (armed.length === 0) await ask('POST', '/faults', fault);
        for (const { id } of armed) await ask('DELETE', `/faults/${id}`);
      };
      const made = button(text, toggle);
      made.setAttribute('aria-pressed', String(armed.length > 0));
      return made;
    }),
  );
  show(byId('faults'), JSON.stringify(faults), () =>
    faults.length === 0
      ? [empty('AWS is well.')]
      : faults.map(({ id, hits, fault }) =>
          element(
            'li',
            {},
            element(
              'p',
              {},
              element('strong', { className: 'bad', textContent: fault.kind }),
              element('small', { textContent: `${hits} hits · ${JSON.stringify(fault)}` }),
            ),
            button('Remove', () => ask('DELETE', `/faults/${id}`)),
          ),
        ),
  );
}

function showBill({ lines }) {
  show(byId('bill'), JSON.stringify(lines), () =>
    lines.length === 0
      ? [empty('Nothing is billed yet.', true)]
      : lines
          .toReversed()
          .slice(0, SHOWN)
          .map((line) =>
            element(
              'tr',
              {},
              element('td', { textContent: time(line.hour) }),
              element('td', { textContent: line.dimension }),
              element('td', { className: 'number', textContent: line.quantity }),
              element('td', { textContent: line.customerAWSAccountId ?? '' }),
              element('td', { textContent: line.productCode }),
            ),
          ),
  );
}

function showCalls({ calls }) {
  show(byId('calls'), JSON.stringify(calls.map(({ requestId, outcome }) => [requestId, outcome])), () =>
    calls.length === 0
      ? [empty('Nobody has called yet.', true)]
      : calls.map(({ at, operation, records, outcome, error, effective, faults }) => {
          const answer = error?.name ?? (outcome === 'answered' ? 'Success' : outcome);
          return element(
            'tr',
            {},
            element('td', { textContent: time(at) }),
            element('td', { textContent: operation }),
            element('td', { className: 'number', textContent: records }),
            element('td', {
              className: answer === 'Success' ? 'good' : 'bad',
              textContent: [answer, ...faults].join(' · '),
            }),
            element('td', { textContent: effective ? 'yes' : 'no' }),
          );
        }),
  );
}

function field(name, { enum: choices, type }) {
  const change = ({ target }) =>
    deed(() => ask('PUT', '/switches', { [name]: type === 'number' ? Number(target.value) : target.value }));
  const input = choices
    ? element(
        'select',
        { name, onchange: change },
        ...choices.map((value) => element('option', { value, textContent: value })),
      )
    : element('input', { name, type: type === 'number' ? 'number' : 'text', onchange: change, required: true });
  return element('label', {}, name, input);
}

function showSwitches(switches) {
  for (const input of byId('switches').querySelectorAll('[name]')) {
    if (document.activeElement !== input) input.value = switches[input.name];
  }
}

async function refresh() {
  try {
    const paths = [
      '/clock',
      '/products',
      '/agreements',
      '/faults',
      '/bill',
      `/calls?order=newestFirst&limit=${SHOWN}`,
      '/switches',
    ];
    const [clock, { products }, { agreements }, faults, bill, calls, switches] = await Promise.all(
      paths.map((path) => ask('GET', path)),
    );
    showClock(clock);
    showProducts(products);
    showAgreements(agreements);
    showFaults(faults);
    showBill(bill);
    showCalls(calls);
    showSwitches(switches);
    document.body.dataset.live = 'true';
  } catch (error) {
    document.body.dataset.live = 'false';
    say(`The simulator does not answer: ${error.message}`);
  }
}

for (const one of document.querySelectorAll('[data-advance]')) {
  one.addEventListener('click', () => deed(() => ask('POST', '/clock/advance', { by: one.dataset.advance })));
}
onSubmit('advance', ({ by }) => ask('POST', '/clock/advance', { by }));
onSubmit('rate', ({ rate }) => ask('PUT', '/clock', { rate: Number(rate) }));
onSubmit('publish', ({ productCode, dimensions, identity }, form) => {
  const names = dimensions.split(',').map((name) => name.trim());
  form.reset();
  return ask('POST', '/products', {
    ...(productCode && { productCode }),
    identity,
    dimensions: names.filter((name) => name !== ''),
  });
});
onSubmit('subscribe', ({ productCode, accountId, freeTrial }) =>
  ask('POST', '/agreements', { productCode, ...(accountId && { accountId }), freeTrial: freeTrial !== undefined }),
);
onSubmit('preset', ({ preset }) => ask('PUT', '/preset', { preset }));
byId('mend').addEventListener('click', () => deed(() => ask('DELETE', '/faults')));
byId('registration-url').value = localStorage.getItem('registrationUrl') ?? '';

const { components } = await ask('GET', '/openapi.json');
byId('switches').append(
  ...Object.entries(components.schemas.Switches.properties).map(([name, schema]) => field(name, schema)),
);
const { presets } = await ask('GET', '/presets');
byId('preset').elements.preset.append(
  ...Object.keys(presets).map((name) => element('option', { value: name, textContent: name })),
);
await refresh();
setInterval(() => {
  if (document.visibilityState === 'visible') refresh();
}, REFRESH_MS);
