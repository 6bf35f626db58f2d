import * as z from "zod/mini";
import { UsageError } from "../../errors.ts";
import { ownFields } from "../../lookup.ts";
import { readSchemaFile } from "../../result/schema_file.ts";
import { sha256Hex } from "../../sha256.ts";
import { parseDuration } from "../../text/duration.ts";
import { unknownHarness } from "../../service/validate.ts";
import type {
  CampaignFile,
  MergeRules,
  Place,
  ReadCampaign,
  RepositoryEntry,
  StartWindow,
  Threshold,
} from "./campaign_file.ts";
import { type CheckedTree, reportAmbiguous, reportIssues } from "./issues.ts";
import {
  EntryReader,
  type FileIo,
  Includes,
  MAX_FILE_BYTES,
  MISSING,
  readText,
  reportItems,
  type StdinRule,
  type TaskText,
  textsOf,
} from "./items.ts";
import { CampaignFileError, excerpt, MistakeList } from "./mistakes.ts";
import { placeholderProblem } from "./placeholders.ts";
import { treeOf } from "./object.ts";
import { fileHome, freeVariable, parseWindow, webhookVariable } from "./rules.ts";
import { type CampaignInput, campaignSchema } from "./schema.ts";
import { dataOf, keyStartAt, nodeAt, parseText, type ScalarNode, Source, textAt } from "./syntax.ts";

export interface ReadCampaignOptions {
  allowOutside?: boolean | undefined;
  /** Name of a variable that can hold the webhook's address even if the name does not begin with `CAMPAIGN_` or `MOGPLEX_WEBHOOK`. */
  webhookVariable?: string | undefined;
  stdin?: StdinRule | undefined;
  purpose?: ReadPurpose | undefined;
}

/**
 * - `all`: for a plan or a wave.
 * - `task`: like `all`, but accepts any free name for the webhook's variable, because nothing is sent to the webhook.
 * - `compare`: like `task`, but without the list of repositories.
 * - `place`: only to find the campaign's home. The files that the campaign names are not read, and the hash covers only the campaign file.
 */
export type ReadPurpose = "all" | "task" | "compare" | "place";

const NOTHING: RestOfFile = {
  result: undefined,
  skippedStdin: true,
  exclude: [],
  repositories: [],
  variables: {},
  prompt: "",
};

export async function readCampaignFile(
  path: string,
  io: FileIo,
  options: ReadCampaignOptions = {},
): Promise<ReadCampaign> {
  const mistakes = new MistakeList();
  const whole = readText(io, path, MAX_FILE_BYTES);
  if (!whole.ok) throw unreadFile(path, whole);
  const source = new Source(path, whole.text);
  const { root, brokenFrom } = parseText(source, mistakes);
  if (root === undefined) throw mistakes.error(path);
  return await readTree({ source, root, brokenFrom }, { path, text: whole.text }, mistakes, io, options);
}

function unreadFile(path: string, { problem, why = problem }: { problem: string; why?: string }): CampaignFileError {
  const mistake = { file: path, line: 1, column: 1, key: "", message: problem };
  const parts = problem === MISSING
    ? {
      attempted: "read campaign file",
      why: "it does not exist",
      value: excerpt(path),
      advice: "check the path, or create the file with `campaign new`",
    }
    : { attempted: `read campaign file ${excerpt(path)}`, why };
  return new CampaignFileError(path, [mistake], 0, parts);
}

export async function readCampaignObject(
  value: unknown,
  io: FileIo,
  options: ReadCampaignOptions = {},
): Promise<ReadCampaign> {
  const mistakes = new MistakeList();
  const tree = treeOf(value, mistakes);
  return await readTree(tree, { path: null, text: JSON.stringify(dataOf(tree.root), inOrder) }, mistakes, io, options);
}

/** Sorts the keys for `JSON.stringify`, so that their order in a script does not change the hash. */
function inOrder(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1));
}

