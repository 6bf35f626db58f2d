/**
 * Whether people have approved the present commit of a pull request: what a forge shows of its reviews, and the one function that decides.
 * @module
 */
import type { ForgeUser } from "./findings.ts";

/** The newest word of a reviewer. A word that was withdrawn or dismissed is left out. */
export interface Opinion {
  /** Without an account (a deleted one, the forge's own) the id is not positive. */
  readonly by: ForgeUser;
  readonly word: "approved" | "changes-requested";
  /** The commit that it is about; null if the forge does not show it. */
  readonly commit: string | null;
  /** ISO 8601; null if the forge does not show it. */
  readonly at: string | null;
  /** Whether this user may push now, according to the forge; null if it does not show that. */
  readonly mayPush: boolean | null;
}

export interface ReviewReading {
  /** The present commit of the branch; null if the forge does not show it. */
  readonly head: string | null;
  /** Approvals that the target requires; null if the forge does not show the number. */
  readonly required: number | null;
  /** Null if the forge does not show them. */
  readonly opinions: readonly Opinion[] | null;
  readonly author: ForgeUser | null;
  /** Authors and committers of its commits, as far as they have an account; null if the forge does not show them all. */
  readonly writers: readonly ForgeUser[] | null;
}

/** Users whose approval does not count, besides the author and the writers. */
export interface NotCounted {
  /** Who asked for the work. */
  readonly requesters: readonly ForgeUser[];
  /** The user of the token; null if it has none, and if the forge does not show it. */
  readonly token: ForgeUser | null;
  /** Names of programs that look like people to the forge. */
  readonly notPeople: readonly string[];
}

/** `unknown`: the forge shows too little. */
export interface ApprovalVerdict {
  readonly state: "approved" | "missing" | "changes-requested" | "unknown";
  readonly have: number;
  /** Null if the number that the target requires is unknown. Then one approval is enough here, and the forge must refuse the rest. */
  readonly needed: number | null;
  /** Whose approvals count. */
  readonly by: readonly ForgeUser[];
  /** Time of the last approval that was needed, ISO 8601; null without it, and if it is not shown. */
  readonly lastAt: string | null;
  /** A clause for people: `1 of 2 approvals of this commit; ann wrote it`. */
  readonly reason: string;
}
