import { type Readable, Transform, type TransformCallback } from 'node:stream';
import { UsageRefusedError } from '../../errors/marketplace-metering-error.js';
import { type Decimal } from '../../runtime/decimal.js';
import { type DataUnit, isDataUnit, isTimeUnit, measuredQuantity, type TimeUnit } from './measured-quantity.js';
import { type RecordResult, type UsageEvent } from './usage-event.js';

/** What is measured, and of whom: a usage event without its quantity. */
export interface MeasuredUsage extends Omit<UsageEvent, 'quantity'> {
  /**
   * Of a function's duration: `milliseconds`, `seconds`, `minutes`, `hours`. Of a stream's length: `bytes`, `kB`, `MB`,
   * `GB`, `TB` (powers of 1,000), `KiB`, `MiB`, `GiB`, `TiB` (powers of 1,024).
   */
  unit: TimeUnit | DataUnit;
  /** Rounds up to the next multiple, such as 1 for each second begun. Default: half to even at 12 decimals. */
  roundUpTo?: Decimal;
  /**
   * Whether work that fails is usage: `record` what it took until then, or `skip` it (the default). Either way it fails
   * with its own error.
   */
  whenFailed?: 'record' | 'skip';
}

export type RecordMeasured = (event: UsageEvent) => Promise<RecordResult>;

/** Runs the work, and records how long it took: exactly one event. By a clock that nobody sets. */
export async function measureDuration<T>(
  usage: MeasuredUsage,
  work: () => T | Promise<T>,
  record: RecordMeasured,
): Promise<T> {
  const { unit, roundUpTo, whenFailed, event } = checked(usage, isTimeUnit, 'a duration is in milliseconds … hours');
  const begun = process.hrtime.bigint();
  const recorded = () =>
    record({ ...event, quantity: measuredQuantity(process.hrtime.bigint() - begun, unit, roundUpTo) });
  let result: T;
  try {
    result = await work();
  } catch (error) {
    if (whenFailed !== 'record') throw error;
    await recorded().catch((unrecorded: unknown) => {
      throw new AggregateError([error, unrecorded], 'The work failed, and what it took could not be recorded.');
    });
    throw error;
  }
  await recorded();
  return result;
}

/** The stream, whose end comes once its length is recorded: exactly one event. */
export function measureStream(usage: MeasuredUsage, stream: Readable, record: RecordMeasured): Readable {
  const measured = new MeasuringStream(
    checked(usage, isDataUnit, 'a length is in bytes, kB … TB or KiB … TiB'),
    record,
  );
  stream.on('error', (error) => measured.destroy(error));
  stream.on('close', () => {
    if (!stream.readableEnded && !measured.destroyed) measured.destroy(new Error('The measured stream was cut off.'));
  });
  measured.on('close', () => {
    if (!stream.destroyed) stream.destroy();
  });
  return stream.pipe(measured);
}

class MeasuringStream extends Transform {
  private bytes = 0n;
  private isRecorded = false;

  constructor(
    private readonly measured: Checked<DataUnit>,
    private readonly record: RecordMeasured,
  ) {
    super();
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    this.bytes += BigInt(chunk.length);
    done(null, chunk);
  }

  override _flush(done: TransformCallback): void {
    this.recordOnce().then(() => {
      done();
    }, done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const isFailed = !this.writableFinished && this.measured.whenFailed === 'record';
    (isFailed ? this.recordOnce() : Promise.resolve()).then(
      () => {
        done(error);
      },
      (unrecorded: unknown) => {
        const message = 'The stream failed, and its length could not be recorded.';
        done(error ? new AggregateError([error, unrecorded], message) : (unrecorded as Error));
      },
    );
  }

  private async recordOnce(): Promise<void> {
    if (this.isRecorded) return;
    this.isRecorded = true;
    const { event, unit, roundUpTo } = this.measured;
    await this.record({ ...event, quantity: measuredQuantity(this.bytes, unit, roundUpTo) });
  }
}

interface Checked<Unit> extends Pick<MeasuredUsage, 'roundUpTo' | 'whenFailed'> {
  unit: Unit;
  event: Omit<UsageEvent, 'quantity'>;
}

/** Before any work is done: a mistake here must not cost usage later. */
function checked<Unit extends TimeUnit | DataUnit>(
  { unit, roundUpTo, whenFailed, ...event }: MeasuredUsage,
  isOfKind: (unit: string) => unit is Unit,
  rule: string,
): Checked<Unit> {
  const refuse = (field: string, message: string): never => {
    throw new UsageRefusedError('USAGE_INVALID', [{ index: 0, field, message }]);
  };
  if (!isOfKind(unit)) return refuse('unit', rule);
  try {
    measuredQuantity(0n, unit, roundUpTo);
  } catch (error) {
    return refuse('roundUpTo', (error as Error).message);
  }
  return { unit, event, ...(roundUpTo === undefined ? {} : { roundUpTo }), ...(whenFailed ? { whenFailed } : {}) };
}
