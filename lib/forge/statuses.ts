import type { ForgeClient } from "./client.ts";
import type { PullRequestAddress } from "./model.ts";

export interface CommitStatus {
  readonly state: "success" | "pending" | "other";
  /** At most 140 characters. */
  readonly text: string;
}

export interface Objection {
  readonly why: string;
  readonly advice?: string;
}

export interface ForgeStatuses {
  /** Whether the text of a status can change while its state stays the same. */
  readonly takesTexts: boolean;
  read(client: ForgeClient, address: PullRequestAddress, commit: string, name: string): Promise<CommitStatus | null>;
  set(
    client: ForgeClient,
    address: PullRequestAddress,
    commit: string,
    status: CommitStatus & { readonly name: string; readonly url: string },
  ): Promise<void>;
  sharers(client: ForgeClient, address: PullRequestAddress, commit: string): Promise<readonly string[] | undefined>;
  /**
   * Why a status with this name must not be set: a rule of the target would accept the status in place of any check. `null` if the status may be set.
   * Absent if rules name each check.
   */
  objection?(client: ForgeClient, address: PullRequestAddress, base: string, name: string): Promise<Objection | null>;
}

export function statusOf(state: string, text: string | null | undefined, pending: readonly string[]): CommitStatus {
  return {
    state: state === "success" ? "success" : pending.includes(state) ? "pending" : "other",
    text: text ?? "",
  };
}
