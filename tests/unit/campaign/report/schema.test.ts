import { expect, test } from "bun:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { readFileSync } from "node:fs";
import { cleanCampaign } from "../../../../lib/campaign/report/clean.ts";
import { CAMPAIGN_FORMATS } from "../../../../lib/campaign/report/write.ts";
import type { CampaignLimit } from "../../../../lib/campaign/pace/next_starts.ts";
import { STATES } from "../../../../lib/campaign/report/words.ts";
import { CAMPAIGN_STATES } from "../../../../lib/campaign/view/verdicts.ts";
import type {
  CampaignAbout,
  CampaignItem,
  CampaignView,
  CauseGroup,
  QuotaView,
} from "../../../../lib/campaign/view/view.ts";
import { CORPUS } from "../../hostile/corpus.ts";
import { anItem, everyVerdict, hostileView, mixedView, unlimited, viewOf } from "./sample_view.ts";

interface Schema {
  required?: string[];
  properties?: Record<string, Schema>;
  items?: Schema;
  enum?: unknown[];
  description?: string;
  $ref?: string;
}

const schema: Schema = JSON.parse(
  readFileSync(`${import.meta.dirname}/../../../../schema/campaign-report.schema.json`, "utf8"),
);
const validate = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true }).compile(schema);

function written(view: CampaignView): Record<string, unknown> {
  return JSON.parse(CAMPAIGN_FORMATS.json.render(cleanCampaign(view, (text) => text, (text) => text)));
}

function problems(view: CampaignView) {
  validate(written(view));
  return validate.errors ?? [];
}

// The compiler demands every field of the types here, and refuses every other one.
type Fields<T> = Record<keyof T, true>;
const VIEW: Fields<CampaignView> = {
  schema: true,
  campaign: true,
  round: true,
  state: true,
  stateReason: true,
  gatedAt: true,
  gateReason: true,
  canaryGate: true,
  mergesStopped: true,
  counts: true,
  items: true,
  causes: true,
  merging: true,
  pending: true,
  quota: true,
  pendingCancels: true,
  waves: true,
  lastError: true,
  writer: true,
  nextWaveAt: true,
  waitingFor: true,
  endsAt: true,
  endsAtIfApproved: true,
  exitCode: true,
  at: true,
  about: true,
};
/** Fields that a view may lack. */
const OPTIONAL: readonly string[] = [
  "agent",
  "file",
  "gateReason",
  "canaryGate",
  "about",
  "pendingCancels",
  "title",
  "files",
  "lastLines",
  "renamed",
  "skippedBy",
  "result",
  "unchecked",
  "gatedAt",
  "mergesStopped",
  "endsAtIfApproved",
  "decisions",
  "merge",
  "merging",
  "pending",
];
const ITEM: Fields<CampaignItem> = {
  id: true,
  repository: true,
  renamed: true,
  baseBranch: true,
  root: true,
  verdict: true,
  isFinal: true,
  reason: true,
  skippedBy: true,
  starts: true,
  attempts: true,
  runId: true,
  branch: true,
  pullRequest: true,
  pullRequestState: true,
  merge: true,
  files: true,
  lastLines: true,
  result: true,
  unchecked: true,
  stuck: true,
  startedAt: true,
  endedAt: true,
  canary: true,
};
const CAUSE: Fields<CauseGroup> = { verdict: true, cause: true, word: true, stuck: true, owners: true, items: true };
const QUOTA: Fields<QuotaView> = { minute: true, hour: true, day: true, sandboxes: true };
const BOUNDS: Record<CampaignLimit, true> = {
  minute: true,
  hour: true,
  day: true,
  sandboxes: true,
  requests: true,
  refused: true,
  "user-starts": true,
  unanswered: true,
  parallel: true,
  "pull-requests": true,
  window: true,
  gate: true,
  stopped: true,
  home: true,
  nothing: true,
};

const ABOUT: Record<keyof CampaignAbout, true> = {
  title: true,
  agent: true,
  file: true,
  fileHash: true,
  plannedAt: true,
  origin: true,
  limits: true,
  windows: true,
  approvals: true,
  decisions: true,
  records: true,
  lastRecordAt: true,
};

