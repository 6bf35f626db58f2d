/**
 * The description of each key of a campaign file, and facts that editors can check besides the type. Not part of the program, because reading a file
 * does not need these facts.
 *
 * @module
 */
import { HARNESSES, MAX_PROMPT_LENGTH } from "../../lib/service/contract.ts";
import { CAMPAIGN_NAME } from "../../lib/campaign/file/campaign_file.ts";
import { MAX_VARIABLES } from "../../lib/campaign/file/schema.ts";

/** Additions to the type in the JSON Schema. A pattern may be wider than the rules, but never narrower. */
export interface KeyFacts {
  description?: string;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  maxProperties?: number;
  examples?: readonly unknown[];
}

const NAME = "[A-Za-z0-9_.-]{1,100}";
const UUID = "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}";
const ADDRESS = "(?:https?|ssh)://[^/]+/|git@[^:/]+:";
const REPOSITORY = `^(?:(?:${ADDRESS})${NAME}/${NAME}/?|${NAME}/${NAME}|${UUID})$`;
const REVIEWER =
  "^(?:team:)?[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$|^team:[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}/[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$";
const GLOB = "^[A-Za-z0-9_./*?-]+$";
const VARIABLE = "^[A-Za-z][A-Za-z0-9_-]{0,39}$";
const ENVIRONMENT = "^[A-Za-z_][A-Za-z0-9_]*$";

/**
 * Facts by path of the key. `[]` is an item of a list, and `|2` is the second form that a value may have. `.name` and `.value` are the names and
 * values of a map with any names. The file itself has the path "".
 */
