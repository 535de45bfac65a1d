/** What an audit of CloudTrail or of the billed reports shows of a record whose outcome is unknown. */
export type AuditFinding = { found: { meteringRecordId: string | null } } | { absentWithFullCoverage: true };
/** What a person found on file at AWS in the place of a record in conflict. */
export type ConflictFinding =
  /** A record of this ledger that AWS has taken, under another name of the buyer. */
  | { recordOfOurs: true }
  /** Another system's record, of so many units: a whole number. */
  | { quantityOnFile: number };
/** Who decides, and why, each 1 to 255 characters: decisions about money are signed. */
export interface Signed {
  by: string;
  reason: string;
}
