/**
 * Statuses of a commit that a program sets.
 * @module
 */
import type { ForgeClient } from "./client.ts";
import type { PullRequestAddress } from "./model.ts";

export interface CommitStatus {
  /** `other`: neither of the two that we set. */
  readonly state: "success" | "pending" | "other";
  /** At most 140 characters. */
  readonly text: string;
}

export interface Objection {
  readonly why: string;
  readonly advice?: string;
}

export interface ForgeStatuses {
  /** Whether a status can get another text while its state stays. */
  readonly takesTexts: boolean;
  /** The newest status of a name; null without one. @throws what the client throws. */
  read(client: ForgeClient, address: PullRequestAddress, commit: string, name: string): Promise<CommitStatus | null>;
  /** @param url The page behind it. @throws what the client throws. */
  set(
    client: ForgeClient,
    address: PullRequestAddress,
    commit: string,
    status: CommitStatus & { readonly name: string; readonly url: string },
  ): Promise<void>;
  /** Addresses of other open pull requests with this newest commit; undefined if they are not shown. @throws what the client throws. */
  sharers(client: ForgeClient, address: PullRequestAddress, commit: string): Promise<readonly string[] | undefined>;
  /**
   * Why a status of that name must not be set: a rule of the target would take it for any check. Null if it may be set. Absent if rules
   * name each check.
   */
  objection?(client: ForgeClient, address: PullRequestAddress, base: string, name: string): Promise<Objection | null>;
}

/** @param pending The words of the forge for one that is not finished. */
export function statusOf(state: string, text: string | null | undefined, pending: readonly string[]): CommitStatus {
  return {
    state: state === "success" ? "success" : pending.includes(state) ? "pending" : "other",
    text: text ?? "",
  };
}