export const CAMPAIGN_KEYS: Readonly<Record<string, KeyFacts>> = {
  "$schema": { description: "Address of this schema, for editors. It has no effect." },
  "version": { description: "Version of the format." },
  "name": {
    description: "Name of the campaign: lower-case letters, digits and `-`. Part of the key of every start.",
    pattern: CAMPAIGN_NAME.source,
    maxLength: 40,
    examples: ["replace-moment"],
  },
  "round": {
    description: "Part of the key of every start: a new round runs every item again.",
    maxLength: 40,
    examples: ["2026-12"],
  },
  "home": {
    description:
      "Where to keep the lock and the journal: a directory, or `git:origin#BRANCH`, a branch of the job's repository. `--home` and `MOGPLEX_CAMPAIGN_HOME` override this, and only they can name another repository.",
    minLength: 1,
    examples: ["git:origin#mogplex-campaign/replace-moment"],
  },
  "title": {
    description:
      "First line of the prompt; the service uses it as the title of pull requests. At most 72 characters after its variables are replaced. A template.",
    minLength: 1,
    maxLength: 500,
  },
  "prompt": {
    description:
      `The task: at most ${MAX_PROMPT_LENGTH} UTF-16 code units, including title and variables. A template. Use either \`prompt\` or \`prompt-file\`.`,
    minLength: 1,
  },
  "prompt-file": { description: "Path of a file with the task, relative to the campaign file.", minLength: 1 },
  "variables.name": { pattern: VARIABLE },
  "variables.value": { maxLength: 10_000 },
  "variables": {
    description: "Values for templates, by name; at most 10000 characters each.",
    maxProperties: MAX_VARIABLES,
  },
  "repositories[]|1": {
    description: "A repository: `owner/name`, its address, or its id.",
    pattern: REPOSITORY,
    examples: ["acme/web"],
  },
  "repositories[]|2.repo": {
    description: "`owner/name`, address or id of a repository.",
    pattern: REPOSITORY,
    examples: ["acme/web"],
  },
  "repositories[]|2.base-branch": {
    description: "Branch to start from. Default: the repository's default branch.",
    pattern: "^[A-Za-z0-9_./-]+$",
  },
  "repositories[]|2.root": {
    description:
      "Directory to work in; `.` for the repository's root. Default: the root directory that is set for the repository in the service.",
  },
  "repositories[]|2.variables.name": { pattern: VARIABLE },
  "repositories[]|2.variables.value": { maxLength: 10_000 },
  "repositories[]|2.variables": {
    description: "Variables of this entry. They override the file's variables.",
    maxProperties: MAX_VARIABLES,
  },
  "repositories[]|2": { description: "One repository." },
  "repositories[]|3.query": {
    description: "All repositories whose full name begins with this text. Case does not matter.",
    pattern: "^[A-Za-z0-9_./-]+$",
    examples: ["acme/"],
  },
  "repositories[]|3.exclude[]": { pattern: GLOB, maxLength: 250 },
  "repositories[]|3.exclude": { description: "Globs of names to exclude from this entry." },
  "repositories[]|3": { description: "All repositories with a full name that begins with a text." },
  "repositories[]|4.file": {
    description: "Path of a file with one name, address or id per line; `-` is standard input, for `plan` only.",
    minLength: 1,
  },
  "repositories[]|4": { description: "The repositories of a list." },
  "repositories": { description: "The repositories." },
  "exclude[]": { pattern: GLOB, maxLength: 250 },
  "exclude": { description: "Globs of names to exclude everywhere: `*`, `**` and `?`." },
  "exclude-file": {
    description: "Path of a file with more globs for `exclude`, one per line, relative to the campaign file.",
    minLength: 1,
  },
  "agent.harness": {
    description: `The agent: ${HARNESSES.map((name) => `\`${name}\``).join(", ")}, or another one with \`unverified\`.`,
    minLength: 1,
    maxLength: 100,
    examples: HARNESSES,
  },
  "agent.unverified": {
    description:
      "`true` permits a harness that this version does not know. The service might still refuse every start.",
  },
  "agent.mode": { description: "How much the agent is allowed to do. Default: the service decides." },
  "agent": { description: "The agent that does the task." },
  "branch": {
    description: "Name of the working branches. A template. Default: the service chooses names.",
    minLength: 1,
    maxLength: 200,
    examples: ["codemod/{{ campaign }}"],
  },
  "success.require": {
    description: "What an item needs to succeed: a successful run, a change, or a pull request.",
  },
  "success.accept-unchanged": {
    description: "`true`: if a run finds nothing to change, its item is `unchanged` instead of failed.",
  },
  "success": { description: "When an item succeeds." },
  "limits.parallel": { description: "Maximum number of runs at the same time. The service allows 3 per user." },
  "limits.attempts": {
    description:
      "Maximum number of attempts for an item. It is started again if its run failed, took too long, or did not meet `success.require`.",
  },
  "limits.run-timeout|2": { pattern: "^(?:[0-9]+[hms]?)+$" },
  "limits.run-timeout": {
    description:
      "Maximum duration of a run, from `1m` to `24h`; a number is in seconds. The campaign cancels runs that take longer.",
    examples: ["60m", "1h30m", 5400],
  },
  "result.path": {
    description:
      "Path of the file in the repository. `{id}` is replaced by 8 characters that are unique to the start, so a file from an earlier run is never mistaken for the result.",
    pattern: "\\{id\\}",
    maxLength: 200,
    examples: [".mogplex/result-{id}.json"],
  },
  "result.schema": {
    description: "Path of a file with a JSON Schema, as JSON or YAML, relative to the campaign file.",
    minLength: 1,
    examples: ["result.schema.json"],
  },
  "result": {
    description:
      "Each run commits a JSON file that must match a schema. Otherwise its item fails. See [results](results.md). Default: none.",
  },
  "limits.stop-after-failures|2": { pattern: "^(?:[1-9][0-9]?|100)%$" },
  "limits.stop-after-failures": {
    description:
      "Nothing more starts once this many items, or this share of the finished items, have failed. A share is checked once five items have finished. Default: never.",
    examples: ["10%", 5],
  },
  "limits.open-pull-requests": {
    description:
      "Maximum number of open pull requests at the same time. Needs a token for their forge. Default: no limit.",
  },
  "limits": { description: "Limits of the campaign." },
  "canary.size": { description: "Number of items to start first." },
  "canary.gate": {
    description:
      "When the other items start. `automatic`: once every canary item has succeeded, needed no change or was skipped. `manual`: when a person approves.",
  },
  "canary": { description: "Starts a few items first; the others wait for them. Default: none." },
  "windows[]": {
    pattern: "^\\s*[A-Za-z,-]+\\s+[0-9]{1,2}:[0-9]{2}-[0-9]{1,2}:[0-9]{2}(?:\\s+\\S+)?\\s*$",
    examples: ["Mon-Fri 20:00-06:00 Europe/Vienna"],
  },
  "windows": { description: "Times of the week during which runs can start. Default: always." },
  "on-failed-checks.prompt": { description: "Task of the follow-up. A template." },
  "on-failed-checks.attempts": { description: "Maximum number of follow-ups for one pull request." },
  "on-failed-checks": {
    description:
      "If the checks of a pull request fail, starts a run on the pull request's branch to fix them. Needs a token for the forge. Default: none.",
  },
  "pull-requests.reviewers[]": { pattern: REVIEWER, examples: ["ann", "team:web", "codeowners"] },
  "pull-requests.reviewers": {
    description:
      "Who to ask for a review: names of people, `team:NAME`, or `codeowners` for the owners of the changed files in the target branch's CODEOWNERS file.",
  },
  "pull-requests.labels[]": { pattern: "^[^,]+$", minLength: 1, maxLength: 50, examples: ["agent"] },
  "pull-requests.labels": { description: "Labels to add." },
  "pull-requests": {
    description:
      "What to add to each pull request, once, when the campaign first sees it. Later changes by people are kept. Needs a token that can write. Default: nothing.",
  },
  "merge.when": { description: "`approved`: people have approved the newest commit, and its checks are green." },
  "merge.after": {
    description: "How long to wait after the last required approval: at most `720h`; a number is in seconds.",
    examples: ["24h"],
  },
  "merge.at-most": {
    description:
      "Maximum number of merges in 24 hours, including merges by `campaign merge` and updates of branches. Default: no limit.",
  },
  "merge.method": { description: "Merge method. Default: a method that the repository allows." },
  "merge.update": {
    description: "Updates a branch if it must be up to date with its target. This can dismiss approvals.",
  },
  "merge.without-checks[]": { pattern: GLOB, maxLength: 250 },
  "merge.without-checks": {
    description: "Globs of repositories without CI: their pull requests are merged without checks.",
  },
  "merge": {
    description:
      "Waves merge the pull requests that people have approved. Needs `MOGPLEX_MERGE_TOKEN_VARIABLE`. Default: nothing is merged.",
  },
  "not-people[]": { minLength: 1, maxLength: 100, examples: ["renovate-approver"] },
  "not-people": {
    description: "Names of bots that the forge does not mark as bots. Their approvals are ignored.",
  },
  "notify.webhook-variable": {
    description:
      "Environment variable that contains the secret address of the webhook. Its name must begin with `CAMPAIGN_` or `MOGPLEX_WEBHOOK`, unless `--webhook-variable` permits another one.",
    pattern: ENVIRONMENT,
    examples: ["CAMPAIGN_WEBHOOK"],
  },
  "notify.host": {
    description: "Host of the webhook's address, with the port unless it is 443. No other host is called.",
    pattern: "^[A-Za-z0-9_.:[\\]-]+$",
    examples: ["hooks.slack.com"],
  },
  "notify.format": {
    description: "Format of the message: for one of these chat services, or `json` with all fields, for programs.",
  },
  "notify.on[]": { description: "An event." },
  "notify.on": { description: "Events to send." },
  "notify": { description: "Calls a webhook when the campaign needs attention or is done. Default: none." },
  "": { description: "One task in many repositories." },
};
