/**
 * `run --follow`: starts a run, publishes its id, follows it, reports, and ends with its verdict. `run --detach` ends once it is started.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import { runJob } from "../../run/run.ts";
import { runWholeJob, withReports } from "../job/run_job.ts";
import {
  anyText,
  JSON_LINES,
  KEYS,
  LOG,
  MODE,
  NO_CREATE_BRANCH,
  OPEN,
  outDirectory,
  type Places,
  PROMPT_FILE,
  readRunSettings,
  REPORTING,
  REQUEST,
  type RunSettings,
  SHOW_TASK,
  STATE,
  TIMEOUT,
  WATCHING,
} from "../options.ts";
import { readStartRequest } from "../start_request.ts";
import type { Asked, Folder, Option, Verb, VerbContext, VerbFlag } from "../verb.ts";
import { OF_RUNS } from "./codes.ts";

const FOLLOW: VerbFlag = { name: "follow", help: "Follow the run to its end: a whole CI job in one line" };
const DETACH: VerbFlag = {
  name: "detach",
  help: "As --follow, but end with success once the run is started: a later job follows it",
};
const NEW: VerbFlag = {
  name: "new",
  help: "Outside CI: start a run although this folder has one with the same request",
};
const RESUME: Option<string> = {
  name: "resume",
  value: "FILE",
  help: "State file from an earlier attempt: reuses its key if the request is unchanged",
  parse: anyText,
};

/** All that a start needs, read before any file is touched. */
interface Start extends Folder {
  /** How to wait, to log, and which key to use. */
  settings: RunSettings;
  /** What is asked for, for people. */
  asked: Asked;
}

/** @throws {UsageError} when something is missing or not possible. */
async function prepare(context: VerbContext): Promise<Start> {
  const { flags } = context;
  if (flags.has("detach") && flags.has("follow")) {
    throw new UsageError({
      attempted: "run",
      why: "--follow and --detach exclude each other",
      advice: "give one of them",
    });
  }
  const settings = readRunSettings(context);
  const request = await readStartRequest(context);
  const asked = { repository: request.repo ?? "", task: request.prompt };
  // A job in CI finds its run by the key.
  const folder = await context.laptop?.chooseFolder(context, request, flags.has(NEW.name)) ??
    { request, out: outDirectory(context), resumePath: undefined };
  return { settings, asked, ...folder };
}

async function runInto(context: VerbContext, places: Places, start: Start): Promise<number> {
  const { request, resumePath, maxEndAgeMs, settings: { timeoutMs, tokenShare, onTimeout, onInterrupt, log, key } } =
    start;
  const showTask = context.option(SHOW_TASK);
  const files = { statePath: places.state, resumePath: context.option(RESUME) ?? resumePath, maxEndAgeMs };
  return await runWholeJob(context, {
    places,
    log,
    timeoutMs,
    asked: start.asked,
    work: (options, more) =>
      runJob(request, { ...options, ...key, timeoutMs, tokenShare, onTimeout }, {
        ...more,
        ...files,
        onInterrupt,
        startOnly: context.flags.has("detach"),
        showTask,
      }),
  });
}

/** Starts a run and follows it, for command and component. See {@linkcode runWholeJob}. */
export async function startAndFollow(context: VerbContext): Promise<number> {
  context.guard();
  // What is wrong here is reported like everything else, by files that say so.
  const start = await prepare(context).then((value) => ({ value }), (error: unknown) => ({ error }));
  return await withReports(
    context,
    async (places) => {
      if ("error" in start) throw start.error;
      return await runInto(context, places, start.value);
    },
    undefined,
    "value" in start ? start.value.out : undefined,
  );
}

export const runFollowVerb: Verb = {
  name: "run --follow",
  chosenBy: ["follow", "detach"],
  usage: '"<prompt>" | -',
  maxPositionals: 1,
  summary: "Start a run, follow it, report, and end with its verdict: a whole CI job in one line",
  group: "toolkit",
  flags: [
    [FOLLOW, DETACH, NEW],
    REQUEST,
    [NO_CREATE_BRANCH, PROMPT_FILE, MODE],
    KEYS,
    RESUME,
    TIMEOUT,
    WATCHING,
    LOG,
    REPORTING,
    [OPEN],
    SHOW_TASK,
    STATE,
    JSON_LINES,
  ],
  variables: ["MOGPLEX_PROMPT", "MOGPLEX_RECENT"],
  meanings: OF_RUNS,
  examples: [
    'mogplex-ci run --follow --repo acme/web "Fix the flaky tests"',
    "mogplex-ci run --follow --prompt-file task.md --timeout 25m",
  ],
  run: startAndFollow,
};
