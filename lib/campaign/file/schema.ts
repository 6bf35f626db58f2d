/**
 * `npm run docs` generates `schema/campaign.schema.json` and the table in `docs/campaign-file.md` from this schema, with the descriptions in
 * `tools/docs/campaign_keys.ts`.
 *
 * @module
 */
import * as z from "zod/mini";
import { MERGE_METHODS } from "../../forge/model.ts";
import { maxLength, minLength } from "../../lengths.ts";
import { MAX_PROMPT_LENGTH, MODES } from "../../service/contract.ts";
import { harnessProblem } from "../../service/validate.ts";
import { NOTIFY_EVENTS, NOTIFY_FORMATS } from "./campaign_file.ts";
import * as rules from "./rules.ts";
import { MAX_BRANCH, type Rule } from "./rules.ts";
import { parseWindow } from "./rules.ts";

/** Limit for the entries of `repositories` and of the files that it names together. */
export const MAX_ENTRIES = 20_000;

/** `{id}` is unique to one start, so the file of an earlier run is never read as the result. */
const DEFAULT_RESULT_PATH = ".mogplex/result-{id}.json";

export const MAX_VARIABLES = 100;

function obeys<T>(rule: (value: T) => string | undefined) {
  return z.superRefine<T>((value, context) => {
    const problem = rule(value);
    if (problem !== undefined) context.addIssue({ code: "custom", message: problem, input: value });
  });
}

function text(allowed: string, rule: Rule) {
  return z.string({ error: () => allowed }).check(obeys((value) => rules.storable(value) ?? rule(value)));
}

function choice<const T extends readonly string[]>(values: T) {
  const allowed = `it must be ${values.join(", ").replace(/, (?=[^,]*$)/, " or ")}`;
  return z.enum(values, { error: () => allowed });
}

function whole(min: number, max: number) {
  const error = () => `it must be a whole number from ${min} to ${max}`;
  return z.int({ error }).check(z.minimum(min, { error }), z.maximum(max, { error }));
}

function numberOr(min: number, max: number, rule: Rule, allowed: string) {
  const error = () => allowed;
  return z.union([
    z.int({ error }).check(z.minimum(min, { error }), z.maximum(max, { error })),
    text(allowed, rule),
  ], { error });
}

function flag() {
  return z.boolean({ error: () => "it must be true or false" });
}

/** The error message is only the list of keys, which `issues.ts` reads to suggest the nearest key. */
function map<T extends Record<string, z.core.SomeType>>(shape: T) {
  return z.strictObject(shape, { error: () => Object.keys(shape).join(", ") });
}

function list<T extends z.core.SomeType>(item: T, min: number, max: number) {
  const error = () =>
    min === 0 ? `it must be a list of at most ${max} items` : `it must be a list of ${min} to ${max} items`;
  return z.array(item, { error }).check(minLength(min, { error }), maxLength(max, { error }));
}

function globs() {
  return list(text("it must be text", rules.nameGlob), 0, 1_000);
}

function variables() {
  const error = () => "it must be a map of names to text";
  const name = z.string().check(obeys(rules.variableName));
  return z.record(name, text("it must be text", rules.ofLength(0, 10_000)), { error }).check(
    obeys((value: Readonly<Record<string, string>>) =>
      Object.keys(value).length <= MAX_VARIABLES ? undefined : `at most ${MAX_VARIABLES} variables are allowed`
    ),
  );
}

function path() {
  return text("it must be the path of a file", rules.firstProblem(rules.notBlank, rules.filePath));
}

function entry() {
  const repository = () => text("it must be the owner/name, address or id (a UUID) of a repository", rules.repository);
  const error = () => "it must be owner/name, an id, or a map with exactly one of the keys repo, query and file";
  return z.union([
    repository(),
    map({
      "repo": repository(),
      "base-branch": z.optional(text("it must be text", rules.branchName)),
      "root": z.optional(text("it must be a directory of the repository", rules.rootDirectory)),
      "variables": z.optional(variables()),
    }),
    map({
      "query": text("it must be a prefix of names", rules.queryText),
      "exclude": z._default(globs(), []),
    }),
    map({ "file": path() }),
  ], { error });
}

function window() {
  return text('it must be text such as "Mon-Fri 20:00-06:00 Europe/Vienna"', (value) => {
    const result = parseWindow(value);
    return result.ok ? undefined : result.problem;
  });
}

