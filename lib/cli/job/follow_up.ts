/**
 * The forge is read only if a run must be started. When a job is retried, the pull request may already be merged, or its checks may have passed.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import { readAddress, readPullNumber } from "../../forge/address.ts";
import { type Findings, NO_FINDINGS } from "../../forge/findings.ts";
import type { PullRequestAddress } from "../../forge/model.ts";
import { type OpenForge, openForgeAt } from "../../forge/open.ts";
import { closedWord, type Threads } from "../../forge/threads.ts";
import { isObject, parseJson } from "../../lookup.ts";
import { membersFindings, nothingToFix } from "../../respond/decide.ts";
import { placeNow } from "../../respond/where.ts";
import { findingsQuote, type Fix, fixPrompt, withQuote } from "../../run/fix.ts";
import { checkResultRequest, type ResultRequest } from "../../result/wanted_result.ts";
import { hashOf } from "../../run/key.ts";
import { checkRunRequest, type LaterRequest, type RunRequest } from "../../run/request.ts";
import { isUuid } from "../../service/contract.ts";
import { BASE_BRANCH, BRANCH, CREATE_BRANCH, FIX, KEY_PART, NO_CREATE_BRANCH, REPO } from "../options.ts";
import { readCheckoutFile, readPrompt, readRequestSettings } from "../start_request.ts";
import type { Context } from "../verb.ts";
import { openJobForge, openOptions } from "./open_forge.ts";
import { openOneShot } from "../context.ts";

const ATTEMPTED = "use --after";

const WHERE = [BASE_BRANCH, BRANCH, CREATE_BRANCH, NO_CREATE_BRANCH];

type Named = { number: number } | { address: PullRequestAddress } | { runId: string };

type Work = { task: string } | { fix: Fix };

export async function readFollowUp(context: Context, after: string, result?: ResultRequest): Promise<LaterRequest> {
  const { flags, option } = context;
  const other = WHERE.find((flag) => flags.has(flag) || flags.get(flag) !== undefined);
  if (other !== undefined) {
    throw new UsageError({ attempted: ATTEMPTED, why: `it cannot be combined with --${other.name}` });
  }
  const fix = option(FIX);
  if (fix !== undefined && flags.positionals.length > 0) {
    throw new UsageError({ attempted: "use --fix", why: "a task is given, too", advice: "use only one of them" });
  }
  const work = fix === undefined ? { task: await readPrompt(context) } : { fix };
  const { harness, mode, rootDirectory } = readRequestSettings(context);
  const named = namedBy(context, after);
  const resultRequest = result && checkResultRequest(result);
  const inputs = [option(REPO), harness, mode, rootDirectory, option(KEY_PART)];
  const answer = resultRequest === undefined ? [] : [resultRequest.path, resultRequest.schema.text];
  const requestHash = hashOf(["mogplex-ci/follow-up/1", named, ...inputs, work, ...answer]);
  return {
    asked: requestHash,
    task: work.task ?? null,
    result: resultRequest,
    make: () => makeRequest(context, { after, named, work, result }),
  };
}

async function makeRequest(
  context: Context,
  { after, named, work, result }: { after: string; named: Named; work: Work; result: ResultRequest | undefined },
): Promise<RunRequest> {
  const { threads, number } = await pullOf(context, after, named);
  const thread = await threads.thread({ kind: "pull", number });
  const value = JSON.stringify(after);
  const advice = adviceFor(context);
  if (thread?.pull == null) {
    throw new UsageError({
      attempted: ATTEMPTED,
      why: `${threads.system} shows no ${threads.pullNoun} with that number`,
      value,
    });
  }
  if (!thread.isOpen) {
    throw new UsageError({
      attempted: ATTEMPTED,
      why: `the ${threads.pullNoun} is ${closedWord(thread)}`,
      value,
      advice,
    });
  }
  if (result !== undefined && thread.pull.isForeign) {
    const why = `the ${threads.pullNoun} comes from a fork, and --result needs a branch of the repository`;
    throw new UsageError({ attempted: ATTEMPTED, why, value, advice });
  }
  const place = await placeNow(threads, thread);
  if (place.kind === "none") throw new UsageError({ attempted: ATTEMPTED, why: place.reason, value, advice });
  let findings: Findings = NO_FINDINGS;
  if ("fix" in work) {
    findings = await membersFindings(threads, number, work.fix);
    const nothing = nothingToFix(work.fix, await threads.facts(number), threads.pullNoun, findings);
    if (nothing !== null) throw new UsageError({ attempted: `fix ${work.fix}`, why: nothing, value, advice });
  }
  const { baseBranch, workingBranch, createBranch } = place;
  const request = {
    ...readRequestSettings(context),
    repo: context.option(REPO) ?? (await threads.repository()).name,
    prompt: "task" in work ? work.task : withQuote(
      fixPrompt(work.fix, thread.pull.target, threads.pullNoun),
      findingsQuote(findings, (text) => context.writer.redact(text)),
    ),
    baseBranch,
    workingBranch,
    createBranch,
    result,
  };
  checkRunRequest(request);
  return request;
}

/** Advice for a job that is not allowed to start a run, although an earlier attempt of the job may have started one. */
function adviceFor({ platform, io: { env } }: Context): string | undefined {
  const job = platform.identity(env);
  if (job === null || platform.countsAttempts && job.attempt === "1") return undefined;
  return "if an earlier attempt of this job started a run, attach to it: give --resume with the state file of that attempt";
}

