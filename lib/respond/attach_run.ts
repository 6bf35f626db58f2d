import { requesterIn } from "../forge/requester.ts";
import { isTerminal } from "../service/contract.ts";
import { ifFound } from "../service/errors.ts";
import { planOf } from "./ask_note.ts";
import type { Attach, Decider } from "./decide.ts";
import { type Asked, type Responding, sealFor } from "./job.ts";
import { afterRun } from "./start_run.ts";

export async function attachRun(
  job: Responding,
  asked: Asked,
  { decider, newDecider }: { decider: Decider; newDecider: () => Decider },
  { marked: { mark, note: { text } }, runId, thread }: Attach,
): Promise<number | null> {
  const { platform, io: { env } } = job;
  const { session, call } = job.openService();
  const run = await ifFound(session.client.getRun(runId, call));
  if (run === undefined) return null;
  const { job: jobPage, pipeline, pipelineNoun } = platform.links(env);
  const task = await decider.taskOf(thread, mark);
  const note = planOf(job, { thread }, {
    ask: mark.ask,
    of: mark.of,
    requester: await decider.askerOf(thread, mark.ask) ?? requesterIn(text),
    task,
    label: platform.identity(env)?.job ?? "",
    links: { job: jobPage, pipeline, pipelineNoun },
    seal: await sealFor(job, thread),
    stopper: async () => await newDecider().stopper(thread, mark.ask),
  });
  const { result, page } = await job.run({ run }, { note, out: asked.out, onSession() {}, onNotice() {} });
  await afterRun(job, asked, result, { page, thread: thread.url, isOver: isTerminal(run.status) });
  return result.exitCode;
}

/** Whether a note contains the address of this pipeline, or of another attempt of the same workflow run. */
export function isOfPipeline({ platform, io: { env } }: Responding, note: string): boolean {
  const address = platform.links(env).pipeline?.replace(/\/attempts\/\d+$/, "") ?? "";
  return address !== "" && note.split(address).slice(1).some((rest) => !/^\d/.test(rest));
}
