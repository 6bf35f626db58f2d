// deno-lint-ignore-file no-console -- it prints the history
// Prints a history of the last 12 weeks, so that you can see the dashboard before any job has written a history.
//
//   node sample-history.mjs >sample.ndjson
//
// The repositories, runs and pull requests are invented. The lines have the fields of docs/history.md.

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const nowMs = Date.now();

// The same sequence each time. Source: Lehmer, "Minimal standard" generator.
let state = 20_261;
function random() {
  state = state * 48_271 % 2_147_483_647;
  return state / 2_147_483_647;
}

const FAILURES = [
  ["Agent run exited with code 1", "3 tests still fail: cart.test.ts, checkout.test.ts, login.test.ts"],
  ["Agent run exited with code 1", "npm ERR! ERESOLVE could not resolve the dependency tree"],
  ["The branch could not be pushed: it is protected", null],
];
const NO_SANDBOX = "Cannot start an agent: no sandbox was free within 1 h 11 min (Too many active sandboxes)";

let count = 0;

/** Prints a run that ended some days ago. @param outcome `success`, `failed` or `not_started`. */
function print(repository, daysAgo, outcome, { job = null, title = null, task = null, campaign = null, minutes }) {
  count++;
  const endedMs = nowMs - daysAgo * DAY_MS;
  const tookMs = outcome === "not_started" ? null : Math.round(minutes * 60_000 * (0.6 + random()));
  const [why, line] = FAILURES[Math.floor(random() * FAILURES.length)];
  const opensPull = outcome === "success" && random() < 0.7;
  console.log(JSON.stringify({
    ...{ schemaVersion: 1, kind: "run", at: new Date(endedMs).toISOString() },
    runId: `5a3b1e00-0000-4000-8000-${String(count).padStart(12, "0")}`,
    ...{ job, repoId: null, repository, harness: campaign === null ? "codex" : null, task, title, outcome },
    exitCode: { success: 0, failed: 1, not_started: 75 }[outcome],
    reason: { success: null, failed: why, not_started: NO_SANDBOX }[outcome],
    lastLine: outcome === "failed" ? line : null,
    ...{ jobUrl: campaign === null ? `https://ci.example.com/${repository}/jobs/${count}` : null, tookMs },
    ...{ durationMs: (tookMs ?? HOUR_MS) + 20_000, requests: 40, key: null, endedAt: new Date(endedMs).toISOString() },
    pullRequest: opensPull ? `https://github.com/${repository}/pull/${100 + count}` : null,
    campaign,
    mention: false,
  }));
}

/**
 * Prints the runs of a scheduled job.
 * @param everyDays Days between two runs. @param until Days since its last run.
 * @param rate Function of the days since a run that returns its success rate.
 */
function printJob(repository, { job, title, task, everyDays, until = 0.2, minutes, rate }) {
  for (let days = 83; days > until; days -= everyDays) {
    const luck = random();
    const outcome = luck < rate(days) ? "success" : luck > 0.985 ? "not_started" : "failed";
    print(repository, days - random() / 24, outcome, { job, title, task, minutes: minutes * (1 + days / 200) });
  }
}

const nightly = { job: "mogplex-nightly", title: "Fix the flaky tests", task: "9f2c1d07b3a4e586" };
const updates = { job: "mogplex-updates", title: "Update the dependencies", task: "1b7e40c2d95f8a36" };

printJob("acme/web", { ...nightly, everyDays: 1, minutes: 9, rate: () => 0.9 });
printJob("acme/web", { ...updates, everyDays: 7, minutes: 14, rate: () => 0.85 });
printJob("acme/api", { ...nightly, everyDays: 1, minutes: 12, rate: (days) => days > 40 ? 0.7 : 0.9 });
// Its success rate has dropped.
printJob("acme/mobile", { ...nightly, everyDays: 0.5, minutes: 18, rate: (days) => days < 8 ? 0.45 : 0.85 });
printJob("acme/docs", {
  ...{ job: "mogplex-links", title: "Repair the broken links", task: "c03d5e91f7a2846b" },
  ...{ everyDays: 3.5, minutes: 4, rate: () => 0.97 },
});
// Its schedule has stopped: the last run failed 10 days ago.
printJob("acme/billing", { ...nightly, everyDays: 1, until: 10.5, minutes: 11, rate: () => 0.85 });
print("acme/billing", 10, "failed", { ...nightly, minutes: 11 });
for (let index = 1; index <= 24; index++) {
  const outcome = index % 8 === 0 ? "failed" : "success";
  const repository = `acme/service-${String(index).padStart(2, "0")}`;
  print(repository, 20 - index / 8, outcome, { campaign: "node-24", minutes: 7 });
}