/** If the target of `--after` is a result, only the id of the run is used. All other facts are requested from the service and the forge. */
function namedBy(context: Context, after: string): Named {
  const number = readPullNumber(after);
  if (number !== undefined) return { number };
  const address = readAddress(context.forges.map((forge) => forge.address), after);
  if (address !== undefined) return { address };
  const value = JSON.stringify(after);
  if (/^https?:/i.test(after)) {
    throw new UsageError({ attempted: ATTEMPTED, why: "this is not the address of a pull request", value });
  }
  const result = parseJson(readCheckoutFile(context, after, "use --after"));
  const runId = isObject(result) ? result.runId : undefined;
  if (typeof runId === "string" && isUuid(runId)) return { runId };
  throw new UsageError({ attempted: ATTEMPTED, why: "the file is not the result of a run", value });
}

async function pullOf(context: Context, after: string, named: Named): Promise<{ threads: Threads; number: number }> {
  if ("address" in named) {
    return { threads: openForgeAt(openOptions(context), named.address, "followUp"), number: named.address.number };
  }
  const forge = openJobForge(context, { use: "followUp" });
  if ("number" in named) return { threads: forge.threads, number: named.number };
  return await pullOfRun(context, forge, { runId: named.runId, value: JSON.stringify(after) });
}

async function pullOfRun(
  context: Context,
  { threads, pullFrom }: OpenForge,
  { runId, value }: { runId: string; value: string },
): Promise<{ threads: Threads; number: number }> {
  const { session, call } = openOneShot(context);
  const { repoId, branch: { working } } = await session.client.getRun(runId, call);
  const [row] = await session.client.listRepos({ id: repoId, limit: 1 }, call);
  const { name } = await threads.repository();
  if (row?.full_name.toLowerCase() !== name.toLowerCase()) {
    const why = `the run in this file worked in ${
      row?.full_name ?? "a repository that the token cannot see"
    }, but this job is in ${name}`;
    throw new UsageError({ attempted: ATTEMPTED, why, value });
  }
  const number = await pullFrom(working);
  if (typeof number !== "number") {
    const why = number === null
      ? "the branch of the run in this file has no pull request"
      : "the pull request of the run in this file could not be found";
    throw new UsageError({ attempted: ATTEMPTED, why, value });
  }
  return { threads, number };
}
