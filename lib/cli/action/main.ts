/**
 * The program of the GitHub action. The stage `main` starts a run and follows it. At the end of the job, the runner starts the stage `post`, which
 * cancels the run if `main` was cancelled or killed. `post` has its own entry file. With a shared entry file, `post` would repeat the work of `main`
 * if `main` was killed before it left a mark.
 *
 * @module
 */
import { ONLY_GITHUB } from "../../ci/github.ts";
import { githubRecord, type Platform, type ReadEnv } from "../../ci/platform.ts";
import { messageOf } from "../../error_sentence.ts";
import { exitCodeFor, UsageError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import { GITEA_FOR_JOBS } from "../../forge/gitea/for_jobs.ts";
import { GITHUB_FOR_JOBS } from "../../forge/github/for_jobs.ts";
import { type Io, processIo } from "../../io.ts";
import { appendOutputs, collectProblems, renderGithubOutputs } from "../../report/write.ts";
import { findsAgain } from "../../run/key.ts";
import { isMain, setExitCode } from "../../runtime.ts";
import { own } from "../../text/safe_line.ts";
import { cleanUpAndReport } from "../cleanup_report.ts";
import { createWriter, explain } from "../explain.ts";
import { HISTORY_EXTRAS } from "../history.ts";
import { openContext } from "../context.ts";
import { commandError } from "../log/writer.ts";
import { DETACH, INPUT, STATE } from "../options.ts";
import { optionReader } from "../settings.ts";
import {
  type Context,
  inOneStream,
  inputWords,
  type MainOptions,
  type VerbFlags,
  type VerbFunction,
  type Vocabulary,
} from "../verb.ts";
import { triggerAndFollow } from "../verbs/automations.ts";
import { followRun } from "../verbs/follow.ts";
import { startAndFollow } from "../verbs/run_follow.ts";
import { endMentionNote, respond } from "../verbs/respond.ts";
import { ACTION_NOTES, withMatrixNode } from "./comment.ts";
import { givenToken, type InputName, inputReader, inputsFirst, inputText, isOn } from "./inputs.ts";

const FORGES = [GITHUB_FOR_JOBS, GITEA_FOR_JOBS];

export type Stage = "main" | "post";

export function runPost(): Promise<void> {
  return runStage("post");
}

async function runStage(stage: Stage): Promise<void> {
  // If a promise never settles, the process ends with this code.
  setExitCode(stage === "main" ? EXIT.internal : EXIT.success);
  const io = processIo();
  io.setExitCode(await main(stage, io));
}

const CLEANUP_FAILED = "The Mogplex run could not be cleaned up";

/** `post` fails only for mistakes that the author of the job must fix, because the job already has its verdict. */
const RED_IN_POST: readonly number[] = [EXIT.usage, EXIT.unauthorized, EXIT.forbidden];

/** Never throws. */
export async function main(stage: Stage, process: Io, options: MainOptions = {}): Promise<number> {
  const { env } = process;
  const read = inputsFirst(env);
  const status = (name: string) => name === "MOGPLEX_JOB_STATUS" ? jobStatus(env) : read(name);
  const io: Io = { ...inOneStream(process), env: stage === "post" ? status : read };
  const { platform, isAnnotated } = watching(withMatrixNode(ONLY_GITHUB.detect(env), env));
  const writer = createWriter(io, platform, "toolkit");
  const statePath = stage === "post" ? readMark(env, "state") ?? "" : newStatePath(env);
  const vocabulary = actionVocabulary(io.env);
  let code: number;
  try {
    if (stage === "main") leaveMark(io, "state", statePath);
    const flags = flagsOf(env, statePath);
    const option = inputReader(env, optionReader(flags, io.env));
    const tokenInstead = (variable: string) => variable === GITHUB_FOR_JOBS.variable ? githubToken(env) : undefined;
    const actionParts = {
      option,
      variables: env,
      vocabulary,
      given: givenToken(env),
      notes: ACTION_NOTES,
      forges: FORGES,
      tokenInstead,
      extras: HISTORY_EXTRAS,
    };
    const call = { io, platform, systems: ONLY_GITHUB, writer, flags, verbs: [], dropIn: false, ...actionParts };
    const context = openContext(call, options);
    code = stage === "main" ? await chosenWork(env)(context) : await cleanUpStep(context, env);
  } catch (error) {
    explain(error, writer, vocabulary);
    code = exitCodeFor(error);
    const title = stage === "main" ? failureTitle(env) : CLEANUP_FAILED;
    if (!isAnnotated()) commandError({ writer, platform }, title, error);
  }
  if (stage === "post") return RED_IN_POST.includes(code) ? code : EXIT.success;
  try {
    publishCode({ io, writer, platform }, code);
    leaveMark(io, "ended", String(code));
  } catch (error) {
    explain(error, writer, vocabulary);
  }
  return code;
}

/**
 * The state of the job, for `post`. The runner evaluates the default of the input again for `post`. If `main` was killed and the job continues
 * because of `continue-on-error`, the state is treated as cancelled, because no later step will attach to the run.
 */
function jobStatus(env: ReadEnv): string {
  const status = (inputText(env, "job-status") ?? env("MOGPLEX_JOB_STATUS") ?? "").trim();
  const died = readMark(env, "ended") === undefined;
  return died && ["", "success"].includes(status) ? "cancelled" : status;
}

/** The file is outside the checkout, because other steps change and upload files in the checkout. */
function newStatePath(env: ReadEnv): string {
  const folder = env("RUNNER_TEMP")?.replace(/[\\/]+$/, "");
  return folder ? `${folder}/mogplex-ci-${crypto.randomUUID()}/run.json` : ".mogplex-ci/run.json";
}

/**
 * Values that `main` passes to `post`: the path of the state file, and the exit code at the end. `post` reads them from the environment as
 * `STATE_NAME`.
 */
type Mark = "state" | "ended";

function readMark(env: ReadEnv, mark: Mark): string | undefined {
  return env(`STATE_${mark}`) || undefined;
}

/** If the runner does not provide the file, it has no `post` stage either. */
function leaveMark(io: Io, mark: Mark, value: string): void {
  const path = io.env("GITHUB_STATE");
  if (!path) return;
  try {
    io.appendFile(path, githubRecord(mark, value));
  } catch (cause) {
    const why = messageOf(cause);
    throw new UsageError({ attempted: "store the state for the post step in GITHUB_STATE", why }, { cause });
  }
}

function watching(platform: Platform): { platform: Platform; isAnnotated: () => boolean } {
  let annotated = false;
  const { annotate } = platform;
  if (annotate === undefined) return { platform, isAnnotated: () => annotated };
  const watched: Platform = {
    ...platform,
    annotate(level, ...texts) {
      annotated ||= level === "error";
      return annotate(level, ...texts);
    },
  };
  return { platform: watched, isAnnotated: () => annotated };
}

function githubToken(env: ReadEnv): { token: string; place: string } {
  return { token: inputText(env, "github-token")?.trim() ?? "", place: "input github-token" };
}

/** Without this output, the exit code of a step with `continue-on-error` would not be visible. */
function publishCode({ io, writer, platform }: Pick<Context, "io" | "writer" | "platform">, code: number): void {
  const { outputs } = platform.files(io.env);
  const { problems, attempt } = collectProblems();
  const texts = { outputs: () => renderGithubOutputs({ exit_code: String(code) }), variables: () => "" };
  appendOutputs(texts, { outputs }, io, attempt, (text) => text);
  for (const { message } of problems) writer.error(message);
}

async function cleanUpStep(context: Context, env: ReadEnv): Promise<number> {
  if (readMark(env, "state") !== undefined) {
    return chosen(env)?.run === respond
      ? await cleanUpAndReport({ ...context, isMention: true }, "the post step", endMentionNote)
      : await cleanUpAndReport(context, "the post step");
  }
  context.writer.out(own`nothing to clean up: the step had not started`);
  return EXIT.success;
}

function failureTitle(env: ReadEnv): string {
  return chosen(env)?.failed ?? "The Mogplex run was not started";
}

function flagsOf(env: ReadEnv, statePath: string): VerbFlags {
  return {
    positionals: argumentsOf(env),
    has: (flag) => flag === DETACH && !isOn(env, "follow", true),
    get: (flag) => flag === STATE ? statePath : undefined,
    all: (flag) => flag === INPUT ? automationInput(env) : [],
  };
}

function argumentsOf(env: ReadEnv): string[] {
  const kind = chosen(env);
  return kind === undefined ? [] : [inputText(env, kind.input)?.trim() ?? ""];
}

function automationInput(env: ReadEnv): string[] {
  return (inputText(env, "automation-input") ?? "").split("\n").map((line) => line.trim()).filter((line) =>
    line !== ""
  );
}

interface Kind {
  input: InputName;
  run: VerbFunction;
  refuses: readonly InputName[];
  failed: string;
}

const FOR_STARTS: readonly InputName[] = [
  ...["after", "fix"] as const,
  ...["prompt", "prompt-file", "harness", "mode", "base-branch", "branch", "create-branch", "root"] as const,
];

const KINDS: readonly Kind[] = [
  {
    input: "run-id",
    run: followRun,
    refuses: [...FOR_STARTS, "idempotency-key", "automation", "automation-input"],
    failed: "The Mogplex run was not followed",
  },
  {
    input: "automation",
    run: triggerAndFollow,
    refuses: FOR_STARTS,
    failed: "The Mogplex automation was not triggered",
  },
  {
    input: "respond",
    run: respond,
    refuses: [
      ...["after", "fix", "prompt", "prompt-file", "base-branch", "branch", "create-branch"] as const,
      ...["idempotency-key", "key-scope", "key-part", "comment", "pull-request"] as const,
    ],
    failed: "Mogplex did not answer",
  },
];

function chosen(env: ReadEnv): Kind | undefined {
  return KINDS.find(({ input }) => input === "respond" ? isOn(env, input, false) : inputText(env, input) !== undefined);
}

function chosenWork(env: ReadEnv): VerbFunction {
  const kind = chosen(env);
  if (kind !== undefined) {
    const attempted = `use input ${kind.input}`;
    const other = kind.refuses.find((name) => inputText(env, name) !== undefined);
    if (other !== undefined) throw new UsageError({ attempted, why: `it cannot be combined with input ${other}` });
    if (!isOn(env, "follow", true)) {
      throw new UsageError({ attempted, why: "the step follows the run, but input follow is false" });
    }
  }
  checkAutomationInput(env);
  return kind?.run ?? startAndFollow;
}

/** The message does not contain the line, because the line may contain a secret. */
function checkAutomationInput(env: ReadEnv): void {
  const attempted = "use input automation-input";
  if (inputText(env, "automation-input") === undefined) return;
  if (inputText(env, "automation") === undefined) throw new UsageError({ attempted, why: "input automation is empty" });
  const wrong = automationInput(env).findIndex((line) => !/^(?!:=)[^=]+=/.test(line));
  if (wrong < 0) return;
  throw new UsageError({ attempted, why: `line ${wrong + 1} must have the form name=value, or name:=JSON` });
}

const RERUN_JOB = "run this job again";

function actionVocabulary(env: ReadEnv): Vocabulary {
  return {
    program: "the action",
    ...inputWords("set the input repo or the variable MOGPLEX_REPO_ID", "the input timeout"),
    repo: "input repo or variable MOGPLEX_REPO_ID",
    runId: "input run-id",
    resume({ resume, outcome, runId, kind, idempotencyKey }) {
      if (resume === null) return null;
      const scope = env("MOGPLEX_KEY_SCOPE")?.trim() ?? "";
      const named = inputText(env, "idempotency-key") ?? inputText(env, "run-id");
      if (outcome !== "started" && (named !== undefined || findsAgain(scope))) return { instruction: RERUN_JOB };
      return {
        instruction: kind === "automation-run"
          ? `set the input idempotency-key of this step to ${idempotencyKey}`
          : `set the input run-id of the action to ${runId}`,
      };
    },
    // With a fixed key or run id, the next attempt would find the cancelled run again.
    restart: chosen(env) === undefined && inputText(env, "idempotency-key") === undefined ? RERUN_JOB : undefined,
  };
}

if (isMain(import.meta)) void runStage("main");
