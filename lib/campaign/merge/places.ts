import { systemClock } from "../../clock.ts";
import { detectPlatform } from "../../ci/detect.ts";
import { UsageError } from "../../errors.ts";
import { ALL_FORGES, parsePullRequest } from "../../forge/all.ts";
import { Forges } from "../../forge/batch.ts";
import { MERGE_TOKEN_VARIABLE, resolveMergeAccess } from "../../forge/open.ts";
import type { PullRequestWriter } from "../../forge/writer.ts";
import { isLoopback } from "../../loopback.ts";
import { environmentVariable } from "../../runtime.ts";
import { callHook } from "../../hook.ts";
import type { Redactor } from "../../text/redact.ts";
import type { CampaignOptions } from "../campaign_options.ts";
import type { ItemMemory } from "../journal/memory.ts";
import { forgeTokenAdvice } from "../pulls.ts";
import { reasonCleaner } from "../work/work.ts";

export const ATTEMPTED = "merge pull requests";

export type MergePlace = Pick<
  PullRequestWriter,
  | "address"
  | "read"
  | "requesters"
  | "checks"
  | "merge"
  | "progress"
  | "landed"
  | "leaveQueue"
  | "update"
  | "deleteBranch"
  | "me"
  | "startsWorkflows"
>;

export interface MergePlaces {
  at(url: string): MergePlace | undefined;
}

/** @param by Only a person outside a job can merge with the token that reads pull requests. */
export function openMergePlaces(
  options: CampaignOptions,
  by: "person" | "wave",
  random?: () => number,
): MergePlaces {
  const { forge, env = environmentVariable, clock = systemClock, fetch, signal, onNotice } = options;
  const needsNamed = by === "wave" || detectPlatform(env).isCi;
  const access = resolveMergeAccess(ALL_FORGES, env, forge?.hosts ?? [], needsNamed);
  if (access === undefined) return { at: () => undefined };
  const forges = new Forges(ALL_FORGES, access, { clock, fetch, signal, onNotice, random });
  return { at: (url) => forges.writer(url, by === "wave" ? "campaign advance" : "campaign merge") };
}

export function mergeTexts(
  mask: Redactor,
  onNotice: CampaignOptions["onNotice"],
): { clean: (text: string) => string; tell: (message: string) => void } {
  const clean = reasonCleaner(mask);
  const told = new Set<string>();
  return {
    clean: (text) => clean(text) ?? "no reason was given",
    tell(message) {
      if (told.has(message)) return;
      told.add(message);
      callHook(onNotice, { kind: "text", message });
    },
  };
}

/** @param by A wave needs no token for pull requests of an emulator, which has no forge. */
export function checkMergeTokens(
  items: Iterable<ItemMemory>,
  places: MergePlaces,
  by: "person" | "wave",
): { isLocal: boolean } {
  let isLocal = false;
  for (const { pullRequest: url, pull } of items) {
    const address = url === null ? undefined : parsePullRequest(url);
    if (url === null || address === undefined || pull?.state === "merged" || pull?.state === "closed") continue;
    if (places.at(url) !== undefined) continue;
    if (by === "wave" && isLoopback(new URL(url).hostname)) {
      isLocal = true;
      continue;
    }
    const advice =
      `set ${MERGE_TOKEN_VARIABLE}=${address.host}=VARIABLE, with the name of the variable that holds the token`;
    throw new UsageError({
      attempted: ATTEMPTED,
      why: `no merge token is set for ${address.host}`,
      advice: forgeTokenAdvice(url, advice),
    });
  }
  return { isLocal };
}
