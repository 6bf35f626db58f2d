import { UsageError } from "../../errors.ts";
import type { Run } from "../../model.ts";
import { findsAgain } from "../../run/key.ts";
import { isLater, type RunRequest } from "../../run/request.ts";
import { emptyRunResult } from "../../run/result.ts";
import { runJob } from "../../run/run.ts";
import type { StartedRun } from "../../run/start.ts";
import { valueOr } from "../../lookup.ts";
import { givenName } from "../../service/repository.ts";
import { readFollowUp } from "../job/follow_up.ts";
import { readResultRequest, resultOptions } from "../job/result_file.ts";
import { withJob } from "../job/with_job.ts";
import type { LogForm } from "../log/live_log.ts";
import { logWidth } from "../log/writer.ts";
import {
  AFTER,
  DETACH,
  FIX,
  JSON_LINES,
  KEY_SCOPE,
  KEYS,
  LOG,
  OPEN,
  REPO,
  REPORTING,
  REQUEST,
  RESULT_RETRIES,
  RESULTS,
  RESUME,
  SHOW_TASK,
  STATE,
  TOKEN_SHARE,
  WATCHING,
} from "../options.ts";
import { outDirectory, readRunSettings } from "../settings.ts";
import { readStartRequest } from "../start_request.ts";
import type { Context, Folder, Verb, VerbFlag } from "../verb.ts";
import { OF_RUNS } from "./codes.ts";

const FOLLOW: VerbFlag = {
  name: "follow",
  help: "Follow the run to its end: a whole CI job in one line",
  heading: "Following",
};
const NEW: VerbFlag = {
  name: "new",
  help: "Outside CI: start a new run for the same request",
  heading: "Following",
};

export async function startAndFollow(context: Context): Promise<number> {
  const { flags, io, laptop, option } = context;
  const { result } = await withJob(context, {
    // If a setting cannot be read, `read` reports the error.
    nothing: { ...emptyRunResult(), repository: valueOr(() => givenName(option(REPO)), undefined) ?? null },
    read: () => readRun(context),
    named: ({ about }) => ({
      repository: givenName(about.repo) ?? null,
      task: option(SHOW_TASK) === false ? null : about.prompt ?? null,
    }),
    async place({ request }, session): Promise<Folder> {
      // In CI, a job finds its run by the idempotency key.
      return await laptop?.chooseFolder(context, request, flags.has(NEW), session) ??
        { request, out: outDirectory(context) };
    },
  }, ({ asked, folder, places, session, live, started, item, complete }) => {
    const { log, key, about } = asked;
    const { request, claim, resumePath, resumeRun, maxEndAgeMs } = folder;
    return runJob(
      request,
      complete({
        ...key,
        ...resultOptions(context, session),
        onItem: item,
        onStarted(run) {
          announce(context, run, about, log);
          laptop?.rememberStart(context, run.run, places.out, {
            repository: about.repo ?? "",
            task: about.prompt,
            isLater: isLater(asked.request),
          });
          started(run.runId);
          live.open(run.run.status);
        },
        // The request may contain the id instead of the name.
        repository: givenName(about.repo),
        // Not called if the user gave the name, because the start line already contains it.
        onRepository: (name) => live.fact(repositoryLine(name)),
        state: {
          ...{ files: io, path: places.state, claim },
          ...{ resumePath: option(RESUME) ?? resumePath, resumeRun, maxEndAgeMs },
        },
        startOnly: flags.has(DETACH),
        showTask: option(SHOW_TASK),
      }),
    );
  });
  return result.exitCode;
}

async function readRun(context: Context) {
  const { flags, option } = context;
  if (flags.has(DETACH) && flags.has(FOLLOW)) {
    const why = "--follow and --detach cannot be used together";
    throw new UsageError({ attempted: "run", why, advice: "use only one of them" });
  }
  const settings = readRunSettings(context);
  const after = option(AFTER);
  if (after === undefined && option(FIX) !== undefined) {
    throw new UsageError({ attempted: "use --fix", why: "it works only with --after" });
  }
  const result = readResultRequest(context);
  const request = after === undefined
    ? await readStartRequest(context, result)
    : await readFollowUp(context, after, result);
  const about = isLater(request) ? { repo: option(REPO), prompt: request.task ?? `--fix ${option(FIX)}` } : request;
  return { ...settings, request, about, wanted: result };
}

export function announce(
  { flags, io, writer }: Context,
  { run, replayed, idempotencyKey }: Pick<StartedRun, "replayed"> & { run: Run; idempotencyKey?: string | undefined },
  { repo }: Pick<RunRequest, "repo">,
  log: LogForm,
): void {
  if (flags.has(JSON_LINES)) return writer.json({ type: "run", ...run });
  const { working, base, createBranch } = run.branch;
  const name = givenName(repo);
  const lines = [
    `${replayed ? "attached to" : "started"} run ${run.runId} (${run.status})`,
    `agent ${run.harness}`,
    `branch ${working} (base ${base}${createBranch ? ", created" : ""})`,
    // The state file contains the key. The block at the end of the log also contains the key if the key is needed to continue.
    ...(log === "full" && idempotencyKey !== undefined ? [`key ${idempotencyKey}`] : []),
    // If the user gave an id, this line is printed when the name is known.
    ...(name === undefined ? [] : [repositoryLine(name)]),
  ];
  const hang = { cells: io.isTerminal("stdout") ? logWidth(io) : Infinity, indent: 2 };
  writer.out(...lines.flatMap((line) => writer.untrustedLines(writer.untrusted(line), Infinity, hang)));
}

function repositoryLine(name: string): string {
  return `repository ${name}`;
}

/** On a CI system with a button that retries the job, the log shows no command. Readers of the log have no shell on the runner. */
function withRetry(context: Context): Context {
  const { platform: { retryJob }, vocabulary, option } = context;
  if (retryJob === undefined) return context;
  return {
    ...context,
    vocabulary: {
      ...vocabulary,
      resume: (result) =>
        result.resume !== null && result.outcome !== "started" && findsAgain(option(KEY_SCOPE) ?? "")
          ? { instruction: retryJob }
          : vocabulary.resume(result),
    },
  };
}

export const runFollowVerb: Verb = {
  name: "run --follow",
  chosenBy: [FOLLOW, DETACH],
  usage: '"<prompt>" | -',
  maxPositionals: 1,
  summary: "Start a run, follow it, write reports, and exit with its verdict",
  group: "toolkit",
  flags: [
    [FOLLOW, DETACH],
    REQUEST,
    RESULTS,
    [RESULT_RETRIES],
    WATCHING,
    [NEW, LOG, TOKEN_SHARE],
    KEYS,
    RESUME,
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
    'mogplex-ci run --follow --after 42 "also the docs"',
  ],
  run: (context) => startAndFollow(withRetry(context)),
};
