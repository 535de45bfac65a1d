/* global document */
// Keeps each [data-live] element as its source shows it. The pages work without this script; they only stand still
// then.

const INTERVAL_MS = 1000;

/** @param {HTMLElement} element */
async function keepFresh(element) {
  let shown = element.innerHTML;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
    if (document.hidden) continue;
    try {
      const response = await fetch(element.dataset.live, { headers: { accept: 'text/html' } });
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      const text = await response.text();
      element.classList.remove('stale');
      if (text !== shown) replace(element, text);
      shown = text;
    } catch {
      element.classList.add('stale');
    }
  }
}

/** Where the reader had scrolled a table to, they still are. */
function replace(element, text) {
  const offsets = [...element.querySelectorAll('.scroll')].map((box) => box.scrollLeft);
  const focused = [...element.querySelectorAll('.scroll')].indexOf(document.activeElement);
  element.innerHTML = text;
  const boxes = element.querySelectorAll('.scroll');
  offsets.forEach((offset, index) => {
    if (boxes[index]) boxes[index].scrollLeft = offset;
  });
  boxes[focused]?.focus({ preventScroll: true });
}

for (const element of document.querySelectorAll('[data-live]')) void keepFresh(element);
