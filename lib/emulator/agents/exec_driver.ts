import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { realpath } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import type { Readable } from "node:stream";
import { messageOf } from "../../error_sentence.ts";
import { isTerminal } from "../../service/contract.ts";
import { openPull } from "../service/listings.ts";
import { claimSandbox } from "../service/sandboxes.ts";
import type { RunRow } from "../state/store.ts";
import type { Driver, World } from "../state/world.ts";
import {
  callOf,
  closeCall,
  failRun,
  report,
  resultPathIn,
  sandboxUp,
  setStatus,
  startCommand,
} from "../service/worker.ts";
import { type Checkout, chosenEnvironment, deliver, makeDirectory, prepareCheckout, removeDirectory } from "./git.ts";

export interface ExecOptions {
  command: string;
  pathOf: (run: RunRow) => string | undefined | Promise<string>;
  /** A command that exceeds the limit is killed. Its run stays `streaming`, as in the base revision of the service. @default {1_800_000} */
  timeLimitMs?: number | undefined;
  environment?: readonly string[] | undefined;
  onOutput?: ((text: string) => void) | undefined;
}

// Source: API reference, "Times": worker run time cap.
const COMMAND_TIME_LIMIT_MS = 30 * 60_000;

interface Work {
  run: RunRow;
  abort: AbortController;
  child: ChildProcess | undefined;
  timedOut: boolean;
  done: Promise<void>;
}

