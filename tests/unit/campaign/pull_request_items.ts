/** Items that have succeeded, with a pull request that is ready unless a test says otherwise. */
import type { CampaignItem, PullRequestView } from "../../../lib/campaign/view/view.ts";
import { anItem } from "./report/sample_view.ts";

const READY: PullRequestView = {
  state: "open",
  draft: false,
  checks: "green",
  review: "approved",
  conflict: false,
  owner: null,
  createdAt: null,
  updatedAt: null,
  reason: null,
  commit: "a".repeat(40),
  foreign: null,
  guarded: false,
  behind: false,
  queue: false,
};

/** @param pull What differs; null: its pull request was not read. */
export const item = (number: number, pull: Partial<PullRequestView> | null, pullRequest?: string): CampaignItem =>
  anItem(number, "succeeded", {
    pullRequestState: pull === null ? null : { ...READY, ...pull },
    ...(pullRequest !== undefined && { pullRequest }),
  });

export const MERGE_REQUEST = "https://git.example.com:8443/acme/tools/web/-/merge_requests/12";
