/**
 * The exec driver: a real command works on a local Git repository. The run has the events of a hosted one.
 *
 * @module
 */
import type { ChildProcess } from "node:child_process";
import { realpath } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../error_sentence.ts";
import { isTerminal } from "../../api/contract/rules.ts";
import { type Checkout, deliver, makeDirectory, prepareCheckout, removeDirectory } from "./checkout.ts";
import { harnessExit, outputRead, startHarness, stopHarness } from "./command.ts";
import { openPull } from "../service/pulls.ts";
import { claimSandbox } from "../service/sandboxes.ts";
import type { RunRow } from "../state/rows.ts";
import { callOf, closeCall, failRun, report, sandboxUp, setStatus, startCommand } from "./worker.ts";
import type { Driver, World } from "../state/world.ts";

/** Options of {@linkcode execDriver}. */
export interface ExecOptions {
  /** Command, run by `sh -c` in the working copy. */
  command: string;
  /** Path of the repository that a run works on; undefined if there is none. */
  pathOf: (run: RunRow) => string | undefined | Promise<string>;
  /**
   * Milliseconds that a command may take. Then it is killed, and the run stays `streaming` as in the base of the service.
   * @default {1_800_000}
   */
  timeLimitMs?: number | undefined;
  /** Names of variables that the command gets, besides the usual ones. @default {[]} */
  environment?: readonly string[] | undefined;
  /** Takes the output of the command. @default {undefined} (discarded) */
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

/**
 * Working directory of the command. A link in the repository must not lead out of the working copy, since most commands change
 * files of their working directory.
 */
async function workingDirectory({ directory }: Checkout, run: RunRow): Promise<string> {
  const root = run.root_directory ?? ".";
  const top = await realpath(directory);
  const inside = await realpath(join(top, root)).catch(() => undefined);
  if (inside === top || inside?.startsWith(`${top}/`)) return inside;
  throw new Error(`Root directory "${root}" is not a directory of the repository`);
}

/** Makes a driver that runs a command for every run. */
export function execDriver(world: World, options: ExecOptions): Driver {
  const { command, pathOf, timeLimitMs = COMMAND_TIME_LIMIT_MS, environment, onOutput } = options;
  const works = new Map<string, Work>();
  /** Runs whose command is over. */
  const over = new Set<string>();
  const repoName = (run: RunRow) => world.store.repos.get(run.repo_id)?.full_name ?? "";

  function stop(work: Work): void {
    work.abort.abort();
    if (work.child !== undefined) stopHarness(work.child);
  }

  /** Runs the command. @returns Exit code; null if a signal ended it. */
  async function runCommand(run: RunRow, work: Work, checkout: Checkout): Promise<number | null> {
    const directory = await workingDirectory(checkout, run);
    if (work.abort.signal.aborted) return null;
    const tell = (line: string) =>
      report(world, run, { type: "log", message: line, payload: { kind: "assistant_delta" } });
    const onLine = world.revision.agentOutput ? tell : undefined;
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
      if (onLine !== undefined) await outputRead(child);
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
        // The 202 is sent before any step of the boot is visible.
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
      // A run that was cancelled during the boot has no command to kill, and must not start one.
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
