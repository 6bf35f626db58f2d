export type Scope = "read" | "write";

export interface Caller {
  userId: string;
  keyId: string;
  credential: "api_key" | "oauth";
  label: string;
  scopes: readonly string[];
  /** Whether the token can trigger automations but cannot start runs. Only in later revisions. */
  automationsOnly: boolean;
}
