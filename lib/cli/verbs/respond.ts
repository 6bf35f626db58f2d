import { MogplexError, UsageError } from "../../errors.ts";
import { valueOr } from "../../lookup.ts";
import type { Run, StartRequest } from "../../model.ts";
import { pagePath } from "../../report/write.ts";
import { answer, endKilledNote } from "../../respond/answer.ts";
import { type Checks, checksText, lookBackMs } from "../../respond/checks.ts";
import type { RespondSettings } from "../../respond/rights.ts";
import { NoRun, type RespondJob, type RunAsked, type RunAskedOptions } from "../../respond/job.ts";
import { checkTemplate } from "../../respond/prompt.ts";
import { emptyRunResult, type RunResult } from "../../run/result.ts";
import { attachJob, runJob } from "../../run/run.ts";
import type { StartedRun } from "../../run/start.ts";
import { DEFAULT_TIMEOUT_MS } from "../../run/session.ts";
import { openOneShot } from "../context.ts";
import { noteWaits, openJobForge } from "../job/open_forge.ts";
import { withJob } from "../job/with_job.ts";
import {
  ALLOW_URL,
  ALLOW_USERS,
  CHECKS,
  COMMIT_STATUS,
  DAILY_LIMIT,
  HARNESS,
  HISTORY,
  LOG,
  MENTION_LABEL,
  MENTION_NAME,
  MODE,
  OTEL_FILE,
  OUT,
  POLL,
  REPO,
  REPORT,
  ROOT,
  SHOW_TASK,
  SINCE,
  STATE,
  TEMPLATE,
  TIMEOUT,
  TOKEN_SHARE,
  WATCHING,
} from "../options.ts";
import {
  commonUsers,
  type JobVariables,
  MENTION_WORD,
  outDirectory,
  readDailyLimit,
  readRunSettings,
  readUserLists,
} from "../settings.ts";
import { readCheckoutFile } from "../start_request.ts";
import type { Context, Verb, Vocabulary } from "../verb.ts";
import { RUN_DEADLINE, RUN_RATE_LIMITED } from "./codes.ts";
import { DRY_RUN, refuseRehearsalFlags, REHEARSAL, rehearseMention } from "./rehearse.ts";
import { announce } from "./run_follow.ts";

function checksOf({ option }: Context): Checks {
  const schedule = option(CHECKS);
  return { schedule, sinceMs: option(SINCE) ?? lookBackMs(schedule) };
}

function readSettings(context: Context, forgeJob?: JobVariables): RespondSettings {
  const { option, flags } = context;
  const path = option(TEMPLATE);
  const template = path === undefined ? undefined : readCheckoutFile(context, path, "read template");
  if (template !== undefined) checkTemplate(template);
  const userLists = readUserLists(context, forgeJob);
  const limit = readDailyLimit(context);
  const limitText = flags.get(DAILY_LIMIT);
  const isLimitFlag = limitText !== undefined && DAILY_LIMIT.parse(limitText, DAILY_LIMIT.name) === limit;
  return {
    name: option(MENTION_NAME) ?? MENTION_WORD,
    label: option(MENTION_LABEL) ?? MENTION_WORD,
    allowUsers: commonUsers(userLists) ?? null,
    userLists,
    limit,
    limitFrom: isLimitFlag ? `--${DAILY_LIMIT.name}` : DAILY_LIMIT.variable,
    template,
    checks: checksOf(context),
    isPublic: ["public", "internal"].includes(context.io.env("CI_PROJECT_VISIBILITY") ?? ""),
  };
}

function readJob(
  context: Context,
  forgeJob?: JobVariables,
): Pick<RespondJob, "settings" | "request" | "showsTask" | "setsStatus"> {
  const { option } = context;
  return {
    settings: readSettings(context, forgeJob),
    request: {
      repo: option(REPO),
      harness: option(HARNESS),
      mode: option(MODE) as StartRequest["mode"],
      rootDirectory: option(ROOT),
    },
    showsTask: option(SHOW_TASK) !== false,
    setsStatus: option(COMMIT_STATUS),
  };
}

/** The holder of a trigger token can set variables of the pipeline. A variable could send the Mogplex token to another address. */
function checkAddress(context: Context): void {
  const { io: { env }, flags } = context;
  if (env("CI_PIPELINE_SOURCE") !== "trigger" || flags.has(ALLOW_URL) || !context.connection().custom) return;
  throw new UsageError({
    attempted: "respond",
    why: "a trigger started this pipeline, and MOGPLEX_URL is not the service's own address",
    advice: "if this is intended, give --allow-url (input allow-url of the component)",
  });
}

/** Each answer to a mention opens the service again, but the warning about an unusual address of the service is only printed once. */
function toldOnce(context: Context): Context {
  const { writer } = context;
  let isTold = false;
  const connection = () => {
    const connection = context.connection();
    for (const notice of isTold ? [] : connection.notices) writer.note(notice);
    isTold = true;
    return { ...connection, notices: [] };
  };
  return { ...context, connection };
}

function jobOf(program: Context, context: Context): RespondJob {
  const { io, clock, platform, writer } = context;
  const same = readJob(context);
  const onWait = noteWaits(program);
  return {
    ...same,
    io,
    clock,
    platform,
    writer,
    openForge: () => openJobForge(program, { use: "respond", onNotice: onWait }),
    // Reading the token sends no request, so no warning is needed.
    token: program.connection().token,
    openService: (timeoutMs) => openOneShot(context, timeoutMs),
    run: (what, options) => runAsked(context, same.settings.name, what, options),
  };
}

