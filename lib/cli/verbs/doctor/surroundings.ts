/**
 * The CI system, the variables, and the settings that they make.
 *
 * @module
 */
import { validateStartRequest } from "../../../api/validate.ts";
import { nearest } from "../../../nearest.ts";
import { STATUS_VARIABLE } from "../../../platforms/define.ts";
import { detectPlatform } from "../../../platforms/detect.ts";
import type { Platform } from "../../../platforms/platform.ts";
import { formatDuration } from "../../../result/duration.ts";
import { OUTPUT_VARIABLES } from "../../../report/outputs.ts";
import { deriveKey, KEY_SCOPES } from "../../../job/key.ts";
import { VARIABLES } from "../../../variables.ts";
import { readFollowSettings, setting, wordSetting } from "../../options/settings.ts";
import { readRequestSettings } from "../../options/start_request.ts";
import type { VerbContext } from "../../verb.ts";
import { type Check, failedWith, type Machine, ok, skipped, tried, warning } from "./check.ts";

/** Stands for a repository and for a run where nothing depends on which one it is; a UUID that nobody has. */
export const NOBODY = "00000000-0000-4000-8000-000000000000";

/** Whether a clean-up step learns from the system how the job ended. */
function tellsState(platform: Platform): boolean {
  return platform.jobState((name) => name === STATUS_VARIABLE ? undefined : "failed") !== "unknown";
}

/** What of the system is used, beside the identity. */
function uses({ io }: VerbContext, platform: Platform): string[] {
  const { outputs, variables, summary } = platform.files(io.env);
  const written = [
    (outputs ?? variables ?? platform.setOutput) && "outputs",
    (summary ?? platform.showSummary) && "summary",
  ].filter(Boolean).join(" and ");
  const told = io.env(STATUS_VARIABLE) !== undefined || tellsState(platform);
  return [
    ...written === "" ? [] : [`${written} of the step are written`],
    told ? "cleanup learns how the job ended" : `cleanup needs ${STATUS_VARIABLE} to learn how the job ended`,
  ];
}

/** Which key a start would get, and what the identity lacks for it. */
async function keyOf(context: VerbContext, platform: Platform): Promise<{ scope: string; missing: readonly string[] }> {
  const wanted = setting(context, "key-scope", "MOGPLEX_KEY_SCOPE");
  const keyPart = setting(context, "key-part", "MOGPLEX_KEY_PART");
  const scope = KEY_SCOPES.find((each) => each === wanted) ?? (platform.isCi ? "pipeline" : "random");
  const parts = { scope, identity: platform.identity(context.io.env), keyPart, repoId: NOBODY };
  let missing: readonly string[] = [];
  const key = await deriveKey({ ...parts, nowMs: context.clock.wallTime() }, (notice) => {
    if (notice.kind === "random_key") missing = notice.missing;
  });
  return { scope: key.scope, missing };
}

/** Checks which CI system is seen, and what of it will be used. */
export async function checkCi(context: VerbContext): Promise<Check> {
  const platform = detectPlatform(context.io.env);
  const { scope, missing } = await keyOf(context, platform);
  const keys = scope === "random" ? "each call starts a run of its own" : `keys of scope ${scope}`;
  const found = [platform.isCi ? platform.name : "no CI system", keys, ...platform.isCi ? uses(context, platform) : []];
  if (missing.length > 0) {
    return warning(
      "ci",
      `${found.join("; ")}; the job cannot be told from others (missing: ${missing.join(", ")})`,
      "Set MOGPLEX_CI_JOB to a text that names pipeline and job and stays the same when the job is retried",
    );
  }
  const alike = platform.hidesNode && setting(context, "key-part", "MOGPLEX_KEY_PART") === undefined;
  return ok("ci", [...found, ...alike ? ["the nodes of a matrix look alike: give each a --key-part"] : []].join("; "));
}

/** Checks for variables that look like ours and are not. */
export function checkVariables({ io }: VerbContext, { names }: Machine): Check {
  if (names === undefined) {
    return skipped("variables", "Deno lists them with --allow-env for all only, so a mistyped name would not be seen");
  }
  const known = VARIABLES.map((each) => each.name);
  const others = [...OUTPUT_VARIABLES, io.env("MOGPLEX_TOKEN_VARIABLE")?.trim()];
  const odd = names.filter((name) => /^mogplex_/i.test(name) && !known.includes(name) && !others.includes(name))
    .filter((name) => io.env(name));
  const set = known.filter((name) => io.env(name));
  if (odd.length === 0) return ok("variables", set.length === 0 ? "none of ours is set" : set.join(", "));
  const advice = odd.map((name) => {
    const hint = nearest(name.toUpperCase(), known);
    return hint === undefined ? `Unset ${name}` : `Did you mean ${hint} in place of ${name}?`;
  });
  return warning("variables", `not one of ours: ${odd.join(", ")}`, advice.join("; "));
}

/** Checks the values of flags and variables. */
export async function checkSettings(context: VerbContext): Promise<Check> {
  const settings = await tried(() => {
    wordSetting(context, "key-scope", "MOGPLEX_KEY_SCOPE", KEY_SCOPES);
    validateStartRequest({ repoId: NOBODY, prompt: "-", ...readRequestSettings(context) });
    return readFollowSettings(context);
  });
  if (!settings.ok) return failedWith("settings", settings.error, "Correct the value, or unset the variable");
  const { timeoutMs, out } = settings.value;
  return ok("settings", `at most ${formatDuration(timeoutMs)}, reports in ${JSON.stringify(out)}`);
}
