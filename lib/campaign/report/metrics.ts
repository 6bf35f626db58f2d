/**
 * `metrics.txt`: the campaign as OpenMetrics text.
 *
 * @module
 */
import { type Family, renderFamilies, single } from "../../report/metric_families.ts";
import { CAMPAIGN_STATES } from "../verdicts.ts";
import type { CampaignView, ItemView } from "../view.ts";
import { instantMs } from "../../result/times.ts";
import { STUCK_CAUSES } from "../pulls/stuck.ts";
import { hasEnded, runMs, STATES } from "./words.ts";

/** One that was not read counts as that, and as nothing else. */
function pullRequests(items: readonly ItemView[]): Family[] {
  const own = items.filter(({ pullRequest }) => pullRequest !== null);
  const count = (state: string) => own.filter((item) => (item.pullRequestState?.state ?? "not-read") === state).length;
  const states = ["open", "merged", "closed", "unreadable", "not-read"];
  return [
    {
      name: "pull_requests",
      help: "Pull requests by state.",
      samples: states.map((state) => [{ state }, count(state)] as const),
    },
    {
      name: "pull_requests_stuck",
      help: "Items whose pull request waits for what does not come by itself, by cause.",
      samples: STUCK_CAUSES.map((cause) => [{ cause }, items.filter(({ stuck }) => stuck === cause).length] as const),
    },
  ];
}

function progress({ campaign, state, counts, items, causes, waves, exitCode }: CampaignView): Family[] {
  return [
    { name: "info", help: "Which campaign this is; always 1.", samples: [[{ campaign }, 1]] },
    {
      name: "state",
      help: "1 for the state that the campaign has, 0 for all others.",
      samples: CAMPAIGN_STATES.map((each) => [{ state: each }, each === state ? 1 : 0]),
    },
    {
      name: "items",
      help: "Items by verdict, or by state when they have none.",
      samples: STATES.map((verdict) => [{ verdict }, counts[verdict]]),
    },
    single(
      "causes",
      "Different causes among the items without a good end.",
      causes.filter(({ stuck }) => stuck === null).length,
    ),
    ...pullRequests(items),
    single("starts", "Starts that were sent.", items.reduce((sum, item) => sum + item.starts, 0)),
    single("attempts", "Starts that counted as attempts.", items.reduce((sum, item) => sum + item.attempts, 0)),
    single("waves", "Waves so far.", waves),
    single("exit_code", "Exit code that belongs to the campaign now.", exitCode),
  ];
}

function quotas({ quota: { minute, hour, day, sandboxes } }: CampaignView): Family[] {
  const windows = { minute, hour, day };
  const samples = (value: "used" | "limit") =>
    Object.entries(windows).map(([window, quota]) => [{ window }, quota[value]] as const);
  return [
    { name: "quota_starts_used", help: "Starts in the last minute, hour and day.", samples: samples("used") },
    { name: "quota_starts_limit", help: "Starts that the service permits.", samples: samples("limit") },
    single("quota_sandboxes_used", "Sandboxes in use, where they were read.", sandboxes.used),
    single("quota_sandboxes_limit", "Sandboxes that the service permits.", sandboxes.limit),
  ];
}

function times(view: CampaignView): Family[] {
  const nowMs = instantMs(view.at) ?? 0;
  const ended = view.items.filter(hasEnded).flatMap((item) => runMs(item, nowMs) ?? []);
  const seconds = (name: string, help: string, ms: number | null): Family => ({
    ...single(name, help, ms === null ? null : ms / 1_000),
    unit: "seconds",
  });
  const mean = ended.length === 0 ? null : Math.round(ended.reduce((sum, ms) => sum + ms, 0) / ended.length);
  return [
    seconds("run_mean_seconds", "Mean time of the runs that have ended.", mean),
    seconds("next_wave_timestamp_seconds", "When the next wave is due, since 1970.", instantMs(view.nextWaveAt)),
    seconds("end_timestamp_seconds", "Earliest end, since 1970.", instantMs(view.endsAt)),
  ];
}

/**
 * Renders the metrics: `mogplex_campaign_…`. Unknown values are left out. No label holds an id, a repository or the round: each value
 * would be a new series.
 *
 * @param view View after `cleanCampaign`.
 */
export function renderCampaignMetrics(view: CampaignView): string {
  return renderFamilies([...progress(view), ...quotas(view), ...times(view)], "mogplex_campaign");
}