async function readTree(
  tree: CheckedTree,
  { path, text }: { path: string | null; text: string },
  mistakes: MistakeList,
  io: FileIo,
  { allowOutside = false, stdin = "refuse", webhookVariable, purpose = "all" }: ReadCampaignOptions,
): Promise<ReadCampaign> {
  const { root, brokenFrom } = tree;
  const checked = z.safeParse(campaignSchema(), dataOf(root));
  const issues = checked.success ? [] : checked.error.issues;
  reportIssues(issues, tree, mistakes);
  reportAmbiguous(tree, mistakes);
  // After a syntax error, the task and the list may have been parsed wrongly, so they are not checked.
  if (brokenFrom < Infinity || root.kind !== "map") throw mistakes.error(path);
  const includes = new Includes(path, io, allowOutside);
  // Only `all` restricts the variable to the permitted names, because only a wave sends messages to the webhook.
  const permitted = purpose === "all" ? webhookVariable : textAt(root, ["notify", "webhook-variable"]);
  const rest = purpose === "place"
    ? NOTHING
    : await readRest(tree, issues, { io, includes, stdin, webhookVariable: permitted, purpose }, mistakes);
  if (!mistakes.empty || !checked.success) throw mistakes.error(path);
  const texts = [...includes.texts];
  return {
    file: fileOf(checked.data, rest, rest.repositories, rest.exclude),
    hash: sha256Hex(JSON.stringify([text, ...texts])),
    includes: texts.map(([included]) => included),
    skippedStdin: rest.skippedStdin,
  };
}

interface RestOfFile extends Pick<CampaignFile, "exclude" | "repositories" | "variables" | "prompt"> {
  result: string | undefined;
  skippedStdin: boolean;
}

async function readRest(
  tree: CheckedTree,
  issues: readonly z.core.$ZodIssue[],
  { io, includes, stdin, webhookVariable, purpose }: {
    io: FileIo;
    includes: Includes;
    stdin: StdinRule;
    webhookVariable: string | undefined;
    purpose: ReadPurpose;
  },
  mistakes: MistakeList,
): Promise<RestOfFile> {
  reportRelations(tree, mistakes, webhookVariable);
  const { root } = tree;
  /** Replaces text that has mistakes with harmless text, so that one mistake does not cause others. */
  function goodText(key: string): string {
    return issues.some(({ path }) => path[0] === key) ? "x" : textAt(root, [key]) ?? "x";
  }
  const prompt = taskText(tree, "prompt");
  const fromFile = promptFileText(tree, includes, mistakes);
  const result = resultSchemaText(tree, includes, mistakes);
  const variables = textsOf(nodeAt(root, ["variables"]));
  if (purpose === "compare") return { ...NOTHING, result, variables, prompt: (prompt ?? fromFile)?.text ?? "" };
  const reader = new EntryReader(tree, includes, mistakes);
  const exclude = reader.exclude();
  const wrong = new Set(issues.filter(({ path }) => path[0] === "repositories").map(({ path }) => path[1]));
  const repositories = await reader.repositories(wrong, io, stdin);
  const texts = [
    taskText(tree, "title"),
    prompt ?? fromFile,
    taskText(tree, "branch"),
    taskText(tree, "on-failed-checks.prompt"),
  ];
  const names = repositories.flatMap((entry) => entry.kind === "repository" ? [entry] : []);
  const replaceable = [
    ...texts.filter((text) => text !== undefined),
    ...names.map(({ repo, place }) => ({ text: repo, place, key: "repositories" })),
  ];
  for (const { text, place, key } of replaceable) {
    const problem = placeholderProblem(text);
    if (problem !== undefined) mistakes.add(place, key, problem);
  }
  reportItems({
    campaign: goodText("name"),
    round: textAt(root, ["round"]) === undefined ? "" : goodText("round"),
    variables,
    texts: texts.filter((text) => text !== undefined),
    entries: repositories,
    entryVariables: reader.variableNames,
  }, mistakes);
  const { skippedStdin } = reader;
  return { result, skippedStdin, exclude, repositories, variables, prompt: (prompt ?? fromFile)?.text ?? "" };
}

function taskText({ root, source }: CheckedTree, key: TaskText["key"]): TaskText | undefined {
  const node = nodeAt(root, key.split("."));
  if (node?.kind !== "scalar" || typeof node.value !== "string") return undefined;
  const text = node.value;
  return {
    key,
    text,
    place: source.placeAt(node.start),
    placeOf: (offset, length) => placeInside(source, node, text, offset, length),
  };
}

function placeInside(
  source: CheckedTree["source"],
  node: ScalarNode,
  text: string,
  offset: number,
  length: number,
): Place {
  const whole = source.placeAt(node.start);
  if ("key" in whole) return { ...whole, offset };
  const wanted = text.slice(offset, offset + length);
  let at = source.text.indexOf(wanted, node.start);
  for (let before = text.indexOf(wanted); before >= 0 && before < offset && at >= 0;) {
    before = text.indexOf(wanted, before + 1);
    at = source.text.indexOf(wanted, at + 1);
  }
  return at < 0 || at >= node.end ? whole : source.placeAt(at);
}

