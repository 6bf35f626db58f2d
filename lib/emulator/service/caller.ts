/**
 * The authenticated caller of a request.
 *
 * @module
 */

/** A permission of a token. */
export type Scope = "read" | "write";

/** An authenticated caller. */
export interface Caller {
  /** The token's user. */
  userId: string;
  /** What the start limit counts by: the token, or the client of an OAuth token. */
  keyId: string;
  /** Kind of the token. */
  credential: "api_key" | "oauth";
  /** Name of the token. */
  label: string;
  /** Permissions of the token. */
  scopes: readonly string[];
  /** Later revisions: the token may read and trigger automations, and start nothing else. */
  automationsOnly: boolean;
}
