/**
 * The words for each key of a campaign file, and what editors can check beside its type. Reading a file needs none of it, so it is not in the
 * program.
 *
 * @module
 */
import { HARNESSES, MAX_PROMPT_LENGTH } from "../../lib/service/contract.ts";
import { CAMPAIGN_NAME } from "../../lib/campaign/file/campaign_file.ts";
import { MAX_VARIABLES } from "../../lib/campaign/file/schema.ts";

/** What the JSON Schema says beside the type. Patterns are never narrower than the rules. */
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
const REPOSITORY = `^(?:${NAME}/${NAME}|${UUID})$`;
const GLOB = "^[A-Za-z0-9_./*?-]+$";
const VARIABLE = "^[A-Za-z][A-Za-z0-9_-]{0,39}$";
const ENVIRONMENT = "^[A-Za-z_][A-Za-z0-9_]*$";

/**
 * The facts by the path of the key. `[]` is an item of a list, `|2` the second form that a value may have, `.name` and `.value` are those of
 * a map with any names. The file itself has the path "".
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
    description: "Part of the key of every start: with another round, the same campaign starts anew.",
    maxLength: 40,
    examples: ["2026-12"],
  },
  "home": {
    description:
      "Where lock and journal are kept: a directory, or `git:origin#BRANCH`, a branch of the repository of the job. `--home` and `MOGPLEX_CAMPAIGN_HOME` win, and only they may name another address.",
    minLength: 1,
    examples: ["git:origin#mogplex-campaign/replace-moment"],
  },
  "title": {
    description:
      "First line of the prompt, by which the service names pull requests; at most 72 characters with the values of its variables. A template.",
    minLength: 1,
    maxLength: 500,
  },
  "prompt": {
    description:
      `The task; with title and variables at most ${MAX_PROMPT_LENGTH} UTF-16 units. A template. Exactly one of \`prompt\` and \`prompt-file\` is needed.`,
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
    description: "A repository: `owner/name` or its id.",
    pattern: REPOSITORY,
    examples: ["acme/web"],
  },
  "repositories[]|2.repo": {
    description: "`owner/name` or the id of a repository.",
    pattern: REPOSITORY,
    examples: ["acme/web"],
  },
  "repositories[]|2.base-branch": {
    description: "Branch to start from. Default: the repository's default branch.",
    pattern: "^[A-Za-z0-9_./-]+$",
  },
  "repositories[]|2.root": {
    description: "Directory to work in; `.` for the repository's root. Default: the one that the service knows.",
  },
  "repositories[]|2.variables.name": { pattern: VARIABLE },
  "repositories[]|2.variables.value": { maxLength: 10_000 },
  "repositories[]|2.variables": {
    description: "Variables of this entry. They win over those of the file.",
    maxProperties: MAX_VARIABLES,
  },
  "repositories[]|2": { description: "One repository." },
  "repositories[]|3.query": {
    description: "Beginning of full names, without regard to case.",
    pattern: "^[A-Za-z0-9_./-]+$",
    examples: ["acme/"],
  },
  "repositories[]|3.exclude[]": { pattern: GLOB, maxLength: 250 },
  "repositories[]|3.exclude": { description: "Globs of names to leave out of this entry." },
  "repositories[]|3": { description: "Every repository whose full name begins with a text." },
  "repositories[]|4.file": {
    description: "Path of a list, one name or id a line; `-` is standard input, for `plan` only.",
    minLength: 1,
  },
  "repositories[]|4": { description: "The repositories of a list." },
  "repositories": { description: "The repositories." },
  "exclude[]": { pattern: GLOB, maxLength: 250 },
  "exclude": { description: "Globs of names to leave out everywhere: `*`, `**` and `?`." },
  "exclude-file": {
    description: "Path of a file with more of them, one a line, relative to the campaign file.",
    minLength: 1,
  },
  "agent.harness": {
    description: `The agent: ${
      HARNESSES.map((name) => `\`${name}\``).join(", ")
    }, or another one that the service knows by now.`,
    minLength: 1,
    maxLength: 100,
    examples: HARNESSES,
  },
  "agent.mode": { description: "How much the agent may do. Default: the service decides." },
  "agent": { description: "Who does the work." },
  "branch": {
    description: "Name of the working branches. A template. Default: the service names them.",
    minLength: 1,
    maxLength: 200,
    examples: ["codemod/{{ campaign }}"],
  },
  "success.require": { description: "What a run must bring for its item to succeed." },
  "success.accept-unchanged": { description: "Whether an item in which nothing had to be changed is no failure." },
  "success": { description: "What counts as a success." },
  "limits.parallel": { description: "Runs at the same time. The service allows 3 a user." },
  "limits.attempts": { description: "Attempts of an item whose agent failed or took too long." },
  "limits.run-timeout|2": { pattern: "^(?:[0-9]+[hms]?)+$" },
  "limits.run-timeout": {
    description: "Longest time of a run, from 1m to 24h. A longer one is cancelled.",
    examples: ["60m", "1h30m", 5400],
  },
  "limits.stop-after-failures|2": { pattern: "^(?:[1-9][0-9]?|100)%$" },
  "limits.stop-after-failures": {
    description:
      "Number of failed items, or their share of the ended ones from the fifth on, after which nothing more is started. Default: never.",
    examples: ["10%", 5],
  },
  "limits.open-pull-requests": {
    description:
      "Most pull requests of the campaign that are open at a time. Needs a token of their forge. Default: no limit.",
  },
  "limits": { description: "Limits." },
  "canary.size": { description: "Number of items that go first." },
  "canary.gate": { description: "How it goes on: by itself if none of them failed, or when a person approves." },
  "canary": { description: "The first items, which must end before the others start. Default: none." },
  "windows[]": {
    pattern: "^\\s*[A-Za-z,-]+\\s+[0-9]{1,2}:[0-9]{2}-[0-9]{1,2}:[0-9]{2}(?:\\s+\\S+)?\\s*$",
    examples: ["Mon-Fri 20:00-06:00 Europe/Vienna"],
  },
  "windows": { description: "Times of the week in which runs may be started. Default: always." },
  "on-failed-checks.prompt": { description: "Task of the follow-up. A template." },
  "on-failed-checks.attempts": { description: "Follow-ups of a pull request." },
  "on-failed-checks": {
    description:
      "A run that mends a pull request whose checks are red, on its branch. Needs a token of its forge. Default: none.",
  },
  "notify.webhook-variable": {
    description:
      "Environment variable with the secret address. Its name begins with `CAMPAIGN_` or `MOGPLEX_WEBHOOK`, unless `--webhook-variable` names it.",
    pattern: ENVIRONMENT,
    examples: ["CAMPAIGN_WEBHOOK"],
  },
  "notify.host": {
    description: "Host of that address, with its port where it is not 443. No other one is called.",
    pattern: "^[A-Za-z0-9_.:[\\]-]+$",
    examples: ["hooks.slack.com"],
  },
  "notify.format": {
    description: "Form of the message: that of a service, or all fields for a program.",
  },
  "notify.on[]": { description: "An event." },
  "notify.on": { description: "Events that are told, each once." },
  "notify": { description: "A webhook that is told when the campaign needs a person, or is done. Default: none." },
  "": { description: "One task for many repositories." },
};
