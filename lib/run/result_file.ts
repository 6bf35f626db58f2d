import { AbortedError, DeadlineError, InterruptedError, MogplexError, UsageError } from "../errors.ts";
import { EXIT } from "../exit_codes.ts";
import type { RepositoryFiles, WantedRepository } from "../forge/files.ts";
import type { FileRefusal } from "../git/tree.ts";
import type { StartRequest } from "../model.ts";
import { waitForHook } from "../hook.ts";
import { type CheckByCaller, checkResultFile } from "../result/check_file.ts";
import type { PlannedResult } from "../result/wanted_result.ts";
import { interruptReason } from "./interrupts.ts";
import type { JobEnd } from "./job.ts";
import type { OpenFiles } from "./options.ts";
import { reasonOf, resultError, type ResultFile, type RunResult } from "./result.ts";
import type { Session } from "./session.ts";

export interface ResultPlace {
  readonly open: OpenFiles;
  readonly repository: WantedRepository;
}

async function withFiles<T>(
  { open, repository }: ResultPlace,
  read: (files: RepositoryFiles) => Promise<T>,
): Promise<T> {
  const files = await open(repository);
  try {
    return await read(files);
  } finally {
    await files.close();
  }
}

/** An old file that the run did not change would be treated as its result. The file must therefore not exist where the run will begin. */
export async function checkResultAbsent(
  place: ResultPlace,
  { path }: PlannedResult,
  request: StartRequest,
): Promise<void> {
  await withFiles(place, async (files) => {
    const { baseBranch, workingBranch, createBranch } = request;
    const working = createBranch === true || workingBranch === undefined ? null : await files.head(workingBranch);
    const branch = working === null ? baseBranch : workingBranch;
    const commit = working ?? await files.head(baseBranch);
    // The service refuses a branch that does not exist.
    if (commit === null) return;
    const file = await files.file(commit, path);
    if (file.kind === "missing") return;
    throw new UsageError({
      attempted: "start run",
      why: `the result file already exists on ${branch === undefined ? "the default branch" : JSON.stringify(branch)}`,
      value: JSON.stringify(path),
      advice: "delete it, or add {id} to its name",
    });
  });
}

export interface ResultReading {
  file: ResultFile;
  output: unknown;
}

const REFUSALS: Readonly<Record<FileRefusal, string>> = {
  link: "a symbolic link",
  submodule: "a submodule",
  lfs: "a Git LFS pointer",
  folder: "a folder",
  mode: "of a type that Git does not support",
  "too large": "larger than 1 MB",
};

/**
 * @param branch Branch that the run delivered; `null` if it delivered none; `undefined` if that is unknown.
 * @param blobBefore Blob of the file before the run; `null` if there was no file.
 */
export async function readResultFile(
  session: Session,
  place: ResultPlace,
  { path, schema, check }: PlannedResult,
  { branch, blobBefore, redact = session.redactor() }: {
    branch: string | null | undefined;
    blobBefore: string | null;
    redact?: ((text: string) => string) | undefined;
  },
): Promise<ResultReading> {
  const file: ResultFile = {
    ...{ path, branch: branch ?? null, commit: null, blob: null, cause: null },
    ...{ mistakes: [], outputs: {}, value: null },
  };
  const bad = (cause: ResultFile["cause"], ...mistakes: string[]) => ({
    file: { ...file, cause, mistakes },
    output: null,
  });
  const attempted = `read the result file ${JSON.stringify(path)}`;
  if (branch === undefined) {
    throw new MogplexError({ attempted, why: "the events of the run do not show its branch" }, "unavailable");
  }
  if (branch === null) return bad("result-missing", "the run changed nothing");
  return await withFiles(place, async (files) => {
    const commit = await files.head(branch);
    if (commit === null) {
      const why = `branch ${JSON.stringify(branch)} no longer exists`;
      throw new MogplexError({ attempted, why }, "unavailable");
    }
    file.commit = commit;
    const entry = await files.file(commit, path);
    if (entry.kind === "missing") return bad("result-missing", "the branch does not contain it");
    if (entry.kind === "refused") {
      const { why, path: place } = entry;
      const what = place === path ? "it" : JSON.stringify(place);
      return bad("result-invalid", `${what} is ${REFUSALS[why]}`);
    }
    file.blob = entry.blob;
    if (entry.blob === blobBefore) return bad("result-missing", "the run has not changed it");
    const checking = checkResultFile(entry.bytes, {
      schema,
      check: check && inTime(session, attempted, check),
      redact,
    });
    // A worker takes real time, so the clock waits for the result. The caller's validator has its own time limit.
    const checked = await (check === undefined ? session.clock.during?.(checking) ?? checking : checking);
    if (checked.kind !== "good") return bad(checked.kind, ...checked.mistakes);
    const { value, output } = checked;
    return { file: { ...file, value, outputs: outputsOf(value, schema.outputs) }, output };
  });
}