function promptFileText(tree: CheckedTree, includes: Includes, mistakes: MistakeList): TaskText | undefined {
  const node = nodeAt(tree.root, ["prompt-file"]);
  if (node?.kind !== "scalar" || typeof node.value !== "string") return undefined;
  const result = includes.read(node.value, MAX_FILE_BYTES);
  const place = tree.source.placeAt(node.start);
  if (!result.ok) {
    mistakes.add(place, "prompt-file", result.problem);
    return undefined;
  }
  const source = new Source(result.path, result.text);
  return { key: "prompt", text: result.text, place: source.placeAt(0), placeOf: (offset) => source.placeAt(offset) };
}

function resultSchemaText(tree: CheckedTree, includes: Includes, mistakes: MistakeList): string | undefined {
  const node = nodeAt(tree.root, ["result", "schema"]);
  if (node?.kind !== "scalar" || typeof node.value !== "string") return undefined;
  const file = includes.read(node.value, MAX_FILE_BYTES);
  const place = tree.source.placeAt(node.start);
  const refuse = (problem: string) => mistakes.add(place, "result.schema", problem);
  if (!file.ok) {
    refuse(file.problem);
    return undefined;
  }
  try {
    return JSON.stringify(readSchemaFile(file.text, file.path));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const { value, why, advice } = error;
    refuse([`${value ?? file.path}: ${why}`, ...advice === null ? [] : [advice]].join("; "));
    return undefined;
  }
}

function mergeRulesOf(rules: NonNullable<CampaignInput["merge"]>): MergeRules {
  const { after, method, update, "at-most": atMost, "without-checks": withoutChecks } = ownFields(rules);
  const afterMs = parseDuration(String(after)) ?? 0;
  return { afterMs, atMost: atMost ?? null, method: method ?? null, update, withoutChecks };
}

function fileOf(
  read: CampaignInput,
  task: { prompt: string; variables: CampaignFile["variables"]; result: string | undefined },
  repositories: readonly RepositoryEntry[],
  exclude: readonly string[],
): CampaignFile {
  const input = ownFields(read);
  const { success, canary, merge, notify, "on-failed-checks": checks, "pull-requests": pulls } = input;
  const [agent, limits] = [ownFields(input.agent), ownFields(input.limits)];
  const timeout = limits["run-timeout"];
  const threshold = limits["stop-after-failures"];
  return {
    name: input.name,
    round: input.round,
    home: input.home ?? null,
    title: input.title ?? null,
    prompt: task.prompt.trim(),
    variables: task.variables,
    repositories,
    exclude,
    agent: { harness: agent.harness, mode: agent.mode ?? null },
    branch: input.branch ?? null,
    ...(input.result !== undefined && { result: { path: input.result.path, schema: task.result ?? "" } }),
    success: { require: success.require, acceptUnchanged: success["accept-unchanged"] },
    limits: {
      parallel: limits.parallel,
      attempts: limits.attempts,
      runTimeoutMs: parseDuration(String(timeout)) ?? 0,
      stopAfterFailures: threshold === undefined ? null : numberOrShare(threshold),
      openPullRequests: limits["open-pull-requests"] ?? null,
    },
    onFailedChecks: checks === undefined ? null : { prompt: checks.prompt.trim(), attempts: checks.attempts },
    pullRequests: pulls === undefined ? null : { reviewers: pulls.reviewers, labels: pulls.labels },
    merge: merge === undefined ? null : mergeRulesOf(merge),
    notPeople: input["not-people"],
    canary: canary === undefined ? null : { size: canary.size, gate: canary.gate },
    windows: windowsOf(input.windows),
    notify: notify === undefined
      ? null
      : { variable: notify["webhook-variable"], host: notify.host.toLowerCase(), format: notify.format, on: notify.on },
  };
}

function numberOrShare(value: string | number): Threshold {
  return typeof value === "number"
    ? { kind: "count", count: value }
    : { kind: "share", share: Number(value.slice(0, -1)) / 100 };
}

function windowsOf(texts: readonly string[]): StartWindow[] {
  return texts.flatMap((text) => {
    const result = parseWindow(text);
    return result.ok ? [result.window] : [];
  });
}

