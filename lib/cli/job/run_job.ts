/**
 * A job on a run, from its start or its id to the exit code.
 *
 * @module
 */
import { givenName } from "../../api/repository.ts";
import type { JobEnd } from "../../job/job.ts";
import type { RunEvent } from "../../model.ts";
import type { RunResult } from "../../result/run_result.ts";
import type { JobOptions, RunOptions } from "../../runs/run.ts";
import type { FollowItem } from "../../runs/run_items.ts";
import type { StartedRun } from "../../runs/start_plan.ts";
import { logWidth } from "../log/interactive.ts";
import type { Asked, VerbContext } from "../verb.ts";
import { eventFiles, type Published } from "./publish.ts";
import { endWithVerdict } from "./whole_job.ts";

/** What a verb adds. */
export interface RunJob extends Published {
  /** What is asked for, when the run is to be started. */
  asked?: Asked | undefined;
  /** The run, when it exists already. */
  runId?: string | undefined;
  /** Starts or finds the run, and follows it. */
  work(options: RunOptions, more: JobOptions): Promise<JobEnd<RunResult>>;
}

function announce(
  { flags, io, writer }: VerbContext,
  { log, asked }: RunJob,
  { run, replayed, idempotencyKey }: StartedRun,
): void {
  if (flags.has("json")) return writer.json({ type: "run", ...run });
  const { working, base, createBranch } = run.branch;
  const lines = [
    `${replayed ? "attached to" : "started"} run ${run.runId} (${run.status})`,
    `repository ${givenName(asked?.repository) ?? run.repoId}, ${run.harness}, branch ${working} (base ${base}${
      createBranch ? ", created" : ""
    })`,
    // The state file has it, and so has the block at the end where it is needed to go on.
    ...(log === "full" ? [`key ${idempotencyKey}`] : []),
  ];
  const hang = { cells: io.isTerminal("stdout") ? logWidth(io) : Infinity, indent: 2 };
  writer.out(...lines.flatMap((line) => writer.untrustedLines(writer.untrusted(line), Infinity, hang)));
}

/** Does the job. See {@linkcode endWithVerdict}. */
export async function runWholeJob(context: VerbContext, job: RunJob): Promise<number> {
  const { places, log, runId, timeoutMs } = job;
  const files = eventFiles(context, places);
  return await endWithVerdict<FollowItem, RunResult>(context, {
    places,
    log,
    timeoutMs,
    eventFiles: files,
    exists: runId !== undefined,
    show: (live, item) => live.item(item),
    work: ({ options, internals, live, publish }) => {
      const onStarted = (started: StartedRun) => {
        announce(context, job, started);
        if (job.asked !== undefined) context.laptop?.rememberStart(context, started, places.out, job.asked);
        publish.started(started.runId);
        live.open(started.run.status);
      };
      const sink = { add: (event: RunEvent) => files.forEach((file) => file.add(event)) };
      return job.work({ ...options, onStarted }, { ...internals, files: context.io, sink })
        .finally(() => files.forEach((file) => file.close()));
    },
  });
}