export function execDriver(world: World, options: ExecOptions): Driver {
  const { command, pathOf, timeLimitMs = COMMAND_TIME_LIMIT_MS, environment, onOutput } = options;
  const works = new Map<string, Work>();
  const over = new Set<string>();
  const repoName = (run: RunRow) => world.store.repos.get(run.repo_id)?.full_name ?? "";

  function stop(work: Work): void {
    work.abort.abort();
    if (work.child !== undefined) stopHarness(work.child);
  }

  async function runCommand(run: RunRow, work: Work, checkout: Checkout): Promise<number | null> {
    const directory = await workingDirectory(checkout, run);
    if (work.abort.signal.aborted) return null;
    const tell = (line: string) =>
      report(world, run, { type: "log", message: line, payload: { kind: "assistant_delta" } });
    const words = world.revision.agentOutput ? sayAtMost(tell) : undefined;
    const onLine = words?.line;
    const child = startHarness(run, { command, directory, branch: checkout.branch, environment, onOutput, onLine });
    work.child = child;
    const commandId = `cmd_${child.pid ?? 0}`;
    startCommand(world, run, commandId);
    report(world, run, {
      type: "status_changed",
      message: "Harness run streaming",
      payload: { from: "pending", to: "streaming", runtime_command_id: commandId },
    });
    const timer = setTimeout(() => {
      work.timedOut = true;
      stop(work);
    }, timeLimitMs);
    try {
      const code = await harnessExit(child);
      if (words !== undefined) {
        await outputRead(child);
        words.end();
      }
      return code;
    } finally {
      clearTimeout(timer);
    }
  }

  async function finish(run: RunRow, work: Work, checkout: Checkout): Promise<void> {
    const delivery = await deliver(checkout, run, work.abort.signal);
    const url = delivery.changed
      ? openPull(world, {
        repo: repoName(run),
        prompt: run.prompt,
        base: run.base_branch,
        branch: checkout.branch,
        diff: delivery.diff,
      })
      : null;
    report(world, run, {
      type: "log",
      message: delivery.changed ? "Pull request ready" : "No code changes to deliver",
      payload: {
        stage: "git_delivery",
        changed: delivery.changed,
        pull_request_url: url,
        base_branch: run.base_branch,
        working_branch: checkout.branch,
        auto_committed_files: delivery.autoCommitted,
      },
    });
    report(world, run, {
      type: "finished",
      message: "Harness run finished",
      payload: { exit_code: 0, failure_code: null },
    });
    closeCall(world, run, "success", null);
    if (run.status === "streaming") {
      setStatus(world, run, "success", null);
      run.terminal_commit_sha = delivery.commit;
    }
  }

  async function agent(run: RunRow, work: Work, path: string, directory: string): Promise<void> {
    const checkout = await prepareCheckout(path, directory, run, work.abort.signal);
    report(world, run, {
      type: "log",
      message: `Synchronized ${checkout.branch}`,
      payload: {
        stage: "git_sync",
        base_branch: run.base_branch,
        working_branch: checkout.branch,
        created_branch: checkout.created,
      },
    });
    if (work.abort.signal.aborted) return;
    const code = await runCommand(run, work, checkout);
    if (work.abort.signal.aborted) return;
    if (code === 0) return await finish(run, work, checkout);
    const error = `Agent run exited with code ${code ?? 1}.`;
    report(world, run, {
      type: "failed",
      message: "Harness run failed",
      payload: { exit_code: code ?? 1, failure_code: "command_failed" },
    });
    closeCall(world, run, "failed", error);
    if (!isTerminal(run.status)) setStatus(world, run, "failed", error);
  }

  async function work(run: RunRow, state: Work): Promise<void> {
    const path = await pathOf(run);
    if (path === undefined) {
      return failRun(world, run, `Sandbox launch failed: no local repository for ${repoName(run)}`);
    }
    const directory = await makeDirectory(run);
    try {
      if (!sandboxUp(world, run, `sbx_${run.id.slice(0, 8)}`)) return;
      report(world, run, {
        type: "started",
        message: `Harness run started: ${run.harness}`,
        payload: { harness_id: run.harness, ai_billing_source: "platform" },
      });
      await agent(run, state, path, directory);
    } catch (error) {
      if (state.abort.signal.aborted) return;
      const message = messageOf(error);
      const event = state.child === undefined ? "Harness execution failed" : "Harness stream failed";
      report(world, run, { type: "failed", message: event, payload: { error: message } });
      closeCall(world, run, "failed", message);
      if (!isTerminal(run.status)) failRun(world, run, message);
    } finally {
      if (run.status === "cancelled" && state.child !== undefined && !state.timedOut) {
        const payload = { runtime_command_id: null, install_logs_present: false };
        report(world, run, { type: "cancelled", message: "Harness run cancelled", payload });
      }
      await removeDirectory(directory);
    }
  }

  return {
    queued(run) {
      const abort = new AbortController();
      const state: Work = { run, abort, child: undefined, timedOut: false, done: Promise.resolve() };
      claimSandbox(world, run);
      works.set(run.id, state);
      state.done = (async () => {
        // The 202 answer must be sent before any step of the boot is visible.
        await new Promise((resolve) => setTimeout(resolve, 0));
        try {
          await work(run, state);
        } catch (error) {
          if (callOf(world, run) !== undefined && !isTerminal(run.status)) failRun(world, run, messageOf(error));
        } finally {
          works.delete(run.id);
          over.add(run.id);
        }
      })();
    },
    catchUp() {
      // A run that was cancelled during the boot has no command to kill, and must not start a command.
      for (const state of works.values()) {
        if (isTerminal(state.run.status) && !state.abort.signal.aborted) stop(state);
      }
    },
    worker: (run) => works.has(run.id) ? "working" : over.has(run.id) ? "dead" : undefined,
    kill(run) {
      const state = works.get(run.id);
      if (state !== undefined) stop(state);
    },
    reset() {
      for (const state of works.values()) stop(state);
    },
    async close() {
      const all = [...works.values()];
      for (const state of all) stop(state);
      await Promise.all(all.map((state) => state.done));
    },
  };
}

// Linux refuses an argument or variable of 128 KiB or more.
const MAX_PROMPT_VARIABLE_BYTES = 120 * 1_024;
const KILL_GRACE_MS = 2_000;
const OUTPUT_GRACE_MS = 500;

function stopHarness(child: ChildProcess): void {
  if (child.exitCode !== null || child.signalCode !== null) return;
  signalGroup(child, "SIGTERM");
  const timer = setTimeout(() => signalGroup(child, "SIGKILL"), KILL_GRACE_MS);
  child.once("close", () => {
    clearTimeout(timer);
    signalGroup(child, "SIGKILL");
  });
}

function signalGroup(child: ChildProcess, signal: "SIGTERM" | "SIGKILL"): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The process group no longer exists.
  }
}

