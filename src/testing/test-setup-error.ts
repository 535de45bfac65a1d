/** A test could not be set up; the message names the fix. */
export class TestSetupError extends Error {
  override readonly name = 'TestSetupError';
}
