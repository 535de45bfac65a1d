import { type NextFunction, type Request, type Response } from 'express';

/**
 * Nothing inline, nothing from elsewhere, no framing, and no referrer: the address of the sign-up page carries a
 * registration code. Forms may lead to the public address, because the landing page redirects there.
 */
export function securityHeaders(publicUrl: string): (request: Request, response: Response, next: NextFunction) => void {
  const policy = [
    "default-src 'none'",
    "style-src 'self'",
    "script-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    `form-action 'self' ${new URL(publicUrl).origin}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  return (_request, response, next) => {
    response.set({
      'content-security-policy': policy,
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    });
    next();
  };
}
