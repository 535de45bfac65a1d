/**
 * One page of a list. Pass `nextCursor` back as `cursor`, with the same filters, for the next; null on the last page.
 */
export interface Page<T> {
  items: T[];
  nextCursor: string | null;
}
