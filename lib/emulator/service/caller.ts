/**

 * The authenticated caller of a request.
 *
 * @module
 */

export type Scope = "read" | "write";

export interface Caller {
  userId: string;
  /** What the start limit counts by: the token, or the client of an OAuth token. */
  keyId: string;
  credential: "api_key" | "oauth";
  label: string;
  scopes: readonly string[];
  /** Later revisions: the token can read and trigger automations, and start nothing else. */
  automationsOnly: boolean;
}
