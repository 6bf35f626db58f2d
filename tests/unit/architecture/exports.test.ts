import { expect, test } from "bun:test";
import { dirname, join, normalize } from "node:path";
import { ACTION, PROGRAMS } from "../../../tools/build/bundle.ts";
import { sources, textOf, withoutComments } from "./imports.ts";

const ENTRIES = PROGRAMS.map(({ entry }) => entry);

/** Built files that a hand-written file imports, and the entry that each is made of. */
const BUILT: Readonly<Record<string, string>> = { "action/main.mjs": ACTION.entry };

/** Files whose imports are a reason to export. */
const USERS = ["mod.ts", "campaigns.ts", "testing.ts", "action/post.mjs", ...sources("lib")];

/** The exported values of a text: no types, and nothing that another file exports. */
function exportedValues(text: string): string[] {
  const plain = withoutComments(text);
  const declared = plain.matchAll(/^export (?:async )?(?:const|let|function\*?|(?:abstract )?class|enum) (\w+)/gm);
  const listed = plain.matchAll(/^export \{([^}]*)\};/gm);
  return [
    ...[...declared].map(([, name = ""]) => name),
    ...[...listed].flatMap(([, names = ""]) => namesIn(names)).filter((name) => !name.startsWith("type ")),
  ];
}

/** The names in the braces of an import or export, as the other file calls them; a type with the word `type` before it. */
function namesIn(braces: string): string[] {
  return braces.split(",").map((part) => part.trim().split(/\s+as\s+/)[0] ?? "").filter((name) => name !== "");
}

/** What a text takes from other files, also as a type, as `FILE NAME`; `FILE *` for a whole module. */
function takenBy(file: string, text: string): string[] {
  const plain = withoutComments(text);
  const fileOf = (specifier: string) => {
    const path = normalize(join(dirname(file), specifier));
    return BUILT[path] ?? path;
  };
  const lists = plain.matchAll(/^(?:import|export)\s+(?:type\s+)?(?:\*[^;{}]*|\{([^}]*)\})\s*from\s+"(\.[^"]+)"/gm);
  const calls = plain.matchAll(/\bimport\(\s*(?:new URL\(\s*)?"(\.[^"]+)"/g);
  return [
    ...[...lists].flatMap(([, names, specifier = ""]) =>
      (names === undefined ? ["*"] : namesIn(names)).map((name) => `${fileOf(specifier)} ${name.replace("type ", "")}`)
    ),
    ...[...calls].map(([, specifier = ""]) => `${fileOf(specifier)} *`),
  ];
}

/** Whether a program's entry calls it itself. */
function isProgram(file: string, name: string): boolean {
  return name === "main" && ENTRIES.includes(file);
}

/**
 * Values that only tests or tools import, and that are still to be tested through what uses them. Take a name out as soon as its value is
 * not exported any more; put none in.
 */
