import { expect, test } from "bun:test";
import { exitCodeFor, UnavailableError } from "../../../lib/errors.ts";
import type { Fetch } from "../../../lib/service/transport.ts";
import { AUTOMATION, automationWorld, REPO } from "./automations.ts";
import { type Service, streamed } from "./streamed.ts";
import { attach, run, runAutomation } from "./detecting.ts";

const REQUEST = { repoId: "e0000000-0000-4000-8000-000000000001", prompt: "Fix the flaky tests", createBranch: true };
const OTHER = "e0000000-0000-4000-8000-000000000002";

/** The service, but some of its answers to reads name another repository. @param isDamaged Gets the number of the answer, from 1. */
function damaged({ options: { fetch } }: Service, isDamaged: (count: number) => boolean): Fetch {
  let count = 0;
  return async (url, init) => {
    const answer = await fetch?.(url, init) as Response;
    if (init.method !== "GET" || !isDamaged(++count)) return answer;
    if (!new URL(url).pathname.endsWith("/stream")) {
      return new Response((await answer.text()).replaceAll(REQUEST.repoId, OTHER), answer);
    }
    const change = new TransformStream<string, string>({
      transform: (part, out) => out.enqueue(part.replaceAll(REQUEST.repoId, OTHER)),
    });
    const body = answer.body?.pipeThrough(new TextDecoderStream()).pipeThrough(change)
      .pipeThrough(new TextEncoderStream());
    return new Response(body, answer);
  };
}

const RULE = "the response breaks the API's contract at data.run.repoId: a different repository than before";
const HOW = { keyScope: "random", timeoutMs: 120_000 } as const;

for (const stream of [true, false]) {
  const way = stream ? "streamed" : "polled";

  test(`run() gives no verdict when the answers, ${way}, name another repository than the start`, async () => {
    const service = streamed();
    const fetch = damaged(service, () => true);
    const error = await run(REQUEST, { ...service.options, ...HOW, fetch, stream }).catch((error) => error);
    expect(error).toBeInstanceOf(UnavailableError);
    expect([error.message, exitCodeFor(error)]).toEqual([expect.stringContaining(RULE), 69]);
    expect(service.clock.now()).toBeGreaterThanOrEqual(120_000);
  });

  test(`run() asks again when a single answer, ${way}, names another repository`, async () => {
    const service = streamed();
    const fetch = damaged(service, (count) => count === 1);
    const result = await run(REQUEST, { ...service.options, ...HOW, fetch, stream });
    expect([result.outcome, result.repoId]).toEqual(["success", REQUEST.repoId]);
  });

  test(`attach() keeps to the repository of the first answer, ${way}`, async () => {
    const service = streamed();
    const runId = await service.start();
    const fetch = damaged(service, (count) => count > 1);
    const error = await attach(runId, { ...service.options, timeoutMs: 120_000, fetch, stream }).catch((error) =>
      error
    );
    expect([error.message, exitCodeFor(error)]).toEqual([expect.stringContaining(RULE), 69]);
  });
}

for (
  const [what, from, to, rule] of [
    ["automation", AUTOMATION, REQUEST.repoId, "data.run.automationId: another automation"],
    ["repository", REPO, OTHER, "data.run.repo.id: it is not the repository of the trigger"],
  ] as const
) {
  test(`runAutomation() gives no verdict when answers name another ${what}, and asks again after a single one`, async () => {
    const damagedBy = (most: number) => {
      const world = automationWorld("success");
      const { fetch, ...options } = world.options({ timeoutMs: 120_000 });
      let count = 0;
      const send: Fetch = async (url, init) => {
        const answer = await fetch?.(url, init) as Response;
        const text = await answer.text();
        // Of the record only the repository is named by its id.
        const wrong = text.replaceAll(`"${from}"`, `"${to}"`);
        return new Response(wrong !== text && ++count <= most ? wrong : text, answer);
      };
      return runAutomation(AUTOMATION, { repoId: REPO }, { ...options, fetch: send });
    };
    expect((await damagedBy(1)).outcome).toBe("success");
    const error = await damagedBy(Infinity).catch((error) => error);
    expect([error.message, exitCodeFor(error)]).toEqual([expect.stringContaining(rule), 69]);
  });
}
