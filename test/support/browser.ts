import { type BrowserRequest } from '../../src/index.js';

/** What a browser sends along after this answer, as its `Cookie` header. */
export function cookieOf(response: Response): string {
  return response.headers
    .getSetCookie()
    .map((cookie) => cookie.split(';')[0])
    .join('; ');
}

/** The next request of the browser that got this answer. */
export function browserOf(response: Response): BrowserRequest {
  return { headers: { cookie: cookieOf(response) } };
}
