import { type AgreementFact } from './agreement-fact.js';
import { type Asking, type Doubt } from './agreement-state.js';

/** A row of `agreement`, as far as assignment needs it. Rows that are aliases are given as they stand; they are decided anew. */
export interface AgreementRow {
  id: string;
  /** AWS's agreement id is known. A row without is nameless: made by a start that named none (its id is that fact's), or by a license alone. */
  isNamed: boolean;
  /** Digests of its licenses. */
  licenses: readonly string[];
}

export interface Assignment {
  /** Facts of each agreement, under the id of the row that stands (no alias): its own and those assigned to it. */
  byAgreement: ReadonlyMap<string, readonly AgreementFact[]>;
  /** Starts that name no agreement and belong to none known: each wants a nameless row whose id is the fact's. Also in `byAgreement`. */
  wanted: readonly string[];
  /** Rows that are another row's agreement: alias → the row that stands. */
  aliases: ReadonlyMap<string, string>;
  /** Facts that could mean several agreements, or one that has not begun: AWS is to be asked about the buyer; nothing ends by them meanwhile. */
  doubts: readonly (Doubt & { factId: string })[];
  /** Facts that concern an agreement from before those known. */
  ofOthers: readonly string[];
}

/** Pure. All facts of one buyer (of all its subscriptions at one product), and all rows of its agreements. */
export declare function assignFacts(rows: readonly AgreementRow[], facts: readonly AgreementFact[], asking: Asking, now: Date): Assignment;
