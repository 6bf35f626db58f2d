import type { Harness, Mode, OpenWord } from "../../model.ts";
import type { NotifyEvent, NotifyFormat, Place } from "./campaign_file.ts";
import type { CheckedTree } from "./issues.ts";
import { excerpt, type MistakeList } from "./mistakes.ts";
import { keyOf, MAX_DEPTH, type Path, type TreeNode } from "./syntax.ts";

const FILE_KEYS: readonly string[] = [
  "accept-unchanged",
  "at-most",
  "base-branch",
  "exclude-file",
  "not-people",
  "on-failed-checks",
  "open-pull-requests",
  "prompt-file",
  "pull-requests",
  "run-timeout",
  "stop-after-failures",
  "webhook-variable",
  "without-checks",
];

const FILE_KEY = new RegExp(`(?<![\\w-])(?:${FILE_KEYS.join("|")})(?![\\w-])`, "g");

function objectKey(key: string): string {
  return key.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

export function fileKey(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

export function inObjectWords(message: string): string {
  const parts = message.split(/("(?:[^"\\]|\\.)*")/);
  const isKept = (index: number) => index % 2 === 1 && !parts[index - 1]?.endsWith("did you mean ");
  return parts.map((part, index) => isKept(index) ? part : part.replace(FILE_KEY, objectKey)).join("");
}

/**
 * One task for many repositories: the contents of a campaign file, as an object with camelCase keys. Only `name`, `prompt` (or
 * `promptFile`) and `repositories` are required. Paths are relative to the working directory.
 */
export interface CampaignDefinition {
  /** URL of the JSON schema. It has no effect. */
  readonly $schema?: string | undefined;
  /** Version of the format. @default {1} */
  readonly version?: 1 | undefined;
  /** Name of the campaign: 1 to 40 lowercase letters, digits and `-`. It is part of the key of every start. */
  readonly name: string;
  /** Part of the key of every start. A new value starts the same campaign from scratch. @default {""} */
  readonly round?: string | undefined;
  /** Home of the campaign: a directory, or `git:origin#BRANCH`. The `home` option takes precedence. */
  readonly home?: string | undefined;
  /** Template for the first line of the prompt, which the service uses as the title of pull requests. */
  readonly title?: string | undefined;
  /** The task, as a template that can contain variables such as `{{ repository.name }}`. @default the text of `promptFile` */
  readonly prompt?: string | undefined;
  /** Path of a file with the task. */
  readonly promptFile?: string | undefined;
  /** Values for templates, by name. @default {{}} */
  readonly variables?: Readonly<Record<string, string>> | undefined;
  /**
   * The repositories. An entry is a name, an id, a repository with its own branch and directory, a query for all names with a prefix, or a file with
   * one repository per line.
   */
  readonly repositories: readonly CampaignRepository[];
  /** Globs of names to leave out. @default {[]} */
  readonly exclude?: readonly string[] | undefined;
  /** Path of a file with more globs. */
  readonly excludeFile?: string | undefined;
  /** The agent. @default {{ harness: "codex" }} */
  readonly agent?: {
    /** Harness of the agent. A name that this version does not recognize requires `unverified`. @default {"codex"} */
    readonly harness?: OpenWord<Harness> | undefined;
    /** How much the agent may do. @default the service decides */
    readonly mode?: Mode | undefined;
    /** Permits a harness that this version does not recognize. @default {false} */
    readonly unverified?: boolean | undefined;
  } | undefined;
  /** A file in which each run stores its result, as JSON that must match a schema. See docs/results.md. @default none */
  readonly result?: {
    /** Path in the repository. It must contain `{id}`. @default {".mogplex/result-{id}.json"} */
    readonly path?: string | undefined;
    /** Path of the JSON Schema, in JSON or YAML format. */
    readonly schema: string;
  } | undefined;
  /** Template for the names of the working branches. @default names that the service chooses */
  readonly branch?: string | undefined;
  /** What makes a run a success. @default {{ require: "run", acceptUnchanged: false }} */
  readonly success?: {
    readonly require?: "run" | "changes" | "pull-request" | undefined;
    readonly acceptUnchanged?: boolean | undefined;
  } | undefined;
  /**
   * Limits: `parallel` from 1 to 3, `attempts` from 1 to 10, `runTimeout` from a minute to a day.
   * @default {{ parallel: 3, attempts: 1, runTimeout: "60m" }}
   */
  readonly limits?: {
    /** Maximum number of runs at the same time: from 1 to 3, because a user has three sandboxes. */
    readonly parallel?: number | undefined;
    /** Maximum number of attempts for an item: from 1 to 10. */
    readonly attempts?: number | undefined;
    /** Maximum duration of a run, from `"1m"` to `"24h"`; a number is in seconds, from 60 to 86,400. */
    readonly runTimeout?: number | string | undefined;
    /** Nothing more is started after this number of failed items, from 1 to 20,000, or this share of the finished items, such as `"20%"`. */
    readonly stopAfterFailures?: number | string | undefined;
    /** Maximum number of open pull requests of the campaign: from 1 to 10,000. */
    readonly openPullRequests?: number | undefined;
  } | undefined;
  /** The first items, which must finish before the others start. `size` is from 1 to 1,000. */
  readonly canary?: { readonly size: number; readonly gate?: "automatic" | "manual" | undefined } | undefined;
  /** Times of the week when runs can start. @default {[]} (always) */
  readonly windows?: readonly string[] | undefined;
  /** A run that fixes the failed checks of a pull request. `attempts` is from 1 to 10 for each pull request. */
  readonly onFailedChecks?: { readonly prompt: string; readonly attempts?: number | undefined } | undefined;
  /** Reviewers and labels that are added to each pull request once, when it is found. @default none */
  readonly pullRequests?: {
    /** Names of people, `team:NAME` for a team, or `codeowners` for the owners of the changed files according to the target branch. @default {[]} */
    readonly reviewers?: readonly string[] | undefined;
    /** Labels. @default {[]} */
    readonly labels?: readonly string[] | undefined;
  } | undefined;
  /**
   * How to merge pull requests that people have approved. Waves merge them with the tokens in `MOGPLEX_MERGE_TOKEN_VARIABLE`.
   * @default nothing is merged
   */
  readonly merge?: {
    /** The only possible value. */
    readonly when: "approved";
    /** Minimum time between the last required approval and the merge, up to `"720h"`; a number is in seconds. @default {0} */
    readonly after?: number | string | undefined;
    /** Maximum number of merges in 24 hours, from 1 to 1,000, including merges by people and updates of branches. @default no limit */
    readonly atMost?: number | undefined;
    /** @default a method that the repository allows */
    readonly method?: "merge" | "squash" | "rebase" | undefined;
    /** Whether to update a branch that must be up to date before a merge. @default {false} */
    readonly update?: boolean | undefined;
    /** Globs of repositories without CI: their pull requests are merged without checks. @default {[]} */
    readonly withoutChecks?: readonly string[] | undefined;
  } | undefined;
  /** Names of bots that the forge does not mark as bots. Their approvals are ignored. @default {[]} */
  readonly notPeople?: readonly string[] | undefined;
  /** A webhook that is called when the campaign needs attention, or is done. */
  readonly notify?: {
    readonly webhookVariable: string;
    readonly host: string;
    readonly format?: NotifyFormat | undefined;
    readonly on: readonly NotifyEvent[];
  } | undefined;
}

/** An entry of {@linkcode CampaignDefinition.repositories}. */
export type CampaignRepository =
  /** `owner/name`, or an id. */
  | string
  | {
    readonly repo: string;
    readonly baseBranch?: string | undefined;
    readonly root?: string | undefined;
    readonly variables?: Readonly<Record<string, string>> | undefined;
  }
  /** All repositories whose full names begin with this text. */
  | { readonly query: string; readonly exclude?: readonly string[] | undefined }
  /** Path of a list with one name or id per line. */
  | { readonly file: string };

/** Offsets in the tree are indexes into `paths`. From this call on, `mistakes` reports the keys of the object. */
export function treeOf(value: unknown, mistakes: MistakeList): CheckedTree {
  const paths: Path[] = [];
  const callerKeys = new Map<string, string>();

  function broken(path: Path, at: number, message: string): TreeNode {
    mistakes.add({ key: keyOf(path) }, keyOf(path), message);
    return { kind: "broken", start: at, end: at };
  }
  function nodeOf(value: unknown, path: Path, filePath: Path): TreeNode {
    const at = paths.push(path) - 1;
    const span = { start: at, end: at };
    if (path.length > MAX_DEPTH) return broken(path, at, `it is nested more than ${MAX_DEPTH} levels deep`);
    if (value === undefined || value === null) return { kind: "scalar", value: null, text: "", plain: false, ...span };
    if (typeof value === "string") {
      // The keys of starts are derived from this text and must not depend on its line endings.
      const text = value.replaceAll("\r\n", "\n");
      return { kind: "scalar", value: text, text, plain: false, ...span };
    }
    if (typeof value === "number" || typeof value === "boolean") {
      return { kind: "scalar", value, text: String(value), plain: false, ...span };
    }
    if (Array.isArray(value)) {
      return {
        kind: "list",
        items: value.map((item, index) => nodeOf(item, [...path, index], [...filePath, index])),
        ...span,
      };
    }
    const [, kind = "Object"] = /^\[object (\w+)\]$/.exec(Object.prototype.toString.call(value)) ?? [];
    if (kind !== "Object") {
      return broken(
        path,
        at,
        `it is of type ${kind}; only text, numbers, true, false, lists and plain objects are allowed`,
      );
    }
    const entries = new Map<string, { key: string; keyStart: number; value: TreeNode }>();
    // Keys of `variables` are names that the user chose, so they are not converted.
    const isChosen = path.at(-1) === "variables";
    for (const [name, inner] of Object.entries(value)) {
      const fieldPath = [...path, name];
      if (inner === undefined) continue;
      if (name === "__proto__") {
        broken(fieldPath, at, `the key ${excerpt(name)} is not allowed; remove it`);
        continue;
      }
      const key = isChosen ? name : fileKey(name);
      if (!isChosen && FILE_KEYS.includes(name)) {
        broken(fieldPath, at, `the keys of an object are in camelCase; write ${objectKey(name)}`);
      }
      const inFile = [...filePath, key];
      callerKeys.set(keyOf(inFile), keyOf(fieldPath));
      entries.set(key, { key, keyStart: paths.length, value: nodeOf(inner, fieldPath, inFile) });
    }
    return { kind: "map", entries, ...span };
  }

  let root = nodeOf(value, [], []);
  if (root.kind === "scalar" || root.kind === "list") {
    root = broken([], 0, "it must be an object, such as { name, prompt, repositories }");
  }
  if (root.kind === "map" && !root.entries.has("version")) {
    const keyStart = paths.push(["version"]) - 1;
    const node = { kind: "scalar", value: 1, text: "1", plain: false, start: keyStart, end: keyStart } as const;
    root.entries.set("version", { key: "version", keyStart, value: node });
  }
  mistakes.words = {
    key: (key) => callerKeys.get(key) ?? inObjectWords(key),
    message: inObjectWords,
  };
  const placeAt = (at: number): Place => ({ key: keyOf(paths[at] ?? []) });
  return { source: { text: "", placeAt }, root, brokenFrom: Infinity };
}
