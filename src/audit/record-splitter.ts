const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
/** `{ "Records": [` */
const RECORDS_DEPTH = 2;
/** CloudTrail's events have at most 256 kB [quotas]; one that goes on is no event. */
const RECORD_BYTES_MAX = 4_000_000;

/** What is read is no file of a trail, or not all of it. */
export class BrokenTrailFile extends Error {}

/**
 * Cuts the text of each record out of a trail's file, `{"Records":[{…},{…}]}`, as its bytes come: no more than one
 * record is held at a time. Everything that structures JSON is one byte of UTF-8, and no part of another character.
 */
export class RecordSplitter {
  private depth = 0;
  private isInList = false;
  private isInRecord = false;
  private isInString = false;
  private isEscaped = false;
  private isOver = false;
  private parts: Buffer[] = [];
  private partBytes = 0;

  /** @throws BrokenTrailFile where it cannot be one */
  *push(chunk: Buffer): Generator<string> {
    // Where the record under way begins in this chunk; -1: there is none.
    let start = this.isInRecord ? 0 : -1;
    for (let index = 0; index < chunk.length; index += 1) {
      const byte = chunk[index];
      if (this.isInString) {
        if (this.isEscaped) this.isEscaped = false;
        else if (byte === BACKSLASH) this.isEscaped = true;
        else if (byte === QUOTE) this.isInString = false;
        continue;
      }
      switch (byte) {
        case QUOTE:
          this.isInString = true;
          break;
        case OPEN_OBJECT:
        case OPEN_LIST:
          if (this.isOver || (this.depth === 0 && byte === OPEN_LIST)) throw new BrokenTrailFile('it has no Records');
          if (this.depth === RECORDS_DEPTH - 1) this.isInList = byte === OPEN_LIST;
          if (this.depth === RECORDS_DEPTH && this.isInList && byte === OPEN_OBJECT) {
            start = index;
            this.isInRecord = true;
          }
          this.depth += 1;
          break;
        case CLOSE_OBJECT:
        case CLOSE_LIST:
          if (this.depth === 0) throw new BrokenTrailFile('it closes what it did not open');
          this.depth -= 1;
          this.isOver = this.depth === 0;
          if (this.depth === RECORDS_DEPTH && this.isInRecord) {
            yield this.finish(chunk.subarray(start, index + 1));
            start = -1;
            this.isInRecord = false;
          }
      }
    }
    if (start >= 0) this.keep(chunk.subarray(start));
  }

  /** @throws BrokenTrailFile where it ends too soon */
  end(): void {
    if (!this.isOver) throw new BrokenTrailFile('it is cut off');
  }

  private keep(part: Buffer): void {
    this.partBytes += part.length;
    if (this.partBytes > RECORD_BYTES_MAX) throw new BrokenTrailFile('a record of it does not end');
    this.parts.push(Buffer.from(part));
  }

  private finish(part: Buffer): string {
    const text = Buffer.concat([...this.parts, part]).toString('utf8');
    this.parts = [];
    this.partBytes = 0;
    return text;
  }
}
