import { expect, test } from "bun:test";
import { streamed } from "./streamed.ts";

test("follow() ends a run whose worker died, although its stream says nothing and its events show no end", async () => {
  const service = streamed("stuck-streaming");
  const runId = await service.start();
  const own = service.options.fetch;
  const { said, error } = await service.follow({
    timeoutMs: 1_200_000,
    async fetch(url, init) {
      const answer = await own?.(url, init) as Response;
      if (!url.endsWith(`/runs/${runId}`) || service.clock.now() < 60_000) return answer;
      const body = await answer.json();
      Object.assign(body.data.run, { status: "failed", error: "worker died" });
      return Response.json(body);
    },
  }, runId);
  expect([said.at(-1), error]).toEqual(["end failed", undefined]);
  expect(service.clock.now()).toBeLessThan(600_000);
});
