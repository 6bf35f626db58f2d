/**
 * Checks of the CI system, the variables and the settings.
 *
 * @module
 */
import { nearest } from "../../../nearest.ts";
import { checkRunRequest } from "../../../runs/run_request.ts";
import { STATUS_VARIABLE } from "../../../platforms/define.ts";
import type { Platform } from "../../../platforms/platform.ts";
import { formatDuration } from "../../../result/duration.ts";
import { OUTPUT_VARIABLES } from "../../../report/outputs.ts";
import { deriveKey } from "../../../job/key.ts";
import { lookup } from "../../../lookup.ts";
import { VARIABLES } from "../../../variables.ts";
import { isLaptop } from "../../job/laptop.ts";
import { readPlaces } from "../../options/places.ts";
import { readRunSettings } from "../../options/settings.ts";
import { readRequestSettings } from "../../options/start_request.ts";
import { KEY_PART, KEY_SCOPE } from "../../options/table.ts";
import type { VerbContext } from "../../verb.ts";
import { adviceOf, type Check, failedWith, type Machine, ok, skipped, tried, warning } from "./check.ts";

/** Stands for a repository or a run where any would do: a UUID that does not exist. */
export const NOBODY = "00000000-0000-4000-8000-000000000000";

/** When a start makes a new run, by the scope of its key. */
const STARTS: Readonly<Record<string, string>> = {
  pipeline: "a job that is run again finds its run",
  job: "each attempt of a job starts a new run",
  day: "one run a day",
  random: "each call starts a new run",
};

/** The same for a person, whose folder remembers the run. */
const LAPTOP = "run --follow attaches to the run that it left in this folder, else it starts one";

/** Whether the system lets a clean-up step learn how the job ended. */
function showsJobState(platform: Platform): boolean {
  return platform.jobState((name) => name === STATUS_VARIABLE ? undefined : "failed") !== "unknown";
}

/** Which features of the system a job uses, beside the identity. */
function uses({ io, platform }: VerbContext): string[] {
  const { outputs, variables, summary } = platform.files(io.env);
  const written = [
    (outputs ?? variables ?? platform.setOutput) && "outputs",
    (summary ?? platform.showSummary) && "summary",
  ].filter(Boolean).join(" and ");
  const knowsState = io.env(STATUS_VARIABLE) !== undefined || showsJobState(platform);
  return [
    ...written === "" ? [] : [`${written} of the step are written`],
    knowsState ? "cleanup learns how the job ended" : `cleanup needs ${STATUS_VARIABLE} to learn how the job ended`,
  ];
}

/** Which key a start would get, what the identity lacks for it, and whether the user has asked for a key of his own. */
async function keyOf(context: VerbContext): Promise<{ scope: string; missing: readonly string[]; own: boolean }> {
  const { option, platform } = context;
  // A scope that is not known is reported by the check of the settings.
  const wanted = await tried(() => option(KEY_SCOPE));
  const keyPart = option(KEY_PART);
  const scope = (wanted.ok ? wanted.value : undefined) ?? (platform.isCi ? "pipeline" : "random");
  const parts = { scope, identity: platform.identity(context.io.env), keyPart, repoId: NOBODY };
  let missing: readonly string[] = [];
  const key = deriveKey({ ...parts, nowMs: context.clock.wallTime() }, (notice) => {
    if (notice.kind === "random_key") missing = notice.missing;
  });
  return { scope: key.scope, missing, own: keyPart !== undefined || wanted.ok && wanted.value !== undefined };
}

/** Checks which CI system this is, and which of its features a job would use. */
export async function checkCi(context: VerbContext): Promise<Check> {
  const { platform } = context;
  const { scope, missing, own } = await keyOf(context);
  const found = [
    platform.isCi ? platform.name : "no CI system",
    isLaptop(context) && !own ? LAPTOP : lookup(STARTS, scope) ?? "",
    ...platform.isCi ? uses(context) : [],
  ];
  if (missing.length > 0) {
    return warning(
      "ci",
      `${found.join("; ")}; the job cannot be identified (missing: ${missing.join(", ")})`,
      "Set MOGPLEX_CI_JOB to a text that names pipeline and job and stays the same when the job is retried",
    );
  }
  const alike = platform.hidesNode && context.option(KEY_PART) === undefined;
  return ok("ci", [...found, ...alike ? ["the nodes of a matrix look alike: give each a --key-part"] : []].join("; "));
}

/** Checks for variables that look like ours but are not. */
export function checkVariables({ io }: VerbContext, { names }: Machine): Check {
  if (names === undefined) {
    return skipped("variables", "Deno lists them with --allow-env for all only, so a mistyped name would not be seen");
  }
  const known = VARIABLES.map((each) => each.name);
  const others = [...OUTPUT_VARIABLES, io.env("MOGPLEX_TOKEN_VARIABLE")?.trim()];
  const odd = names.filter((name) => /^mogplex_/i.test(name) && !known.includes(name) && !others.includes(name))
    .filter((name) => io.env(name));
  const set = known.filter((name) => io.env(name));
  if (odd.length === 0) return ok("variables", set.length === 0 ? "no MOGPLEX_ variable is set" : set.join(", "));
  const advice = odd.map((name) => {
    const hint = nearest(name.toUpperCase(), known);
    return hint === undefined ? `Unset ${name}` : `Did you mean ${hint} in place of ${name}?`;
  });
  return warning("variables", `unknown names: ${odd.join(", ")}`, advice.join("; "));
}

/** Checks the values of flags and variables. */
export async function checkSettings(context: VerbContext): Promise<Check> {
  const settings = await tried(() => {
    checkRunRequest({ repoId: NOBODY, prompt: "-", ...readRequestSettings(context) });
    return { ...readPlaces(context), ...readRunSettings(context) };
  });
  if (!settings.ok) {
    return failedWith("settings", settings.error, adviceOf(settings.error, "Correct the value, or unset the variable"));
  }
  const { timeoutMs, out } = settings.value;
  return ok("settings", `a job waits at most ${formatDuration(timeoutMs)}, reports go to ${JSON.stringify(out)}`);
}
