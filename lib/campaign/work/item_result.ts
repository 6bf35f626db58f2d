import { detected } from "../../ci/detect.ts";
import { systemClock } from "../../clock.ts";
import { MogplexError } from "../../errors.ts";
import { ALL_FORGES, parsePullRequest } from "../../forge/all.ts";
import { type FilesOptions, openRepositoryFiles, type WantedRepository } from "../../forge/files.ts";
import type { OpenFiles } from "../../run/options.ts";
import { readResultFile } from "../../run/result_file.ts";
import type { EventFacts } from "../../run/result.ts";
import type { Session } from "../../run/session.ts";
import { environmentVariable } from "../../runtime.ts";
import { DEFAULT_ORIGIN } from "../../service/connection.ts";
import { sha256Hex } from "../../sha256.ts";
import type { CampaignOptions } from "../campaign_options.ts";
import type { LockItem, UnsealedLock } from "../journal/lock.ts";
import { type CampaignMemory, type ItemMemory, nameOf, type StartMemory } from "../journal/memory.ts";
import { MAX_RESULT_VALUE, type ResultMemory } from "../journal/record.ts";
import { resultPathOf, resultSchemaOf } from "../plan/make_lock.ts";
import type { Work } from "./work.ts";

export function filesOpener(
  options: CampaignOptions,
  { openGit }: Pick<FilesOptions, "openGit">,
  session: Session,
): OpenFiles {
  const { forge, env = environmentVariable, clock = systemClock, fetch } = options;
  const { client: { origin }, signal } = session;
  const redact = session.redactor();
  return async (wanted) =>
    await openRepositoryFiles({
      ...{ forges: ALL_FORGES, env, hosts: forge?.hosts, ciSystem: detected(options).platform.name },
      world: { clock, fetch, signal },
      openGit,
      isMogplex: (token) => redact.token(token) !== token,
      service: origin === DEFAULT_ORIGIN ? undefined : origin,
    }, wanted);
}

const MAX_NAMED = 20;

export async function checkResultsReadable(
  { tasks, items }: UnsealedLock,
  before: CampaignMemory | undefined,
  openFiles: OpenFiles,
  signal: AbortSignal | undefined,
): Promise<void> {
  const isNew = ({ id, excluded, task }: LockItem) =>
    excluded === null && tasks[task]?.result !== undefined && (before?.items.get(id)?.sent ?? 0) === 0;
  const failures: MogplexError[] = [];
  for (const name of new Set(items.filter(isNew).map(({ repository }) => repository))) {
    signal?.throwIfAborted();
    try {
      await (await openFiles({ name })).close();
    } catch (error) {
      if (!(error instanceof MogplexError)) throw error;
      failures.push(error);
    }
  }
  const [first] = failures;
  if (first === undefined) return;
  if (failures.length === 1) throw first;
  const lines = failures.slice(0, MAX_NAMED).map(({ message }) => message);
  if (failures.length > MAX_NAMED) lines.push(`and ${failures.length - MAX_NAMED} more`);
  const exit = failures.every((error) => error.exit === "forbidden") ? "forbidden" : "unavailable";
  const why = `the results of ${failures.length} repositories could not be read:\n${lines.join("\n")}`;
  throw new MogplexError({ attempted: "plan the campaign", why }, exit);
}

/** The key of this start determines the path of the file. Follow-ups use the same path. */
function taskStart({ starts }: ItemMemory): StartMemory | undefined {
  return starts.findLast(({ kind }) => kind === "task");
}

export function itemResultPath({ lock }: Pick<Work, "lock">, memory: ItemMemory): string | undefined {
  const start = taskStart(memory);
  return start === undefined ? undefined : resultPathOf(lock, memory.item, start.key);
}

/** Must be called only after the run has succeeded. */
export async function readItemResult(
  { lock, session, openFiles, redact }: Work,
  memory: ItemMemory,
  { changed, pushedBranch, workingBranch, pullRequest }: EventFacts,
): Promise<ResultMemory | undefined> {
  const path = itemResultPath({ lock }, memory);
  const schema = resultSchemaOf(lock, memory.item);
  if (path === undefined || schema === undefined) return undefined;
  const address = pullRequest.url === null ? undefined : parsePullRequest(pullRequest.url, lock.origin);
  const repository: WantedRepository = { name: nameOf(memory), origin: address?.origin, forge: address?.forge };
  let sha256: string | null = null;
  const open: OpenFiles = async (wanted) => {
    const files = await openFiles(wanted);
    return {
      ...files,
      async file(commit, name) {
        const file = await files.file(commit, name);
        if (file.kind === "file") sha256 = sha256Hex(file.bytes);
        return file;
      },
    };
  };
  const branch = changed === false ? null : pushedBranch ?? workingBranch ?? undefined;
  const blobBefore = memory.result?.blob ?? null;
  const wanted = { path, schema, retries: 0 };
  const { file } = await readResultFile(session, { open, repository }, wanted, { branch, blobBefore, redact });
  const { cause, commit, blob, mistakes, value } = file;
  if (cause === "result-unreadable") {
    throw new MogplexError({ attempted: "read result", why: mistakes.join("; ") }, "unavailable");
  }
  const text = JSON.stringify(value);
  return {
    ...{ path, cause, commit, blob, sha256, mistakes },
    ...(cause === null && new TextEncoder().encode(text).length <= MAX_RESULT_VALUE && { value }),
  };
}
