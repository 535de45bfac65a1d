/**
 * What may stand in a log line, a page or an alert in place of an identifier: enough to recognise it, too little to use
 * it. Account ids also hide inside license ARNs.
 */
export function redacted(identifier: string | null | undefined): string {
  if (identifier === null || identifier === undefined || identifier === '') return '(none)';
  return `…${identifier.slice(-4)}`;
}

const UUID_OR_DIGITS = /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\d{12,}/gi;

/**
 * Hides every run of 12 or more digits, which is how AWS prints account ids inside messages. Our own ids, which may end
 * in such a run, stay.
 */
export function redactedText(text: string): string {
  return text.replace(UUID_OR_DIGITS, (match) => (match.includes('-') ? match : redacted(match)));
}