export function readFileHome(path: string, io: FileIo): string | null {
  const whole = readText(io, path, MAX_FILE_BYTES);
  if (!whole.ok || !/\bhome\b/.test(whole.text)) return null;
  const { root } = parseText(new Source(path, whole.text), new MistakeList());
  const home = root === undefined ? undefined : textAt(root, ["home"]);
  return home === undefined || fileHome(home) !== undefined ? null : home;
}

/** The service identifies GitHub repositories by `owner/name`, so an address on this host needs no note. */
const KNOWN_HOST = "github.com";

export function campaignNotes({ agent, repositories }: CampaignFile): string[] {
  const harness = unknownHarness(agent.harness);
  const hosts = new Set(repositories.flatMap((entry) => entry.kind === "repository" ? entry.host ?? [] : []));
  hosts.delete(KNOWN_HOST);
  return [
    ...harness === undefined ? [] : [harness],
    ...hosts.size === 0 ? [] : [
      `the service identifies repositories by name, so it ignores the host in an address (${[...hosts].join(", ")})`,
    ],
  ];
}

/** Keys whose text can contain `#12`, which begins a comment in an unquoted value. */
const SENTENCES: readonly string[] = ["title", "prompt"];

function reportRelations(tree: CheckedTree, mistakes: MistakeList, webhook: string | undefined): void {
  const { root, source } = tree;
  reportCutTexts(tree, mistakes);
  function add(path: readonly string[], message: string): void {
    const start = nodeAt(root, path)?.start ?? 0;
    mistakes.add(source.placeAt(start), path.join("."), message);
  }

  const prompt = keyStartAt(root, ["prompt"]);
  const promptFile = keyStartAt(root, ["prompt-file"]);
  if (prompt === undefined && promptFile === undefined) {
    mistakes.add(source.placeAt(0), "prompt", "it is missing; give the task as prompt or as prompt-file");
  } else if (prompt !== undefined && promptFile !== undefined) {
    const [second, key] = prompt > promptFile ? [prompt, "prompt"] : [promptFile, "prompt-file"];
    mistakes.add(source.placeAt(second), key, "prompt and prompt-file cannot be used together; remove one of them");
  }

  const variable = textAt(root, ["notify", "webhook-variable"]);
  const wrong = variable === undefined || freeVariable(variable) !== undefined ? undefined : webhookVariable(
    variable,
    webhook,
    source.text === "" ? `the option webhookVariable: ${excerpt(variable)}` : `--webhook-variable ${variable}`,
  );
  if (wrong !== undefined) add(["notify", "webhook-variable"], wrong);

  const harness = textAt(root, ["agent", "harness"]);
  const mode = textAt(root, ["agent", "mode"]);
  const unverified = nodeAt(root, ["agent", "unverified"]);
  const isPermitted = unverified?.kind === "scalar" && unverified.value === true;
  const unknown = isPermitted ? undefined : unknownHarness(harness);
  if (unknown !== undefined) {
    add(["agent", "harness"], `${unknown} ("unverified: true" next to it allows any name)`);
  }
  if (harness === "mogplex" && mode !== undefined) {
    add(["agent", "mode"], 'the harness "mogplex" has no modes; remove the key');
  }
  const require = textAt(root, ["success", "require"]);
  if (require !== "changes" && require !== "pull-request") return;
  if (harness === "mogplex") {
    const why = `it is ${excerpt(require)}, which cannot be verified with the harness "mogplex"`;
    add(
      ["success", "require"],
      `${why}: its runs do not report what they changed; write run, or choose another harness`,
    );
  } else if (mode === "SAFE") {
    const why = `it is ${excerpt(require)}, which no run produces in mode SAFE`;
    add(
      ["success", "require"],
      `${why}: the agent changes nothing in that mode; write run, or choose the mode AUTO or YOLO`,
    );
  }
}

function reportCutTexts({ root, source }: CheckedTree, mistakes: MistakeList): void {
  for (const key of SENTENCES) {
    const node = nodeAt(root, [key]);
    if (node?.kind !== "scalar" || !node.plain) continue;
    const comment = /^[ \t]+(#\S+)/.exec(source.text.slice(node.end, node.end + 100))?.[1];
    if (comment === undefined) continue;
    const message = `${
      excerpt(comment)
    } is read as a comment; put the whole text in quotes, or write a space after "#"`;
    mistakes.add(source.placeAt(source.text.indexOf("#", node.end)), key, message);
  }
}
