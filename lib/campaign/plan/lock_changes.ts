/**
 * What a plan changes.
 *
 * @module
 */

/** What a plan changes. */
export interface LockChanges {
  /** Names of items that are new. */
  added: string[];
  /** Names of items that left the list. They are skipped from now on. */
  skipped: string[];
  /** Names of items that left the list, and go on because they were started. */
  kept: string[];
  /** Everything else that a reader should know, one sentence each. */
  notes: string[];
}
