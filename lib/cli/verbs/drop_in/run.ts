/**
 * `run` as the `mogplex` command documents it: starts a run. With `--follow` it is another verb, see `run_follow.ts`.
 *
 * @module
 */
import { checkRepository, resolveRepository } from "../../../api/repository.ts";
import { UsageError } from "../../../errors.ts";
import { EXIT } from "../../../exit_codes.ts";
import type { ParsedFlags } from "../../../flags.ts";
import type { StartRequest, StartResult } from "../../../model.ts";
import { openDropIn } from "../../job/open.ts";
import { startLines } from "../../log/drop_in_text.ts";
import { requiredArgument } from "../../options/arguments.ts";
import { BASE_BRANCH, BRANCH, CREATE_BRANCH, HARNESS, JSON_LINES, REPO, REQUEST, ROOT } from "../../options/table.ts";
import type { Verb, VerbContext, VerbFlag } from "../../verb.ts";

/** Message of the documented command. Source: CLI, "Headless runs", "Required flag". */
const NO_REPO = "run: --repo <id> is required (find IDs via `mogplex repos list`)";

/** The documented message; where the variable is set, also why it does not count. */
function missingRepo({ io }: VerbContext): string {
  const ignored = io.env("MOGPLEX_REPO_ID")?.trim() ? "; MOGPLEX_REPO_ID counts with --follow or --detach only" : "";
  return NO_REPO + ignored;
}

const KEY: VerbFlag = { name: "idempotency-key", value: "KEY", help: "Key that finds the run again (default: random)" };

/** Fields of the request that flags give; absent ones stay absent, so that the repository's defaults hold. */
function requestFrom(flags: ParsedFlags, repoId: string, prompt: string): StartRequest {
  return {
    repoId,
    prompt,
    // The word is checked with the rest of the request.
    harness: flags.get(HARNESS.name) as StartRequest["harness"],
    baseBranch: flags.get(BASE_BRANCH.name),
    workingBranch: flags.get(BRANCH.name),
    createBranch: flags.has(CREATE_BRANCH.name) || undefined,
    rootDirectory: flags.get(ROOT.name),
  };
}

/**
 * What a person should know when the answer names the base as working branch. Source: contract 4.6.
 *
 * @param given The working branch that was asked for.
 */
function baseNote({ branch: { base, working } }: StartResult, given: string | undefined): string | undefined {
  if (working !== base) return undefined;
  return given === undefined
    ? `the agent does not push to ${base}: the service picks a branch of its own, which the events name (run --follow shows it)`
    : `the agent pushes to ${base} itself; run --follow without --branch gives it a branch of its own`;
}

/** It reads flags only: the documented command has no variables for them. */
export const runVerb: Verb = {
  name: "run",
  usage: '--repo owner/name "<prompt>" | -',
  maxPositionals: 1,
  summary: "Start a run and print its id, without waiting for it",
  group: "drop-in",
  flags: [REQUEST, KEY, JSON_LINES],
  examples: [
    'mogplex-ci run --repo acme/web --json "Fix the flaky tests" | jq -r .runId',
  ],
  async run(context) {
    const { flags, writer } = context;
    const repo = flags.get(REPO.name)?.trim() ?? "";
    if (repo === "") throw new UsageError(missingRepo(context));
    const repository = checkRepository({ repo }, "run");
    const argument = requiredArgument(context, "run", "prompt");
    const { client, call } = openDropIn(context);
    const prompt = argument === "-" ? await context.io.readStdin() : argument;
    const repoId = await resolveRepository(client, repository, call);
    const idempotencyKey = flags.get(KEY.name) ?? crypto.randomUUID();
    const started = await client.startRun(requestFrom(flags, repoId, prompt), { idempotencyKey }, call);
    if (flags.has("json")) writer.json(started);
    else writer.out(...startLines(started).map((line) => writer.untrusted(line)));
    const note = baseNote(started, flags.get(BRANCH.name));
    if (note !== undefined && context.io.isTerminal("stderr")) writer.note(writer.untrusted(note));
    return EXIT.success;
  },
};
