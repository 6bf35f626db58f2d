/**
 * Writing reports from a script.
 *
 * @module
 */
import { resolveToken } from "../api/connection/connection.ts";
import { UsageError } from "../errors.ts";
import { detectPlatform } from "../platforms/detect.ts";
import type { ReadEnv } from "../platforms/platform.ts";
import { createRedactor } from "../text/redact.ts";
import type { AutomationResult } from "../result/automation_result.ts";
import type { RunResult } from "../result/run_result.ts";
import type { ReportTarget } from "../report/targets.ts";
import { writeReports } from "../report/write.ts";
import { type Io, processIo } from "../io.ts";
import { environmentVariable } from "../runtime.ts";

/** Options of {@linkcode report}. */
export interface ReportOptions {
  /** Access token, to be masked. @default the one that a run would use */
  token?: string | undefined;
  /** Reads an environment variable; values of those that hold secrets are masked. @default the environment of the process */
  env?: ReadEnv | undefined;
  /** Further texts to be masked, of at least 8 characters. @default {[]} */
  secrets?: readonly string[] | undefined;
}

/** The token wherever it is kept; undefined when there is none, or none that could be used. */
function knownToken(env: ReadEnv, { readFile }: Pick<Io, "readFile">): string | undefined {
  try {
    return resolveToken({ env, readFile });
  } catch {
    return undefined;
  }
}

/**
 * Writes reports about a run or an automation run. It sends no requests. Files are replaced as a whole; directories are made.
 *
 * @param result What {@linkcode run} or {@linkcode runAutomation} returned, or the `result` of the error that they threw.
 * @param targets Formats and files.
 * @param options See {@linkcode ReportOptions}.
 * @throws {UsageError} when a report cannot be written; all others are.
 * @example Write a summary
 * ```ts ignore
 * await report(result, [{ format: "markdown", path: "summary.md" }, { format: "json", path: "result.json" }]);
 * ```
 */
export async function report(
  result: RunResult | AutomationResult,
  targets: readonly ReportTarget[],
  options: ReportOptions = {},
): Promise<void> {
  const { env = environmentVariable, secrets } = options;
  const io = await processIo();
  const redact = createRedactor({ token: options.token ?? knownToken(env, io), env, secrets });
  const problems = writeReports(result, targets, io, redact, {
    links: detectPlatform(env).links(env),
    redactToken: redact.token,
  });
  if (problems.length > 0) throw new UsageError(problems.map((problem) => problem.message).join("; "));
}