function limits() {
  return map({
    // The service allows three active sandboxes for each user.
    "parallel": z._default(whole(1, 3), 3),
    "attempts": z._default(whole(1, 10), 1),
    "run-timeout": z._default(numberOr(60, 86_400, rules.runTimeout, rules.RUN_TIMEOUT_FORMS), "60m"),
    "stop-after-failures": z.optional(numberOr(1, MAX_ENTRIES, rules.percentage, rules.THRESHOLD_FORMS)),
    "open-pull-requests": z.optional(whole(1, 10_000)),
  });
}

function pullRequests() {
  const line = rules.firstProblem(rules.oneLine, rules.ofLength(1, 50), rules.label);
  return map({
    "reviewers": z._default(list(text("it must be text", rules.reviewer), 0, 15), []),
    "labels": z._default(list(text("it must be text", line), 0, 20), []),
  });
}

function merge() {
  return map({
    "when": choice(["approved"]),
    "after": z._default(numberOr(0, rules.MAX_WAIT_S, rules.waitTime, rules.WAIT_FORMS), "0s"),
    "at-most": z.optional(whole(1, 1_000)),
    "method": z.optional(choice(MERGE_METHODS)),
    "update": z._default(flag(), false),
    "without-checks": z._default(globs(), []),
  });
}

function notify() {
  return map({
    "webhook-variable": text("it must be the name of an environment variable", rules.freeVariable),
    "host": text("it must be the host of the address, as in hooks.slack.com", rules.hostName),
    "format": z._default(choice(NOTIFY_FORMATS), "json"),
    "on": list(choice(NOTIFY_EVENTS), 1, NOTIFY_EVENTS.length),
  });
}

function build() {
  const line = (min: number, max: number) => rules.firstProblem(rules.oneLine, rules.ofLength(min, max));
  return map({
    "$schema": z.optional(text("it must be text", () => undefined)),
    "version": z.literal(1, { error: () => "it must be 1, the version of the format that this program reads" }),
    "name": text("it must be text of 1 to 40 characters", rules.campaignName),
    "round": z._default(text("it must be text", line(0, 40)), ""),
    "home": z.optional(text(rules.FILE_HOME_FORMS, rules.fileHome)),
    "title": z.optional(text("it must be text", rules.firstProblem(rules.notBlank, line(1, 500)))),
    "prompt": z.optional(text("it must be text", rules.notBlank)),
    "prompt-file": z.optional(path()),
    "variables": z._default(variables(), {}),
    "repositories": list(entry(), 1, MAX_ENTRIES),
    "exclude": z._default(globs(), []),
    "exclude-file": z.optional(path()),
    "agent": z._default(
      map({
        "harness": z._default(text("it must be the name of an agent", harnessProblem), "codex"),
        "mode": z.optional(choice(MODES)),
        "unverified": z._default(flag(), false),
      }),
      { harness: "codex", unverified: false },
    ),
    "branch": z.optional(text("it must be text", rules.firstProblem(rules.notBlank, line(1, MAX_BRANCH)))),
    "result": z.optional(map({
      "path": z._default(text("it must be text", rules.resultPath), DEFAULT_RESULT_PATH),
      "schema": path(),
    })),
    "success": z._default(
      map({
        "require": z._default(choice(["run", "changes", "pull-request"]), "run"),
        "accept-unchanged": z._default(flag(), false),
      }),
      { "require": "run", "accept-unchanged": false },
    ),
    "limits": z._default(limits(), { "parallel": 3, "attempts": 1, "run-timeout": "60m" }),
    "canary": z.optional(map({
      "size": whole(1, 1_000),
      "gate": z._default(choice(["automatic", "manual"]), "automatic"),
    })),
    "windows": z._default(list(window(), 0, 50), []),
    "on-failed-checks": z.optional(map({
      "prompt": text("it must be text", rules.firstProblem(rules.notBlank, rules.ofLength(1, MAX_PROMPT_LENGTH))),
      "attempts": z._default(whole(1, 10), 1),
    })),
    "pull-requests": z.optional(pullRequests()),
    "merge": z.optional(merge()),
    "not-people": z._default(list(text("it must be text", line(1, 100)), 0, 100), []),
    "notify": z.optional(notify()),
  });
}

let built: ReturnType<typeof build> | undefined;

export function campaignSchema(): ReturnType<typeof build> {
  return built ??= build();
}

export type CampaignInput = z.output<ReturnType<typeof build>>;
