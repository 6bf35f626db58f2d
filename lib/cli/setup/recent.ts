import { isUuid } from "../../service/contract.ts";
import { ifFound } from "../../service/errors.ts";
import { MogplexError, UsageError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import { isObject } from "../../lookup.ts";
import { readFacts } from "../../run/events.ts";
import { lackedSandbox } from "../../run/no_sandbox.ts";
import { END_EXIT, endOfRun, instantMs, roundSpanText } from "../../run/result.ts";
import { cutCells } from "../../text/cells.ts";
import { plainText } from "../../text/plain_text.ts";
import { openOneShot } from "../context.ts";
import { recentFile, recentLines, recentRefusal, rememberState } from "../job/laptop.ts";
import { printRows, shortPull } from "../log/terminal.ts";
import { logWidth } from "../log/writer.ts";
import type { Context } from "../verb.ts";
import { JSON_LINES } from "../options.ts";

interface RecentRun {
  /** ISO 8601. */
  startedAt: string;
  runId: string;
  origin: string;
  /** Name of the repository. If the user gave an id, this is the id until a command has recorded the end of the run. */
  repository: string;
  branch: string;
  folder: string | null;
  task?: string;
  outcome: string | null;
  /** The service's status of a run without a known end, or why the status is unknown. */
  status: string | null;
  exitCode: number | null;
  pullRequest: string | null;
}

function parsed(line: string): Record<string, unknown>[] {
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) && "runId" in value ? [value] : [];
  } catch {
    return [];
  }
}

const text = (value: unknown) => typeof value === "string" ? value : "";

/** Later records of a run add to earlier records. */
function recentRuns(lines: readonly string[]): RecentRun[] {
  const runs = new Map<string, RecentRun>();
  for (const each of lines.flatMap(parsed)) {
    const runId = text(each.runId);
    const before = runs.get(runId);
    if (typeof each.startedAt === "string" && before === undefined) {
      runs.set(runId, {
        startedAt: each.startedAt,
        runId,
        origin: text(each.origin),
        repository: text(each.repository),
        branch: text(each.branch),
        folder: text(each.folder) || null,
        ...(typeof each.task === "string" && { task: each.task }),
        outcome: null,
        status: null,
        exitCode: null,
        pullRequest: null,
      });
    } else if (before !== undefined && typeof each.outcome === "string") {
      before.outcome = each.outcome;
      before.exitCode = typeof each.exitCode === "number" ? each.exitCode : null;
      before.pullRequest = text(each.pullRequest) || before.pullRequest;
      before.repository = text(each.repository) || before.repository;
      before.branch = text(each.branch) || before.branch;
    }
  }
  return [...runs.values()].reverse();
}

const FINAL: readonly (string | null)[] = ["success", "failed", "cancelled", "not_started"];
/** Maximum number of runs whose status is requested. The service accepts 60 requests a minute. */
const MOST_ASKED = 10;
const ASK_MS = 10_000;

const [UNKNOWN, OTHER_SERVICE] = ["other token", "other service"];

async function askStates(context: Context, runs: readonly RecentRun[]): Promise<void> {
  const { clock, writer } = context;
  const open = runs.filter(({ runId, outcome }) => isUuid(runId) && !FINAL.includes(outcome));
  if (open.length === 0) return;
  try {
    const { origin: current } = context.connection();
    const isOther = ({ origin }: RecentRun) => origin !== "" && origin !== current;
    for (const run of open.filter(isOther)) run.status = OTHER_SERVICE;
    const openHere = open.filter((run) => !isOther(run)).slice(0, MOST_ASKED);
    if (openHere.length === 0) return;
    const { session: { client } } = openOneShot(context);
    const call = { deadline: clock.now() + ASK_MS, maxAttempts: 1 };
    for (const run of openHere) {
      const answer = await ifFound(client.getRun(run.runId, call));
      const status = answer?.status;
      const hasFacts = status === "failed" || status === "success";
      const facts = hasFacts ? await readFacts(client, run.runId, call) : undefined;
      const end = status === undefined ? undefined : endOfRun(status, facts);
      if (answer === undefined || end === undefined || end === "awaiting_input") {
        run.status = status ?? UNKNOWN;
        continue;
      }
      const isStarted = end !== "failed" || !lackedSandbox(answer);
      run.outcome = isStarted ? end : "not_started";
      run.exitCode = EXIT[isStarted ? END_EXIT[end] : "rateLimited"];
      run.pullRequest = facts?.pullRequest.url ?? run.pullRequest;
      rememberState(context, run);
    }
  } catch (error) {
    if (!(error instanceof MogplexError)) throw error;
    writer.note(writer.untrusted(`some states are unknown: ${error.message}`));
  }
}

const HEADER = ["STATE", "TASK", "REPOSITORY", "PULL REQUEST OR BRANCH", "RUN", "AGE"];
const TEXTS = ["TASK", "REPOSITORY"].map((name) => HEADER.indexOf(name));
/** Widths of state and task in a terminal's table. The longest state is `awaiting_input`. */
const [STATE_CELLS, TASK_CELLS] = [14, 40];
/** A branch name that the service generated. The first digits are enough to identify the branch. Source: contract, 4.6. */
const GENERATED_BRANCH = /^mogplex\/external\/([0-9a-f]{8})-[0-9a-f]{8}$/;

function branchCell(branch: string): string {
  return branch.replace(GENERATED_BRANCH, "…/$1…");
}

/** For an active run, the last outcome that a command recorded is ignored, because it may be out of date. */
function knownStatus({ outcome, status }: Pick<RecentRun, "outcome" | "status">): string {
  return status ?? (FINAL.includes(outcome) ? outcome : null) ?? "unknown";
}

function cells(run: RecentRun, nowMs: number, whole: boolean): string[] {
  const { startedAt, runId, repository, pullRequest, branch, task = "" } = run;
  const state = knownStatus(run);
  return [
    whole ? state : cutCells(plainText(state), STATE_CELLS),
    whole ? task : cutCells(plainText(task), TASK_CELLS),
    repository,
    whole ? pullRequest ?? branch : pullRequest === null ? branchCell(branch) : shortPull(pullRequest),
    whole ? runId : runId.slice(0, 8),
    roundSpanText(nowMs - (instantMs(startedAt) ?? nowMs)),
  ];
}

export async function printRecent(context: Context, limit: number): Promise<number> {
  const { flags, writer, clock, io } = context;
  const path = recentFile(context);
  const runs = path === undefined ? [] : recentRuns(recentLines(context, path)).slice(0, limit);
  const refusal = runs.length === 0 ? recentRefusal(context) : undefined;
  if (refusal !== undefined) throw new UsageError({ attempted: "read the list of recent runs", ...refusal });
  await askStates(context, runs);
  if (flags.has(JSON_LINES)) {
    for (const { origin: _, ...run } of runs) writer.json({ ...run, status: knownStatus(run) });
  } else if (runs.length > 0) {
    const isTerminal = io.isTerminal("stdout");
    const rows = runs.map((run) => cells(run, clock.wallTime(), !isTerminal));
    printRows(writer, [HEADER, ...rows], isTerminal ? logWidth(io) : Infinity, TEXTS);
  }
  if (runs.length === 0) {
    writer.note("this machine has no recent runs (only runs started outside CI are listed)");
  }
  return EXIT.success;
}
