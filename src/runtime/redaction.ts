/**
 * What may stand in a log line, a page or an alert in place of an identifier: enough to recognise it, too little to use it.
 * Account ids also hide inside license ARNs.
 */
export function redacted(identifier: string | null | undefined): string {
  if (identifier === null || identifier === undefined || identifier === '') return '(none)';
  return `…${identifier.slice(-4)}`;
}

/** Hides every run of 12 or more digits, which is how AWS prints account ids inside messages. */
export function redactedText(text: string): string {
  return text.replace(/\d{12,}/g, (digits) => redacted(digits));
}
