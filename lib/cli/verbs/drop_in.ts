/**
 * These verbs are documented for the `mogplex` command.
 *
 * @module
 */
import { ApiError, DeadlineError, InterruptedError, UsageError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import type { RunEvent, StartRequest, StartResult } from "../../model.ts";
import { followRun } from "../../run/follow.ts";
import { END_EXIT, type EndOutcome } from "../../run/result.ts";
import { DEFAULT_TIMEOUT_MS, MAX_TIMEOUT_MS } from "../../run/session.ts";
import { interruptReason, openInterrupts } from "../../run/interrupts.ts";
import type { ServiceClient } from "../../service/client.ts";
import { MAX_EVENTS } from "../../service/contract.ts";
import { checkRepository, resolveRepository } from "../../service/repository.ts";
import { unknownHarness } from "../../service/validate.ts";
import { own } from "../../text/safe_line.ts";
import { openDropIn } from "../context.ts";
import {
  eventLine,
  MOST_LISTED,
  noteFull,
  printList,
  repoCells,
  runLines,
  SANDBOX_PAGE,
  sandboxCells,
  startLines,
} from "../log/lists.ts";
import { noticeText } from "../log/live_log.ts";
import {
  BASE_BRANCH,
  BRANCH,
  CREATE_BRANCH,
  duration,
  HARNESS,
  JSON_LINES,
  REPO,
  ROOT,
  wholeNumber,
} from "../options.ts";
import { requiredArgument, runIdArgument } from "../settings.ts";
import type { Context, Option, Verb, VerbFlag, VerbFlags } from "../verb.ts";
import { OF_RUNS, SHORT_IDS } from "./codes.ts";

/** Message of the documented command. Source: CLI, "Headless runs", "Required flag". */
const NO_REPO = "run: --repo <id> is required (find IDs via `mogplex repos list`)";

function missingRepo({ io }: Context): string {
  const ignored = io.env("MOGPLEX_REPO_ID")?.trim() ? "; MOGPLEX_REPO_ID is used only with --follow or --detach" : "";
  return NO_REPO + ignored;
}

/** The repository of `origin`, for a user at a terminal who does not name a repository. A script gets the documented error. */
function repositoryOfTerminal(context: Context): string | undefined {
  if (context.io.env("MOGPLEX_REPO_ID")?.trim()) return undefined;
  return context.laptop?.repositoryOfFolder(context, "run", false);
}

const KEY: VerbFlag = { name: "idempotency-key", value: "KEY", help: "Key that finds the run again [random]" };

/** Fields of the request from flags. Fields without a flag are absent, so that the repository's defaults apply. */
function requestFrom(flags: VerbFlags, repoId: string, prompt: string): StartRequest {
  return {
    repoId,
    prompt,
    harness: flags.get(HARNESS),
    baseBranch: flags.get(BASE_BRANCH),
    workingBranch: flags.get(BRANCH),
    createBranch: flags.has(CREATE_BRANCH) || undefined,
    rootDirectory: flags.get(ROOT),
  };
}

/** Source: contract 4.6. */
function baseNote({ branch: { base, working } }: StartResult, workingBranch: string | undefined): string | undefined {
  if (working !== base) return undefined;
  return workingBranch === undefined
    ? `the agent does not push to ${base}: the service picks a branch (run --follow shows its name)`
    : `the agent pushes directly to ${base}; run --follow without --branch gives the agent its own branch`;
}

/** The request comes only from flags, because the documented command has no variables for it. */
export const runVerb: Verb = {
  name: "run",
  usage: '--repo owner/name "<prompt>" | -',
  maxPositionals: 1,
  summary: "Start a run and print its id, without waiting for it",
  remark: "Without --branch and --create-branch, the service picks the branch.",
  group: "drop-in",
  flags: [REPO, HARNESS, BASE_BRANCH, BRANCH, CREATE_BRANCH, ROOT, KEY, JSON_LINES],
  variables: ["MOGPLEX_RECENT"],
  examples: [
    'mogplex-ci run --repo acme/web --json "Fix the flaky tests" | jq -r .runId',
  ],
  async run(context) {
    const { flags, writer, vocabulary: { program } } = context;
    const repo = flags.get(REPO)?.trim() || repositoryOfTerminal(context);
    if (repo === undefined) {
      if (context.io.isTerminal("stderr")) {
        writer.note(own`to list the names: ${writer.untrusted(`${program} repos list`)}`);
      }
      throw new UsageError(missingRepo(context));
    }
    const repository = checkRepository({ repo }, "run");
    const argument = requiredArgument(context, "run", "prompt");
    // The documented command treats an unknown harness as bad arguments.
    const harness = unknownHarness(flags.get(HARNESS));
    if (harness !== undefined) throw new UsageError({ attempted: "run", why: harness });
    const { client, call } = openDropIn(context);
    const prompt = argument === "-" ? await context.io.readStdin() : argument;
    const repoId = await resolveRepository(client, repository, call);
    const idempotencyKey = flags.get(KEY) ?? crypto.randomUUID();
    const started = await client.startRun(requestFrom(flags, repoId, prompt), { idempotencyKey }, call);
    context.laptop?.rememberStart(context, started, null, { repository: repo, task: prompt });
    if (flags.has(JSON_LINES)) writer.json(started);
    else writer.out(...startLines(started, context.vocabulary.program).map((line) => writer.untrusted(line)));
    const note = baseNote(started, flags.get(BRANCH));
    if (note !== undefined && context.io.isTerminal("stderr")) writer.note(writer.untrusted(note));
    return EXIT.success;
  },
};

export const runsGetVerb: Verb = {
  name: "runs get",
  usage: "<run-id>",
  maxPositionals: 1,
  summary: "Print a run",
  remark: SHORT_IDS,
  group: "drop-in",
  flags: [JSON_LINES],
  examples: ['mogplex-ci runs get "$RUN_ID" --json | jq -r .status'],
  async run(context) {
    const { flags, io, laptop, writer } = context;
    const runId = runIdArgument(context, "runs get");
    const { client, call } = openDropIn(context);
    const run = await client.getRun(runId, call);
    if (flags.has(JSON_LINES)) writer.json(run);
    else {
      // Scripts get the documented lines.
      const repository = io.isTerminal("stdout") ? laptop?.repositoryOfRun(context, runId) : undefined;
      writer.out(...runLines(run, repository).map((line) => writer.untrusted(line)));
    }
    return EXIT.success;
  },
};

const FOLLOW: VerbFlag = {
  name: "follow",
  help: "Keep printing until the run has finished; exit with 0 whatever its status",
};
const EXIT_STATUS: VerbFlag = {
  name: "exit-status",
  help: "With --follow: exit with the verdict, like the follow command",
};
const TIMEOUT: Option<number> = {
  name: "timeout",
  value: "SECONDS",
  help: `Maximum time to wait with --follow, in seconds or as 30m or 1h30m (default ${DEFAULT_TIMEOUT_MS / 1000})`,
  parse: duration(MAX_TIMEOUT_MS),
};

function printEvent({ flags, writer }: Context, event: RunEvent): void {
  if (flags.has(JSON_LINES)) writer.json(event);
  else writer.out(writer.untrusted(eventLine(event)));
}

class NoTimeLeft extends Error {}

/** A client that fails as soon as `Retry-After` exceeds the remaining time, so that a script gets its exit code immediately. */
function impatient(client: ServiceClient, remainingMs: () => number): ServiceClient {
  const getRunEvents: ServiceClient["getRunEvents"] = async (...args) => {
    try {
      return await client.getRunEvents(...args);
    } catch (error) {
      const tooLong = error instanceof ApiError && (error.retryAfterMs ?? 0) > remainingMs();
      throw tooLong ? new NoTimeLeft("Cannot wait for as long as the service requested", { cause: error }) : error;
    }
  };
  return Object.assign(Object.create(client) as ServiceClient, { getRunEvents });
}

async function printUntilEnd(context: Context, runId: string, timeoutMs: number): Promise<EndOutcome> {
  const { io, flags, writer, clock, platform } = context;
  const { client } = openDropIn(context);
  const interrupts = openInterrupts({ io, clock, inJob: platform.isCi });
  const deadline = clock.now() + timeoutMs;
  try {
    const items = followRun(runId, {
      client: impatient(client, () => deadline - clock.now()),
      env: io.env,
      clock,
      timeoutMs,
      // The documented command polls, and its exit codes depend on the responses to the polls.
      stream: false,
      signal: interrupts.signal,
      onNotice: (notice) => writer.note(noticeText(notice)),
    });
    for await (const item of items) {
      if (item.type === "event") printEvent(context, item.event);
      if (item.type !== "end") continue;
      const { run, outcome } = item;
      if (flags.has(JSON_LINES)) writer.json({ runId: run.runId, status: run.status });
      else writer.out(own`--- run ${writer.untrusted(`${run.runId} ${run.status}`)} ---`);
      return outcome;
    }
    throw new Error("Cannot determine how the run ended: the follower stopped early");
  } catch (error) {
    if (error instanceof NoTimeLeft) throw error.cause;
    if (error instanceof DeadlineError) {
      throw new DeadlineError(`--follow timed out after ${timeoutMs / 1000}s waiting for terminal status`, {
        cause: error,
      });
    }
    if (error instanceof InterruptedError) {
      const goesOn = "the run continues, and the same command prints its events again";
      throw new InterruptedError(error.signal, interruptReason(interrupts, goesOn));
    }
    throw error;
  } finally {
    interrupts.close();
  }
}

async function printOnce(context: Context, runId: string): Promise<number> {
  const { flags, writer } = context;
  const { client, call } = openDropIn(context);
  if (flags.get(TIMEOUT) !== undefined) writer.note("--timeout has no effect without --follow");
  const { events } = await client.getRunEvents(runId, { limit: MAX_EVENTS }, call);
  for (const event of events) printEvent(context, event);
  if (events.length >= MAX_EVENTS) writer.note(`The feed shows at most ${MAX_EVENTS} events: there may be more`);
  return EXIT.success;
}

export const runsEventsVerb: Verb = {
  name: "runs events",
  usage: "<run-id>",
  maxPositionals: 1,
  summary: "Print the events of a run; with --follow until it ends",
  remark: SHORT_IDS,
  group: "drop-in",
  flags: [
    FOLLOW,
    TIMEOUT,
    EXIT_STATUS,
    JSON_LINES,
  ],
  verdict: { flag: EXIT_STATUS, meanings: OF_RUNS },
  examples: ['mogplex-ci runs events "$RUN_ID" --follow --timeout 600'],
  async run(context) {
    const { flags, writer } = context;
    const runId = runIdArgument(context, "runs events");
    const timeoutMs = context.option(TIMEOUT) ?? DEFAULT_TIMEOUT_MS;
    const wantsVerdict = flags.has(EXIT_STATUS);
    if (!flags.has(FOLLOW)) {
      if (!wantsVerdict) return await printOnce(context, runId);
      throw new UsageError({ attempted: "print events", why: "--exit-status works only with --follow" });
    }
    const outcome = await printUntilEnd(context, runId, timeoutMs);
    if (wantsVerdict) return EXIT[END_EXIT[outcome]];
    if (outcome !== "awaiting_input") return EXIT.success;
    // The status is not terminal, but this command cannot make the run continue. The documented command would time out.
    writer.error(`run ${runId} needs an answer and will not finish on its own`);
    return EXIT.failed;
  },
};

export const runsCancelVerb: Verb = {
  name: "runs cancel",
  usage: "<run-id>",
  maxPositionals: 1,
  summary: "Cancel a run; a finished run is not an error",
  remark: SHORT_IDS,
  group: "drop-in",
  flags: [JSON_LINES],
  examples: ['mogplex-ci runs cancel "$RUN_ID"'],
  async run(context) {
    const { flags, writer } = context;
    const runId = runIdArgument(context, "runs cancel");
    const { client, call } = openDropIn(context);
    const result = await client.cancelRun(runId, call);
    const id = writer.untrusted(result.run.runId);
    const line = result.alreadyTerminal
      ? own`run ${id} had already ended, so nothing changed`
      : own`cancellation requested for run ${id}`;
    if (flags.has(JSON_LINES)) writer.json(result);
    else writer.out(line, own`status: ${writer.untrusted(result.status)}`);
    return EXIT.success;
  },
};

const LIMIT: Option<number> = {
  name: "limit",
  value: "N",
  help: `At most N, 1 to ${MOST_LISTED} (default ${MOST_LISTED})`,
  parse: wholeNumber(1, MOST_LISTED),
};

const QUERY: VerbFlag = { name: "query", value: "TEXT", help: "Only names that contain this text" };

export const reposListVerb: Verb = {
  name: "repos list",
  summary: "List the repositories that the token can access",
  group: "drop-in",
  flags: [QUERY, LIMIT, JSON_LINES],
  examples: ["mogplex-ci repos list --json | jq '. | {id, full_name}'"],
  async run(context) {
    const { flags, writer } = context;
    const limit = context.option(LIMIT) ?? MOST_LISTED;
    const q = flags.get(QUERY);
    const { client, call } = openDropIn(context);
    const repos = await client.listRepos({ q, limit }, call);
    printList(writer, flags.has(JSON_LINES), repos, repoCells);
    noteFull(writer, "repositories", repos, limit);
    return EXIT.success;
  },
};

const OF_REPO: VerbFlag = {
  name: "repo",
  value: "REPO",
  help: "Only sandboxes of one repository: owner/name, or its id",
};
const WITH_STATUS: VerbFlag = { name: "status", value: "WORD", help: "Only sandboxes with this status" };

export const sandboxesListVerb: Verb = {
  name: "sandboxes list",
  summary: "List the sandboxes, most recently active first",
  group: "drop-in",
  flags: [
    OF_REPO,
    WITH_STATUS,
    JSON_LINES,
  ],
  examples: [`mogplex-ci sandboxes list --json | jq 'select(.status == "running")'`],
  async run(context) {
    const { flags, writer } = context;
    const repo = flags.get(OF_REPO);
    const repository = repo === undefined ? undefined : checkRepository({ repo }, "list sandboxes");
    const status = flags.get(WITH_STATUS);
    const { client, call } = openDropIn(context);
    const repoId = repository && await resolveRepository(client, repository, call);
    const sandboxes = await client.listSandboxes({ repoId, status, limit: MOST_LISTED }, call);
    printList(writer, flags.has(JSON_LINES), sandboxes, sandboxCells);
    noteFull(writer, "sandboxes", sandboxes, MOST_LISTED);
    return EXIT.success;
  },
};

export const sandboxesStopVerb: Verb = {
  name: "sandboxes stop",
  usage: "<sandbox-id>",
  maxPositionals: 1,
  summary: "Not supported by the API: prints the web page where a sandbox can be stopped",
  group: "drop-in",
  flags: [JSON_LINES],
  examples: ['mogplex-ci sandboxes stop "$SANDBOX_ID"'],
  // deno-lint-ignore require-await
  async run(context) {
    const { flags, writer } = context;
    const id = requiredArgument(context, "sandboxes stop", "sandbox-id");
    const url = `${SANDBOX_PAGE}/${encodeURIComponent(id)}`;
    if (flags.has(JSON_LINES)) writer.json({ id, stopped: false, url });
    else {writer.out(
        own`a sandbox cannot be stopped through the API yet; stop it in the web UI: ${writer.untrusted(url)}`,
      );}
    return EXIT.success;
  },
};
