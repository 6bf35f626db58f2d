import type { CampaignPlan, WavesForecast } from "../../campaign/campaign_options.ts";
import { internalsWith } from "../../campaign/open_campaign.ts";
import type { CampaignLimit } from "../../campaign/pace/next_starts.ts";
import { planCampaignWith } from "../../campaign/plan/plan_campaign.ts";
import { hasEndedRun, NO_QUOTAS, startsText } from "../../campaign/report/words.ts";
import { areRunsOver } from "../../campaign/view/verdicts.ts";
import type { CampaignItem, CampaignView } from "../../campaign/view/view.ts";
import { EXIT } from "../../exit_codes.ts";
import { timeText } from "../../run/result.ts";
import { formatCount, formatDuration } from "../../text/duration.ts";
import { own, type SafeLine } from "../../text/safe_line.ts";
import type { Context, Verb, VerbFlag } from "../verb.ts";
import { type CampaignPlace, campaignVerb, readPlace, refreshReports } from "./campaign_job.ts";
import { DRY_RUN, FORGE_HOST, JSON_OBJECT, MEAN_RUN, PLACE, SKIP_INVALID } from "./flags.ts";

const DRY_PLAN: VerbFlag = {
  ...DRY_RUN,
  help: "Show what would happen: read the repositories, but start and write nothing",
};

const ALL_PLANNED: VerbFlag = { name: "all", help: "Print every item" };

export const campaignPlanVerb: Verb = campaignVerb("plan", {
  summary: "Freeze the list of repositories, and estimate when the campaign will end; start nothing",
  flags: [PLACE, FORGE_HOST, [SKIP_INVALID, MEAN_RUN, ALL_PLANNED], DRY_PLAN, JSON_OBJECT],
  codes: ["success", "usage", "unauthorized", "forbidden", "unavailable", "internal", "rateLimited"],
  meanings: {
    success: "the plan is written",
    usage: "a mistake in the file; repositories that cannot be used; a list that the service does not return in full",
    rateLimited: "still rate limited (429) after waiting; another process is running in the directory",
  },
  examples: ["mogplex-ci campaign plan campaign.yml", "mogplex-ci campaign plan campaign.yml --dry-run --json"],
  run: plan,
});

async function plan(context: Context): Promise<number> {
  const { flags, option, writer } = context;
  const place = readPlace(context, "campaign plan");
  const dryRun = flags.has(DRY_RUN);
  const options = {
    ...place.options,
    skipInvalid: flags.has(SKIP_INVALID),
    meanRunMs: option(MEAN_RUN),
    dryRun,
  };
  const internals = internalsWith(place.internals, { readsStdin: true });
  const campaignPlan = await planCampaignWith(place.path, options, internals);
  if (!dryRun) await refreshReports(context, place, campaignPlan.view);
  if (flags.has(JSON_OBJECT)) {
    writer.json(writer.clean({ dryRun, ...campaignPlan }));
    return EXIT.success;
  }
  const basis = basisText(campaignPlan.view, options.meanRunMs !== undefined);
  const lines = planText(campaignPlan, { all: flags.has(ALL_PLANNED), dryRun, basis });
  writer.out(...writer.broken("stdout", lines.map((line) => indented(context, line)), 4));
  if (!dryRun) writer.out(writer.untrusted(`Wrote ${writtenTo(place)}; nothing was started`));
  return EXIT.success;
}

function writtenTo({ directory, options: { home = "dir" } }: CampaignPlace): string {
  return home === "dir" ? `${directory}/lock.json` : `the plan to branch ${home.slice(home.lastIndexOf("#") + 1)}`;
}

const MAX_NAMES = 10;

function named(label: string, names: readonly string[], all: boolean): string[] {
  if (names.length === 0) return [];
  return [`${label} ${formatCount(names.length, "item")}:`, ...nameLines(names, all)];
}

function nameLines(names: readonly string[], all: boolean): string[] {
  const visibleNames = all ? names : names.slice(0, MAX_NAMES);
  const rest = names.length - visibleNames.length;
  return [...visibleNames.map((name) => `  ${name}`), ...rest > 0 ? [`  and ${rest} more (--all shows them)`] : []];
}

function canaryLines({ view, canaryGate }: CampaignPlan, all: boolean): string[] {
  if (canaryGate === null) return [];
  const canary = view.items.filter((item) => item.canary);
  const begun = canary.filter(({ starts }) => starts > 0).length;
  return [
    `The canary starts first (${formatCount(canary.length, "item")}${begun > 0 ? `, ${begun} already started` : ""}):`,
    ...nameLines(canary.map(({ id }) => id), all),
    canaryGate === "manual"
      ? "Then the campaign waits until somebody runs `campaign approve`"
      : "The others start if the whole canary succeeds; otherwise, the campaign waits until somebody runs `campaign approve`",
  ];
}

function excludedLines(items: readonly CampaignItem[]): string[] {
  const invalid = items.filter(({ verdict }) => verdict === "invalid");
  if (invalid.length === 0) return [];
  return [`${formatCount(invalid.length, "item")} cannot be used:`].concat(
    invalid.slice(0, MAX_NAMES).map(({ repository, reason }) => `  ${repository}: ${reason}`),
  );
}

