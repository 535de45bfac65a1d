import { type ContractAccount, ContractStory } from './contract-story.js';

const TIME_LIMIT_MS = 180_000;

const story = new ContractStory((line) => process.stderr.write(`example:contract  ${line}\n`));

/** Ten packs and two: of 16,100 calls 12,000 are included; AWS bills whole packs of the rest. */
const EXPECTED = { included: 12_000, carried: 100, bill: { overage_pack: 4, storage: 7 } };

function complaintsAbout({ included, carried, bill, conserved }: ContractAccount): string[] {
  const found = JSON.stringify({ included, carried, bill: { overage_pack: bill.overage_pack, storage: bill.storage } });
  return [
    ...(conserved ? [] : ['units are neither on the bill nor accounted for']),
    ...(found === JSON.stringify(EXPECTED) ? [] : [`expected ${JSON.stringify(EXPECTED)}, found ${found}`]),
  ];
}

// A story that hangs ends with an error, not for ever.
const timer = setTimeout(() => {
  process.stderr.write(`example:contract  ✗ it did not come to its end within ${TIME_LIMIT_MS / 1000} s\n`);
  process.exit(1);
}, TIME_LIMIT_MS);
try {
  const account = await story.tell();
  const complaints = complaintsAbout(account);
  for (const complaint of complaints) process.stderr.write(`example:contract  ✗ ${complaint}\n`);
  process.stdout.write(`${JSON.stringify({ ...account, conserved: complaints.length === 0 })}\n`);
  process.exitCode = complaints.length === 0 ? 0 : 1;
} finally {
  clearTimeout(timer);
  await story.end();
}
