import { storableText } from '../runtime/storable-text.js';

/**
 * A JSON object whose members are found whatever their spelling: AWS's texts write `customerAWSAccountID` and
 * `customerAWSAccountId`, `licenseArn` and `LicenseArn`. Members nobody asks for are no fault.
 */
export class LooseObject {
  private readonly members = new Map<string, unknown>();

  private constructor(given: object) {
    for (const [name, value] of Object.entries(given)) {
      const key = name.toLowerCase();
      // Of two spellings of one name the one that says something.
      if (value !== null && value !== undefined && !this.members.has(key)) this.members.set(key, value);
    }
  }

  /** Null for anything but an object. */
  static of(value: unknown): LooseObject | null {
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? new LooseObject(value) : null;
  }

  /** Undefined where it is absent or null. */
  get(name: string): unknown {
    return this.members.get(name.toLowerCase());
  }

  object(name: string): LooseObject | null {
    return LooseObject.of(this.get(name));
  }

  /** Storable; null where it is absent, or no text that says something. Numbers are text here: an account id may be one. */
  text(name: string): string | null {
    const value = this.get(name);
    if (typeof value === 'number') return String(value);
    return typeof value === 'string' && value !== '' ? storableText(value) : null;
  }

  /** The objects of a list; null where there is no list. What is no object in it is left out. */
  objects(name: string): LooseObject[] | null {
    const value = this.get(name);
    if (!Array.isArray(value)) return null;
    return value.map((item) => LooseObject.of(item)).filter((item) => item !== null);
  }
}