test.each<[string, Schema | undefined, Record<string, true>]>([
  ["the view", schema, VIEW],
  ["items", schema.properties?.items?.items, ITEM],
  ["causes", schema.properties?.causes?.items, CAUSE],
  ["quota", schema.properties?.quota, QUOTA],
  ["about", schema.properties?.about, ABOUT],
])("campaign-report.schema.json has every field of %s, described and required, and no other", (_name, part, fields) => {
  expect(Object.keys(part?.properties ?? {})).toEqual(Object.keys(fields));
  expect(part?.required).toEqual(Object.keys(fields).filter((name) => !OPTIONAL.includes(name)));
  for (const [name, { description, $ref }] of Object.entries(part?.properties ?? {})) {
    if (name !== "schema" && $ref === undefined) expect([name, typeof description]).toEqual([name, "string"]);
  }
});

test("campaign-report.schema.json lists the same verdicts, states and bounds as the code", () => {
  const { counts, state, waitingFor, items, causes } = schema.properties ?? {};
  expect(Object.keys(counts?.properties ?? {})).toEqual([...STATES]);
  expect(counts?.required).toEqual([...STATES]);
  expect(items?.items?.properties?.verdict?.enum).toEqual([...STATES]);
  expect(causes?.items?.properties?.verdict?.enum).toEqual([...STATES]);
  expect(state?.enum).toEqual([...CAMPAIGN_STATES]);
  expect(waitingFor?.enum).toEqual([...Object.keys(BOUNDS), null]);
});

test("CAMPAIGN_FORMATS.json.render() keeps to the schema for every size, state, verdict and bound", () => {
  for (const size of [0, 1, 3, 40, 400]) expect(problems(mixedView(size))).toEqual([]);
  expect(problems(everyVerdict())).toEqual([]);
  for (const state of CAMPAIGN_STATES) expect(problems(mixedView(3, { state, stateReason: "because" }))).toEqual([]);
  for (const waitingFor of [...Object.keys(BOUNDS) as CampaignLimit[], null]) {
    expect(problems(mixedView(3, { waitingFor, nextWaveAt: null, endsAt: null }))).toEqual([]);
  }
  expect(problems(mixedView(3, { state: "stopping", pendingCancels: 3 }))).toEqual([]);
  const quota = { ...mixedView(3).quota, sandboxes: { used: null, limit: 3 } };
  expect(problems(mixedView(3, { quota }))).toEqual([]);
  expect(problems(mixedView(3, { quota: unlimited(mixedView(3)) }))).toEqual([]);
});

test("CAMPAIGN_FORMATS.json.render() keeps to the schema whatever the texts are", () => {
  for (const { text } of CORPUS) expect(problems(hostileView(text))).toEqual([]);
});

test("CAMPAIGN_FORMATS.json.render() writes the view as it is, one line for each item and each cause", () => {
  const view = cleanCampaign(viewOf([anItem(1, "failed"), anItem(2, "waiting")]), (text) => text, (text) => text);
  const text = CAMPAIGN_FORMATS.json.render(view);
  expect(JSON.parse(text)).toEqual(view);
  expect(text.split("\n").filter((line) => line.startsWith("    {")).length).toBe(3);
  expect(written(viewOf([])).items).toEqual([]);
});

test("campaign-report.schema.json refuses a wrong type, a missing field, and words that it does not know", () => {
  const good = written(mixedView(3));
  expect(validate(good)).toBe(true);
  const { quota: _quota, ...missing } = good;
  const [item] = good.items as Record<string, unknown>[];
  const changed = [{ schema: 2 }, { state: "great" }, { waitingFor: "rain" }, { exitCode: "0" }, { counts: {} }]
    .concat([{ items: [{ ...item, verdict: "great" }] }, { items: [{ ...item, starts: -1 }] }] as never[]);
  for (const bad of [missing, ...changed.map((fields) => ({ ...good, ...fields }))]) expect(validate(bad)).toBe(false);
});
