/**
 * The form of a campaign file: its keys, their types, defaults and limits. `schema/campaign.schema.json` and the table in
 * `docs/campaign-file.md` are made from it.
 *
 * @module
 */
import * as z from "zod/mini";
import { HARNESSES, MAX_PROMPT_LENGTH, MODES } from "../../api/contract/rules.ts";
import { CAMPAIGN_NAME } from "./campaign_file.ts";
import { about, choice, flag, list, map, text, whole } from "./fields.ts";
import * as rules from "./rules.ts";
import { MAX_BRANCH } from "./rules.ts";
import { parseWindow } from "./windows.ts";

/** Most entries of `repositories` and of the files that it names, together. */
export const MAX_ENTRIES = 20_000;

/** Most variables of a file, and of an entry. */
const MAX_VARIABLES = 100;

/** Keys of later versions. A file that has one is refused. */
export const REFUSED_KEYS: readonly string[] = ["lanes", "limits.open-pull-requests", "on-failed-checks", "notify"];

const LATER = "Not supported by this version: a file with this key is refused.";
const NAME = "[A-Za-z0-9_.-]{1,100}";
const UUID = "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}";

function globs(description: string) {
  return list(
    text("it must be a text", rules.nameGlob, { pattern: "^[A-Za-z0-9_./*?-]+$", maxLength: 250 }),
    0,
    1_000,
    description,
  );
}

function variables(description: string) {
  const error = () => "it must be a map of names and texts";
  const name = z.string().check(
    z.superRefine((value, context) => {
      const problem = rules.variableName(value);
      if (problem !== undefined) context.addIssue({ code: "custom", message: problem, input: value });
    }),
    about({ pattern: "^[A-Za-z][A-Za-z0-9_-]{0,39}$" }),
  );
  const value = text("it must be a text", rules.ofLength(0, 10_000), { maxLength: 10_000 });
  return z.record(name, value, { error }).check(
    z.superRefine((value, context) => {
      if (Object.keys(value).length <= MAX_VARIABLES) return;
      context.addIssue({ code: "custom", message: `at most ${MAX_VARIABLES} variables are allowed`, input: value });
    }),
    about({ description, maxProperties: MAX_VARIABLES }),
  );
}

function path(description: string) {
  return text("it must be the path of a file", rules.firstProblem(rules.notBlank, rules.filePath), {
    description,
    minLength: 1,
  });
}

function branch(description: string) {
  return text("it must be a text", rules.branchName, { description, pattern: "^[A-Za-z0-9_./-]+$" });
}

function environmentVariable(description: string) {
  return text("it must be the name of an environment variable", rules.environmentName, {
    description,
    pattern: "^[A-Za-z_][A-Za-z0-9_]*$",
  });
}

function entry() {
  const form = "it must be owner/name or the id of a repository (a UUID)";
  const facts = { pattern: `^(?:${NAME}/${NAME}|${UUID})$`, examples: ["acme/web"] };
  const error = () => "it must be owner/name, an id, or a map with exactly one of the keys repo, query and file";
  return z.union([
    text(form, rules.repository, { ...facts, description: "A repository: `owner/name` or its id." }),
    map({
      "repo": text(form, rules.repository, { ...facts, description: "`owner/name` or the id of a repository." }),
      "base-branch": z.optional(branch("Branch to start from. Default: the repository's default branch.")),
      "root": z.optional(
        text("it must be a directory of the repository", rules.rootDirectory, {
          description: "Directory to work in; `.` for the repository's root. Default: the one that the service knows.",
        }),
      ),
      "variables": z.optional(variables("Variables of this entry. They win over those of the file.")),
    }, "One repository."),
    map({
      "query": text("it must be the beginning of names", rules.queryText, {
        description: "Beginning of full names, without regard to case.",
        pattern: "^[A-Za-z0-9_./-]+$",
        examples: ["acme/"],
      }),
      "exclude": z._default(globs("Globs of names to leave out of this entry."), []),
    }, "Every repository whose full name begins with a text."),
    map({
      "file": path("Path of a list, one name or id a line; `-` is standard input, for `plan` only."),
    }, "The repositories of a list."),
  ], { error });
}

function threshold(description: string) {
  const error = () => rules.THRESHOLD_FORMS;
  return z.union([
    z.int({ error }).check(z.minimum(1, { error }), z.maximum(MAX_ENTRIES, { error })),
    text(rules.THRESHOLD_FORMS, rules.percentage, { pattern: "^(?:[1-9][0-9]?|100)%$" }),
  ], { error }).check(about({ description, examples: ["10%", 5] }));
}

function runTimeout(description: string) {
  const error = () => rules.RUN_TIMEOUT_FORMS;
  return z.union([
    z.int({ error }).check(z.minimum(60, { error }), z.maximum(86_400, { error })),
    text(rules.RUN_TIMEOUT_FORMS, rules.runTimeout, { pattern: "^(?:[0-9]+[hms]?)+$" }),
  ], { error }).check(about({ description, examples: ["60m", "1h30m", 5400] }));
}

function window() {
  const rule = (value: string) => {
    const result = parseWindow(value);
    return result.ok ? undefined : result.problem;
  };
  return text('it must be a text such as "Mon-Fri 20:00-06:00 Europe/Vienna"', rule, {
    pattern: "^\\s*[A-Za-z,-]+\\s+[0-9]{1,2}:[0-9]{2}-[0-9]{1,2}:[0-9]{2}(?:\\s+\\S+)?\\s*$",
    examples: ["Mon-Fri 20:00-06:00 Europe/Vienna"],
  });
}

