/**
 * `run`: starts a run as the documented command does; with `--follow` it is the whole CI job, see `run_follow.ts`.
 *
 * @module
 */
import { run as runFollow } from "../run_follow.ts";
import { UsageError } from "../../../errors.ts";
import { EXIT } from "../../../exit_codes.ts";
import type { ParsedFlags } from "../../../flags.ts";
import type { StartRequest } from "../../../model.ts";
import { openDropIn, requiredArgument } from "../../job/open.ts";
import { startLines } from "../../log/drop_in_text.ts";
import { RUN_FOLLOW_FLAGS } from "../../options/table.ts";
import type { VerbContext } from "../../verb.ts";

/** Message of the documented command. Source: CLI, "Headless runs", "Required flag". */
const NO_REPO = "run: --repo <id> is required (find IDs via `mogplex repos list`)";

/** Fields of the request that flags give; absent ones stay absent, so that the repository's defaults hold. */
function requestFrom(flags: ParsedFlags, repoId: string, prompt: string): StartRequest {
  return {
    repoId,
    prompt,
    harness: flags.get("harness"),
    baseBranch: flags.get("base-branch"),
    workingBranch: flags.get("branch"),
    createBranch: flags.has("create-branch") || undefined,
    rootDirectory: flags.get("root"),
  };
}

/** Whether `run` is the toolkit's verb, which does the whole job, rather than the documented one. */
export function isWholeJob(flags: ParsedFlags): boolean {
  return flags.has("follow") || flags.has("detach");
}

/** See the module. */
export async function run(context: VerbContext): Promise<number> {
  const { flags, writer } = context;
  if (isWholeJob(flags)) return runFollow(context);
  const needsFollow = RUN_FOLLOW_FLAGS.find((flag) => flags.all(flag.name).length > 0);
  if (needsFollow !== undefined) {
    throw new UsageError(`run: --${needsFollow.name} works with --follow or --detach only`);
  }
  const repoId = flags.get("repo")?.trim() ?? "";
  if (repoId === "") throw new UsageError(NO_REPO);
  const argument = requiredArgument(context, "run", "prompt");
  const { client, call } = openDropIn(context);
  const prompt = argument === "-" ? await context.io.readStdin() : argument;
  const idempotencyKey = flags.get("idempotency-key") ?? crypto.randomUUID();
  const started = await client.startRun(requestFrom(flags, repoId, prompt), { idempotencyKey }, call);
  if (flags.has("json")) writer.json(started);
  else writer.out(...startLines(started).map((line) => writer.untrusted(line)));
  return EXIT.success;
}
