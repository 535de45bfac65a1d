/**
 * Who meets an error: who starts the application; code of the host that called a service; a buyer at the landing page;
 * who sends messages over HTTPS; an operator at the admin endpoints.
 */
export type ErrorAudience = 'start' | 'caller' | 'buyer' | 'sender' | 'operator';

/** What a person needs to know of an error code. docs/errors.md is made of it. */
export interface ErrorDescription {
  seenBy: readonly ErrorAudience[];
  /** Statuses of the HTTP answers that have it as `errorCode`. Errors that are thrown at the host's code have none. */
  status: readonly number[];
  /** Of an error that ends the process at its start: what the process exits with. */
  exitCode?: number;
  meaning: string;
  /** What to do about it. */
  fix: string;
}