/** A link in the repository must not lead out of the working copy, because most commands change files in their working directory. */
async function workingDirectory({ directory }: Checkout, run: RunRow): Promise<string> {
  const root = run.root_directory ?? ".";
  const top = await realpath(directory);
  const inside = await realpath(join(top, root)).catch(() => undefined);
  if (inside === top || inside?.startsWith(`${top}/`)) return inside;
  throw new Error(`Root directory "${root}" is not a directory of the repository`);
}

interface HarnessOptions {
  command: string;
  directory: string;
  branch: string;
  environment?: readonly string[] | undefined;
  onOutput?: ((text: string) => void) | undefined;
  onLine?: ((line: string) => void) | undefined;
}

function startHarness(run: RunRow, options: HarnessOptions): ChildProcess {
  const { command, directory, branch, environment, onOutput, onLine } = options;
  const prompt = new TextEncoder().encode(run.prompt);
  const resultPath = resultPathIn(run.prompt);
  const child = spawn("sh", ["-c", command], {
    cwd: directory,
    env: {
      ...chosenEnvironment(environment),
      MOGPLEX_RUN_ID: run.id,
      MOGPLEX_BASE_BRANCH: run.base_branch,
      MOGPLEX_WORKING_BRANCH: branch,
      ...(resultPath !== undefined && { MOGPLEX_RESULT_PATH: resultPath }),
      ...(prompt.length < MAX_PROMPT_VARIABLE_BYTES ? { MOGPLEX_PROMPT: run.prompt } : {}),
    },
    detached: true,
  });
  for (const stream of [child.stdout, child.stderr]) {
    const decoder = new TextDecoder();
    const cutter = onLine === undefined ? undefined : lineCutter(onLine);
    stream.on("data", (chunk: Uint8Array) => {
      const text = decoder.decode(chunk, { stream: true });
      onOutput?.(text);
      cutter?.take(text);
    });
    stream.on("end", () => cutter?.end());
  }
  // A command can exit without reading its prompt.
  child.stdin.on("error", () => {});
  child.stdin.end(prompt);
  return child;
}

// Limits memory use if a command prints text without line breaks.
const MAX_LINE = 4_000;

function lineCutter(onLine: (line: string) => void): { take(piece: string): void; end(): void } {
  let rest = "";
  return {
    take(piece) {
      const lines = (rest + piece).split(/(?<=\n)/);
      rest = lines.at(-1)?.endsWith("\n") ? "" : lines.pop() ?? "";
      for (const line of lines) onLine(line);
      if (rest.length > MAX_LINE) this.end();
    },
    end() {
      if (rest !== "") onLine(rest);
      rest = "";
    },
  };
}

// The events route returns at most 200 events (in the base revision, the first 200). This limit leaves room for the events about the push.
const MAX_LINE_EVENTS = 100;
const MAX_LAST_LINES = 40;

function sayAtMost(tell: (text: string) => void): { line(line: string): void; end(): void } {
  let count = 0;
  const last: string[] = [];
  return {
    line(line) {
      if (++count <= MAX_LINE_EVENTS) return tell(line);
      last.push(line);
      if (last.length > MAX_LAST_LINES) last.shift();
    },
    end() {
      if (last.length === 0) return;
      const omittedCount = count - MAX_LINE_EVENTS - last.length;
      tell(`${omittedCount > 0 ? `(${omittedCount} lines left out)\n` : ""}${last.join("")}`);
      last.length = 0;
    },
  };
}

/** Waits for `exit` and not for `close`, because a background process of the command could keep the output open. */
function harnessExit(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => {
      signalGroup(child, "SIGKILL");
      resolve(code);
    });
  });
}

/** The wait is limited, because a background process of the command could keep the output open. */
async function outputRead({ stdout, stderr }: ChildProcess): Promise<void> {
  const open = [stdout, stderr].filter((stream) => stream !== null && !stream.readableEnded) as Readable[];
  if (open.length === 0) return;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => timer = setTimeout(resolve, OUTPUT_GRACE_MS));
  await Promise.race([Promise.all(open.map((stream) => once(stream, "end"))), late]);
  clearTimeout(timer);
}