function limits() {
  return map({
    "parallel": z._default(whole(1, 3, "Runs at the same time. The service allows 3 a user."), 3),
    "attempts": z._default(whole(1, 10, "Attempts of an item whose agent failed or took too long."), 1),
    "run-timeout": z._default(runTimeout("Longest time of a run, from 1m to 24h. A longer one is cancelled."), "60m"),
    "stop-after-failures": z.optional(
      threshold(
        "Number of failed items, or their share of the ended ones from the fifth on, after which nothing more is started. Default: never.",
      ),
    ),
    "open-pull-requests": z.optional(whole(1, 10_000, `Most open pull requests at a time. ${LATER}`)),
  }, "Limits.");
}

/** Later keys. What they hold is not checked yet, since they are refused. */
function laterKeys() {
  const lane = map({
    "name": text("it must be a text", rules.campaignName, { description: "Name of the lane." }),
    "token-variable": environmentVariable("Environment variable with the token of the lane's service user."),
    "repositories": z.optional(
      globs("Globs of the names of the lane's repositories. Default: what no other lane has."),
    ),
  });
  return {
    "lanes": z.optional(list(lane, 1, 20, `Service users among whom the items are divided. ${LATER}`)),
    "on-failed-checks": z.optional(map({
      "prompt": text("it must be a text", rules.ofLength(1, MAX_PROMPT_LENGTH), {
        description: "Task of the follow-up.",
      }),
      "attempts": z._default(whole(1, 10, "Follow-ups of a pull request."), 1),
    }, `What to do when the checks of a pull request fail. ${LATER}`)),
    "notify": z.optional(map({
      "webhook-variable": environmentVariable("Environment variable with the address that is called."),
      "on": list(choice(["gated", "stuck", "done"], "An event."), 1, 3, "Events that are told."),
    }, `Who is told what. ${LATER}`)),
  };
}

function build() {
  return map({
    "$schema": z.optional(text("it must be a text", () => undefined, {
      description: "Address of this schema, for editors. It has no effect.",
    })),
    "version": z.literal(1, { error: () => "it must be 1, the version of the format that this program reads" }).check(
      about({ description: "Version of the format." }),
    ),
    "name": text("it must be a text of 1 to 40 characters", rules.campaignName, {
      description: "Name of the campaign: lower-case letters, digits and `-`. Part of the key of every start.",
      pattern: CAMPAIGN_NAME.source,
      maxLength: 40,
      examples: ["replace-moment"],
    }),
    "round": z._default(
      text("it must be a text", rules.firstProblem(rules.oneLine, rules.ofLength(0, 40)), {
        description: "Part of the key of every start: with another round, the same campaign starts anew.",
        maxLength: 40,
        examples: ["2026-12"],
      }),
      "",
    ),
    "title": z.optional(
      text("it must be a text", rules.firstProblem(rules.notBlank, rules.oneLine, rules.ofLength(1, 500)), {
        description:
          "First line of the prompt, by which the service names pull requests; at most 72 characters with the values of its variables. A template.",
        minLength: 1,
        maxLength: 500,
      }),
    ),
    "prompt": z.optional(
      text("it must be a text", rules.notBlank, {
        description:
          "The task; with title and variables at most 100000 UTF-16 units. A template. Exactly one of `prompt` and `prompt-file` is needed.",
        minLength: 1,
      }),
    ),
    "prompt-file": z.optional(path("Path of a file with the task, relative to the campaign file.")),
    "variables": z._default(variables("Values for templates, by name; at most 10000 characters each."), {}),
    "repositories": list(entry(), 1, MAX_ENTRIES, "The repositories."),
    "exclude": z._default(globs("Globs of names to leave out everywhere: `*`, `**` and `?`."), []),
    "exclude-file": z.optional(path("Path of a file with more of them, one a line, relative to the campaign file.")),
    "agent": z._default(
      map({
        "harness": z._default(choice(HARNESSES, "The agent."), "codex"),
        "mode": z.optional(choice(MODES, "How much the agent may do. Default: the service decides.")),
      }, "Who does the work."),
      { harness: "codex" },
    ),
    "branch": z.optional(
      text("it must be a text", rules.firstProblem(rules.notBlank, rules.oneLine, rules.ofLength(1, MAX_BRANCH)), {
        description: "Name of the working branches. A template. Default: the service names them.",
        minLength: 1,
        maxLength: MAX_BRANCH,
        examples: ["codemod/{{ campaign }}"],
      }),
    ),
    "success": z._default(
      map({
        "require": z._default(
          choice(["run", "changes", "pull-request"], "What a run must bring for its item to succeed."),
          "run",
        ),
        "accept-unchanged": z._default(
          flag("Whether an item in which nothing had to be changed is no failure."),
          false,
        ),
      }, "What counts as a success."),
      { "require": "run", "accept-unchanged": false },
    ),
    "limits": z._default(limits(), { "parallel": 3, "attempts": 1, "run-timeout": "60m" }),
    "canary": z.optional(map({
      "size": whole(1, 1_000, "Number of items that go first."),
      "gate": z._default(
        choice(["automatic", "manual"], "How it goes on: by itself if none of them failed, or when somebody approves."),
        "automatic",
      ),
    }, "The first items, which must end before the others start. Default: none.")),
    "windows": z._default(
      list(window(), 0, 50, "Times of the week in which runs may be started. Default: always."),
      [],
    ),
    ...laterKeys(),
  }).check(about({ description: "One task for many repositories." }));
}

let built: ReturnType<typeof build> | undefined;

/** The schema of a campaign file, built on first use. */
export function campaignSchema(): ReturnType<typeof build> {
  return built ??= build();
}

/** A campaign file as the schema reads it. */
export type CampaignInput = z.output<ReturnType<typeof build>>;
