/**
 * `run --after`: what a run is to do that goes on where another one has ended, on the branch of its pull request.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import { parsePullRequest } from "../../forge/forge.ts";
import { Forges } from "../../forge/forges.ts";
import type { Threads } from "../../forge/threads.ts";
import { isObject, parseJson } from "../../lookup.ts";
import { nothingToMend } from "../../respond/decide.ts";
import { placeNow } from "../../respond/where.ts";
import { findingsFor, findingsQuote, type Mend, mendPrompt, MENDS, ofMembers, withQuote } from "../../run/mend.ts";
import { checkRunRequest, type RunRequest } from "../../run/request.ts";
import { isUuid } from "../../service/contract.ts";
import { anyText, BASE_BRANCH, BRANCH, CREATE_BRANCH, NO_CREATE_BRANCH, oneOf, REPO } from "../options.ts";
import { readCheckoutFile, readPrompt, readRequestSettings } from "../start_request.ts";
import type { Context, Option } from "../verb.ts";
import { openAddress } from "./open_forge.ts";
import { openOneShot } from "./run_job.ts";

/** Which run or pull request is gone on with. */
export const AFTER: Option<string> = {
  name: "after",
  value: "WHAT",
  help: "Go on with a pull request: number, address, result.json",
  parse: anyText,
};

/** What is mended in place of a task. */
export const MEND: Option<typeof MENDS[number]> = {
  name: "mend",
  value: "WHAT",
  help: "In place of a task: mend checks, review or conflict",
  parse: oneOf(MENDS),
};

const ATTEMPTED = "use --after";

/** Flags that say where a run works, which --after does. */
const WHERE = [BASE_BRANCH, BRANCH, CREATE_BRANCH, NO_CREATE_BRANCH];

/**
 * The request of a follow-up.
 *
 * @throws {UsageError} when there is no such pull request, it is closed or comes from a fork, or there is nothing to mend.
 * @throws {MogplexError} with exit code 69 when forge or service cannot be asked.
 */
export async function readFollowUp(context: Context, after: string): Promise<RunRequest> {
  const { flags, option } = context;
  const other = WHERE.find(({ name }) => flags.has(name) || flags.get(name) !== undefined);
  if (other !== undefined) throw new UsageError({ attempted: ATTEMPTED, why: `--${other.name} does not go with it` });
  const mend = option(MEND);
  if (mend !== undefined && flags.positionals.length > 0) {
    throw new UsageError({ attempted: "use --mend", why: "there is a task as well", advice: "give one of them" });
  }
  const { threads, number } = await pullOf(context, after);
  const thread = await threads.thread({ kind: "pull", number });
  const value = JSON.stringify(after);
  if (thread?.pull == null) {
    throw new UsageError({
      attempted: ATTEMPTED,
      why: `${threads.system} shows no pull request of that number`,
      value,
    });
  }
  if (!thread.isOpen) throw new UsageError({ attempted: ATTEMPTED, why: "the pull request is closed", value });
  const place = await placeNow(threads, thread);
  if (place.kind === "none") throw new UsageError({ attempted: ATTEMPTED, why: place.reason, value });
  if (mend !== undefined) {
    const nothing = nothingToMend(mend, await threads.facts(number));
    if (nothing !== null) throw new UsageError({ attempted: `mend its ${mend}`, why: nothing, value });
  }
  const { baseBranch, workingBranch, createBranch } = place;
  const request = {
    ...readRequestSettings(context),
    repo: option(REPO) ?? (await threads.repository()).name,
    prompt: mend === undefined
      ? await readPrompt(context)
      : withQuote(mendPrompt(mend, thread.pull.target), await quoteOf(context, threads, number, mend)),
    baseBranch,
    workingBranch,
    createBranch,
  };
  checkRunRequest(request);
  return request;
}

/** The failed checks, or the open remarks, that the forge shows, as a quote. */
async function quoteOf({ writer }: Context, threads: Threads, number: number, mend: Mend): Promise<string | null> {
  const of = findingsFor(mend);
  return of === null
    ? null
    : findingsQuote(await ofMembers(await threads.findings(number, of)), (text) => writer.redact(text));
}

/** The pull request that is meant: by its number, its address, or the run that has made it. */
async function pullOf(context: Context, after: string): Promise<{ threads: Threads; number: number }> {
  const { openForge } = context;
  const number = /^[#!]?([1-9]\d{0,8})$/.exec(after)?.[1];
  if (number !== undefined && openForge !== undefined) {
    return { threads: openForge(context).threads, number: Number(number) };
  }
  const address = parsePullRequest(after);
  if (address !== undefined) return { threads: openAddress(context, address), number: address.number };
  if (/^https?:/i.test(after)) {
    throw new UsageError({
      attempted: ATTEMPTED,
      why: "that is not the address of a pull request",
      value: JSON.stringify(after),
    });
  }
  return await pullOfRun(context, after);
}

/** The pull request of the run that a result names. Only the id of the run counts: the rest is asked of service and forge. */
async function pullOfRun(context: Context, path: string): Promise<{ threads: Threads; number: number }> {
  const { clock, fetch, openForge } = context;
  const value = JSON.stringify(path);
  const result = parseJson(readCheckoutFile(context, path, "use --after"));
  const runId = isObject(result) ? result.runId : undefined;
  if (typeof runId !== "string" || !isUuid(runId)) {
    throw new UsageError({ attempted: ATTEMPTED, why: "the file is not the result of a run", value });
  }
  if (openForge === undefined) throw new Error("Cannot find a pull request without a forge");
  const { threads, token, tokenPlace } = openForge(context);
  const { session, call } = openOneShot(context);
  const { repoId, branch: { working } } = await session.client.getRun(runId, call);
  const [row] = await session.client.listRepos({ id: repoId, limit: 1 }, call);
  const { name } = await threads.repository();
  if (row?.full_name.toLowerCase() !== name.toLowerCase()) {
    const why = `its run worked in ${
      row?.full_name ?? "a repository that is not shown"
    }, and this job stands in ${name}`;
    throw new UsageError({ attempted: ATTEMPTED, why, value });
  }
  const { forge, origin } = threads;
  const forges = new Forges({ tokenFor: () => ({ token, place: tokenPlace }), only: undefined }, { clock, fetch });
  const found = await forges.find({ forge, host: new URL(origin).host, repository: name, branch: working, since: 0 });
  const number = typeof found === "string" ? parsePullRequest(found)?.number : undefined;
  if (number === undefined) {
    const why = found === null ? "the branch of its run has no pull request" : "its pull request could not be found";
    throw new UsageError({ attempted: ATTEMPTED, why, value });
  }
  return { threads, number };
}
