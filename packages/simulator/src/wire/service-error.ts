/**
 * An error as AWS answers it: a name (`__type` on the wire), a message and an HTTP status.
 *
 * A client error is HTTP 400, throttling included; `InternalServiceErrorException` is HTTP 500 [API-BMU].
 */
export class ServiceError extends Error {
  constructor(
    override readonly name: string,
    message: string,
    /** HTTP status code. Default 400. */
    readonly statusCode = 400,
  ) {
    super(message);
  }
}
