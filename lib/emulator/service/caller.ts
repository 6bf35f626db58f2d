export type Scope = "read" | "write";

export interface Caller {
  userId: string;
  keyId: string;
  credential: "api_key" | "oauth";
  label: string;
  scopes: readonly string[];
  automationsOnly: boolean;
}