function endText({ endsAt }: Pick<WavesForecast, "endsAt">, nowMs: number): string {
  return endsAt === null ? "never: no window opens" : timeText(Date.parse(endsAt), nowMs);
}

const HOUR_MS = 60 * 60_000;

function forecastLines(forecasts: readonly WavesForecast[], nowMs: number): string[] {
  const rows = forecasts.map(({ everyMs, waves, computeMinutes, ...end }) => [
    everyMs === 0 ? "one long process" : `waves every ${everyMs === HOUR_MS ? "hour" : formatDuration(everyMs)}`,
    endText(end, nowMs),
    everyMs === 0 ? "the whole time" : `${formatDuration(computeMinutes * 60_000)}, ${formatCount(waves, "wave")}`,
  ]);
  const table = [["", "end", "runner time"], ...rows];
  const widths = [0, 1].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  return table.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd());
}

const LIMITS: Readonly<Record<CampaignLimit, string>> = {
  minute: "the limit of 10 starts a minute",
  hour: "the limit of 30 starts an hour",
  day: "the limit of 150 starts a day",
  sandboxes: "the limit of 3 sandboxes",
  requests: "the limit of 60 requests a minute",
  refused: "refused starts",
  "user-starts": "the user's limit of starts",
  unanswered: "starts without an answer",
  parallel: "the file's `parallel`",
  "pull-requests": "the file's `open-pull-requests`",
  window: "the file's windows",
  gate: "a gate",
  stopped: "the stop",
  home: "the campaign's branch",
  nothing: "nothing",
};

function lingerLines({ assumedLinger: linger, view }: CampaignPlan, nowMs: number): string[] {
  if (linger === null) {
    return hasEndedRun(view) ? [] : ["These times assume that a sandbox is free as soon as its run has finished."];
  }
  if (linger.endsAt === null) return [];
  const [least, most] = [linger.leastMs, linger.mostMs].map(formatDuration);
  return [
    `A sandbox stays in use for ${least} to ${most} after its run. These times assume ${least}.`,
    `With ${most}, one long process ends at ${endText(linger, nowMs)}.`,
  ];
}

function whyLines(limitedBy: CampaignLimit, endsAtWithout: CampaignPlan["endsAtWithout"], nowMs: number): string[] {
  if (limitedBy === "nothing") return ["No limit delays the campaign: only the runs take time."];
  const rows = endsAtWithout.map((each) => `  without ${LIMITS[each.limit]}: ${endText(each, nowMs)}`);
  return [`The end depends on: ${LIMITS[limitedBy]}`, ...rows];
}

function quotaLine({ quota }: CampaignView): string {
  const text = startsText(quota);
  return text === NO_QUOTAS ? `Starts: ${text}` : `Starts used by this campaign: ${text}`;
}

function basisText(view: CampaignView, isGiven: boolean): string {
  if (hasEndedRun(view)) return "based on finished runs";
  return isGiven ? "as set by --mean-run" : "a guess; set it with --mean-run";
}

function planText(
  plan: CampaignPlan,
  { all, dryRun, basis }: { all: boolean; dryRun: boolean; basis: string },
): string[] {
  const { view, changes, lookup, forecasts, meanRunMs } = plan;
  const nowMs = Date.parse(view.at);
  const round = view.round === "" ? "" : `, round ${view.round}`;
  const left = (["invalid", "skipped"] as const).filter((verdict) => view.counts[verdict] > 0)
    .map((verdict) => `${view.counts[verdict]} ${verdict}`).join(", ");
  const ms = lookup.durationMs;
  return [
    `Campaign ${view.campaign}${round}: ${formatCount(view.items.length, "item")}${left === "" ? "" : ` (${left})`}${
      dryRun ? "; nothing was written" : ""
    }`,
    `Read with ${formatCount(lookup.requests, "request")} in ${formatDuration(ms)}`,
    ...named("Added", changes.added, all),
    ...named("Skipped, no longer in the list:", changes.skipped, all),
    ...named("No longer in the list, but already started, so they continue:", changes.kept, all),
    ...excludedLines(view.items),
    ...canaryLines(plan, all),
    ...changes.notes.map((note) => `Note: ${note}`),
    "",
    ...(areRunsOver(view.state) ? [`The campaign is ${view.state}: nothing is left to start`] : [
      `Earliest end, if a run takes ${formatDuration(meanRunMs)} (${basis}):`,
      ...forecastLines(forecasts, nowMs),
      ...lingerLines(plan, nowMs),
      ...plan.canaryGate === "manual" ? ["These times do not include the wait for approval after the canary."] : [],
      ...whyLines(plan.limitedBy, plan.endsAtWithout, nowMs),
    ]),
    quotaLine(view),
  ];
}

function indented({ writer }: Context, line: string): SafeLine {
  const { length } = /^ */.exec(line)?.[0] ?? "";
  return own`${own``.padEnd(length)}${writer.untrusted(line)}`;
}