const VALIDATOR_MS = 10_000;

function inTime({ clock, deadline, signal }: Session, attempted: string, check: CheckByCaller): CheckByCaller {
  return async (value) => {
    const until = Math.max(deadline, clock.now() + VALIDATOR_MS);
    try {
      return await waitForHook(attempted, "result.schema", check(value), { clock, deadline: until, signal });
    } catch (error) {
      if (error instanceof DeadlineError) return { mistakes: ["the whole value could not be checked in time"] };
      throw error;
    }
  };
}

function outputsOf(value: unknown, names: readonly string[]): ResultFile["outputs"] {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(
    names.filter((name) => Object.hasOwn(value, name)).map((name) => [name, (value as ResultFile["outputs"])[name]]),
  ) as ResultFile["outputs"];
}

const TITLES = {
  "result-missing": "is missing",
  "result-not-json": "is not JSON",
  "result-invalid": "is not valid",
  "result-unreadable": "cannot be read",
} as const;

export function withReading(end: JobEnd<RunResult>, { file, output }: ResultReading): JobEnd<RunResult> {
  const { cause, path, mistakes } = file;
  const result = { ...end.result, resultFile: file, value: output };
  if (cause === null) return { ...end, result };
  const reason = `The run succeeded, but its result file ${JSON.stringify(path)} ${TITLES[cause]} (${cause}): ${
    mistakes.join("; ")
  }`;
  return { ...end, result: { ...result, outcome: "failed", exitCode: EXIT.failed, reason } };
}

/** The outcome is `error`, not `failed`, because another attempt may be able to read the result file. */
export function withoutReading(
  end: JobEnd<RunResult>,
  { path }: Pick<PlannedResult, "path">,
  branch: string | null,
  error: unknown,
): JobEnd<RunResult> {
  const cause = "result-unreadable" as const;
  const file: ResultFile = {
    ...{ path, branch, commit: null, blob: null, cause },
    ...{ mistakes: [reasonOf(error)], outputs: {}, value: null },
  };
  const { exitCode } = error instanceof MogplexError ? error : { exitCode: EXIT.internal };
  const result: RunResult = {
    ...end.result,
    ...{ outcome: "error", exitCode, reason: reasonOf(error), error: resultError(error), resultFile: file },
  };
  return { ...end, result, error };
}

export function interruptedReading(end: JobEnd<RunResult>, by: unknown): JobEnd<RunResult> {
  const text = "the run has succeeded, but its result file was not read";
  const reason = interruptReason(undefined, text);
  const error = by instanceof InterruptedError ? new InterruptedError(by.signal, reason) : new AbortedError(reason, by);
  const result: RunResult = {
    ...end.result,
    ...{ outcome: "interrupted", exitCode: error.exitCode, reason, error: resultError(error) },
  };
  return { ...end, result, error: by, stopped: text };
}