const LEFT: readonly string[] = [
  "lib/campaign/file/items.ts MAX_TITLE",
  "lib/campaign/file/items.ts linesOf",
  "lib/campaign/file/items.ts parseTemplate",
  "lib/campaign/file/items.ts templateProblems",
  "lib/campaign/file/items.ts variablesIn",
  "lib/campaign/file/schema.ts MAX_VARIABLES",
  "lib/campaign/file/syntax.ts pathBefore",
  "lib/campaign/journal/writer.ts takeNow",
  "lib/campaign/notify.ts bodyFor",
  "lib/campaign/notify.ts plainLines",
  "lib/campaign/verdicts.ts VERDICT_RULES",
  "lib/campaign/pace/forecast.ts roundUp",
  "lib/campaign/pace/forecast.ts runTimes",
  "lib/campaign/pace/forecast.ts schedule",
  "lib/campaign/pace/next_starts.ts SLOT_GUARD_MS",
  "lib/campaign/pace/next_starts.ts freeAt",
  "lib/campaign/pace/poll_plan.ts pollIntervalMs",
  "lib/campaign/pace/windows.ts isOpen",
  "lib/campaign/pace/windows.ts offsetAt",
  "lib/campaign/pace/windows.ts offsetChange",
  "lib/campaign/pipeline/gitlab.ts gateScript",
  "lib/campaign/pipeline/gitlab.ts planScript",
  "lib/campaign/pipeline/gitlab.ts reportScript",
  "lib/campaign/pipeline/gitlab.ts takeOverScript",
  "lib/campaign/pipeline/gitlab.ts watchScript",
  "lib/campaign/pipeline/gitlab.ts waveScript",
  "lib/campaign/pipeline/make_pipeline.ts formatOf",
  "lib/campaign/pipeline/make_pipeline.ts wavePlan",
  "lib/campaign/report/write.ts renderCampaignAnnotations",
  "lib/campaign/report/write.ts renderCampaignCsv",
  "lib/campaign/report/write.ts renderCampaignDotenv",
  "lib/campaign/report/write.ts renderCampaignGithubOutputs",
  "lib/campaign/report/write.ts renderCampaignJson",
  "lib/campaign/report/write.ts renderCampaignJunit",
  "lib/campaign/report/write.ts renderCampaignMetrics",
  "lib/campaign/work/look.ts judgeRun",
  "lib/cli/action/inputs.ts ACTION_INPUTS",
  "lib/cli/action/main.ts actionVocabulary",
  "lib/cli/campaign/campaign_job.ts commandCampaign",
  "lib/cli/campaign/live_campaign.ts campaignLine",
  "lib/cli/campaign/live_campaign.ts changedItems",
  "lib/cli/campaign/live_campaign.ts heartbeatLine",
  "lib/cli/campaign/live_campaign.ts liveTable",
  "lib/cli/component/dashboard.ts DASHBOARD_INPUTS",
  "lib/cli/component/inputs.ts INPUT_PATTERNS",
  "lib/cli/help.ts GROUPS",
  "lib/cli/job/note.ts writeJobNote",
  "lib/cli/log/live_log.ts KEPT_LINES",
  "lib/cli/log/live_log.ts MAX_EVENT_BYTES",
  "lib/cli/log/live_log.ts MAX_KEPT_BYTES",
  "lib/cli/options.ts ON_TIMEOUT_OPTION",
  "lib/cli/options.ts TOKEN_SHARE",
  "lib/cli/setup/completion.ts wordsAfter",
  "lib/cli/setup/recent.ts recentRuns",
  "lib/cli/verbs/doctor.ts checkJob",
  "lib/cli/verbs/doctor_checks.ts OLDEST",
  "lib/report/github_note.ts MAX_COMMENT_CHARACTERS",
  "lib/report/gitlab_note.ts MAX_NOTE_CHARACTERS",
  "lib/report/history.ts MAX_TOLD",
  "lib/report/history.ts quantile",
  "lib/report/history.ts weekOf",
  "lib/report/note.ts NOTE_MS",
  "lib/report/write.ts renderAnnotations",
  "lib/report/write.ts renderDotenv",
  "lib/report/write.ts renderOutputsEnv",
  "lib/run/automation_request.ts droppedInputsWarning",
  "lib/run/cleanup.ts decideCleanup",
  "lib/run/event_file.ts ndjsonLine",
  "lib/run/events.ts idKey",
  "lib/run/result_view.ts nextStep",
  "lib/run/source.ts nextDelay",
  "lib/run/source.ts shareMs",
  "lib/run/source.ts startCadence",
  "lib/run/state.ts isSameJob",
  "lib/run/state.ts stateFolder",
  "lib/run/state.ts stateText",
  "lib/run/stream_source.ts StreamFeed",
  "lib/runtime.ts callOf",
  "lib/script/report.ts scriptRedactor",
  "lib/service/answer.ts parseHttpDate",
  "lib/service/connection.ts DEFAULT_ORIGIN",
  "lib/service/connection.ts checkToken",
  "lib/service/connection.ts parseOrigin",
  "lib/service/memory.ts ProcessMemory",
  "lib/service/memory.ts TokenPace",
  "lib/service/retry.ts MAX_BACKOFF_MS",
  "lib/service/retry.ts backoffMs",
  "lib/service/transport.ts MAX_MESSAGE_LENGTH",
  "lib/service/transport.ts isEventStream",
  "lib/service/transport.ts networkAdvice",
  "lib/service/transport.ts readEventStream",
];

test("every exported value of lib is imported by lib, by the entry of a program, by mod.ts or by testing.ts", () => {
  const taken = new Set(USERS.flatMap((file) => takenBy(file, textOf(file))));
  const values = sources("lib").flatMap((file) => exportedValues(textOf(file)).map((name) => ({ file, name })));
  expect(values.length).toBeGreaterThan(500);
  const idle = values.filter(({ file, name }) =>
    !taken.has(`${file} ${name}`) && !taken.has(`${file} *`) && !isProgram(file, name)
  ).map(({ file, name }) => `${file} ${name}`);
  const advice = "Take the word `export` away, and test the value through what uses it";
  expect(idle.filter((value) => !LEFT.includes(value)), advice).toEqual([]);
  expect(LEFT.filter((value) => !idle.includes(value)), "These are done: take them out of LEFT").toEqual([]);
});

test("takenBy() and exportedValues() know every way to take and to give a value", () => {
  const text = `
import { a, type B, c as d } from "./one.ts";
import type { E } from "./one.ts";
import * as f from "../two.ts";
export { g } from "./three.ts";
export * from "./four.ts";
const h = await import("./five.ts");
void import(new URL("./six.ts", import.meta.url).href);
// import { i } from "./one.ts";
`;
  expect(takenBy("lib/x/file.ts", text)).toEqual([
    "lib/x/one.ts a",
    "lib/x/one.ts B",
    "lib/x/one.ts c",
    "lib/x/one.ts E",
    "lib/two.ts *",
    "lib/x/three.ts g",
    "lib/x/four.ts *",
    "lib/x/five.ts *",
    "lib/x/six.ts *",
  ]);
  expect(takenBy("action/post.mjs", `import { runPost } from "./main.mjs";`)).toEqual([`${ACTION.entry} runPost`]);
  const given = `
export const a = 1;
export async function b() {}
export abstract class C {}
export interface D {}
export type E = string;
export { f, type G };
export { h } from "./one.ts";
`;
  expect(exportedValues(given)).toEqual(["a", "b", "C", "f"]);
});