/** Completes the note of a mention whose job was killed. A failure is printed as one line on stderr. */
export async function endMentionNote(context: Context, { runId }: Pick<RunResult, "runId">): Promise<void> {
  try {
    if (runId !== null) await endKilledNote(jobOf(context, toldOnce(context)), runId);
  } catch (error) {
    context.writer.note(error instanceof MogplexError ? error.message : `Cannot write a note: ${error}`);
  }
}

function unanswered(context: Context): string {
  const answered = (check: string, span: string) =>
    `Do not write the comment again: once the error below is fixed, ${check} answers mentions that are less than ${span} old.`;
  // The flag for the schedule may itself be invalid.
  const checks = valueOr(() => checksOf(context), { schedule: undefined, sinceMs: lookBackMs(undefined) });
  return checksText(checks, answered, "Write the comment again once the error below is fixed.");
}

export async function respond(program: Context): Promise<number> {
  const { flags, option, platform, writer } = program;
  let hasNote = flags.has(POLL) || !platform.isCi;
  try {
    program.guard();
    checkAddress(program);
    const context = toldOnce(program);
    return await answer(jobOf(program, context), {
      isPoll: flags.has(POLL),
      sinceMs: checksOf(program).sinceMs,
      timeoutMs: option(TIMEOUT) ?? DEFAULT_TIMEOUT_MS,
      out: outDirectory(context),
      onNote: () => void (hasNote = true),
    });
  } catch (error) {
    if (!hasNote) writer.note(unanswered(program));
    throw error;
  }
}

async function runAsked(
  program: Context,
  name: string,
  what: Parameters<RunAsked>[0],
  { note, out, onSession, onNotice }: RunAskedOptions,
): ReturnType<RunAsked> {
  const notes = { wanted: () => true, plan: () => note };
  const vocabulary = { ...program.vocabulary, ...commentsFor(name) };
  const context: Context = { ...program, notes, vocabulary, isMention: true };
  const { result, places } = await withJob(context, {
    nothing: emptyRunResult(),
    read: () => readRunSettings(context),
    place: () => Promise.resolve({ out }),
    onNotice,
    passes: (error) => error instanceof NoRun,
  }, async ({ asked: { log, onInterrupt }, places, session, live, started, item, complete }) => {
    onSession(session);
    const onRun = (run: Pick<StartedRun, "replayed"> & { run: Run; idempotencyKey?: string }, repo?: string) => {
      announce(context, run, { repo }, log);
      started(run.run.runId);
      live.open(run.run.status);
    };
    const options = {
      onItem: item,
      state: { files: context.io, path: places.state },
      showTask: context.option(SHOW_TASK),
    };
    if ("run" in what) {
      const { run } = what;
      onRun({ run, replayed: true }, context.option(REPO));
      // An earlier attempt of the same job started the run, so a signal has the same effect as during that attempt.
      const stop = onInterrupt === "auto" ? "cancel" : onInterrupt;
      return await attachJob(run.runId, complete({ ...options, onInterrupt: stop }));
    }
    const { request, idempotencyKey, waitsForSandbox, mayRepeat, onStarted, onEnd } = what;
    const end = await runJob(
      request,
      complete({
        ...options,
        idempotencyKey,
        isSeries: true,
        waitsForSandbox,
        mayRepeat,
        onStarted(run) {
          onRun(run, request.repo);
          onStarted(run);
        },
      }),
    );
    return await onEnd(end);
  });
  return { result, page: pagePath(places.targets) };
}

function commentsFor(name: string): Pick<Vocabulary, "resume" | "cancel" | "repeat"> {
  return {
    resume: ({ resume }) =>
      resume === null ? null : {
        instruction:
          `run this job again to follow the run; once it has finished, comment "@${name} again" to repeat it`,
      },
    cancel: () => `comment @${name} stop`,
    repeat: `@${name} again`,
  };
}

export const respondVerb: Verb = {
  name: "respond",
  summary: "Turn a mention on an issue or pull request into a run, with a note that shows its progress",
  group: "toolkit",
  flags: [
    [POLL, SINCE, CHECKS],
    [MENTION_NAME, MENTION_LABEL, ALLOW_USERS, DAILY_LIMIT, TEMPLATE, COMMIT_STATUS, ALLOW_URL],
    [REPO, ROOT, HARNESS, MODE],
    WATCHING,
    LOG,
    TOKEN_SHARE,
    [REPORT, OUT, HISTORY, OTEL_FILE],
    SHOW_TASK,
    STATE,
    REHEARSAL,
  ],
  meanings: {
    rateLimited: RUN_RATE_LIMITED,
    deadline: RUN_DEADLINE,
    success: "the run succeeded, or there was nothing to start and the log shows why",
    unavailable: "the forge or the service did not answer; the next event or poll tries again",
  },
  examples: [
    "mogplex-ci respond",
    "mogplex-ci respond --poll --since 6h",
    'mogplex-ci respond --dry-run --text "@mogplex fix the failing test"',
  ],
  async run(context) {
    if (context.flags.has(DRY_RUN)) {
      return await rehearseMention(context, (forgeJob) => readJob(context, forgeJob));
    }
    refuseRehearsalFlags(context);
    return await respond(context);
  },
};
