/** A field of 30 MB, which an agent alone decides: the program still hears signals and its deadline. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { built } from "../../built.ts";
import { RUNTIMES } from "../../programs/package/runtimes.ts";
import { launch } from "../../programs/processes/world/service.ts";
import { REPO_ID, run, RUN_ID, TOKEN } from "../../unit/service/answers.ts";

const folder = mkdtempSync(join(tmpdir(), "mogplex-long-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A bound against hanging: it would compute for hours. On a machine with nothing else to do it takes less than a second. */
const HEARD_MS = 60_000;
const SIZE = 30 * 1024 * 1024;

const WORKING = { id: RUN_ID, type: "log", message: "working", payload: {}, createdAt: "" };

/** A service whose run works until it is cancelled. Only the first answer has the events: each takes seconds on a busy machine. */
function serve(event: object) {
  let isCancelled = false;
  let isFirst = true;
  let heard = () => {};
  const cancelled = new Promise<void>((resolve) => heard = resolve);
  const body = JSON.stringify({
    ok: true,
    data: { run: run("streaming"), events: [WORKING, { ...WORKING, id: REPO_ID, ...event }] },
  });
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname.endsWith("/stream")) return new Response("", { status: 404 });
      if (pathname.endsWith("/events") && isFirst) {
        isFirst = false;
        return new Response(body, { headers: { "content-type": "application/json" } });
      }
      if (pathname.endsWith("/cancel")) {
        isCancelled = true;
        heard();
        return Response.json({
          ok: true,
          data: { run: run("cancelled"), status: "cancelled", alreadyTerminal: false },
        });
      }
      const status = isCancelled ? "cancelled" : "streaming";
      return Response.json({ ok: true, data: { run: run(status), events: [] } });
    },
  });
  return { server, cancelled };
}

const LONG = "A ".repeat(SIZE / 2);
const CASES = {
  "prose": { message: LONG, payload: { kind: "assistant_delta" } },
  "the name of a field": { payload: { [LONG]: 1 } },
};

for (const [name, runtime] of Object.entries(RUNTIMES)) {
  for (const [what, event] of Object.entries(CASES)) {
    test(`follow hears signal and deadline beside 30 MB in ${what}, on ${name}`, async () => {
      const start = (...args: string[]) => {
        const { server, cancelled } = serve(event);
        const env = { MOGPLEX_API_KEY: TOKEN, MOGPLEX_URL: `http://127.0.0.1:${server.port}`, MOGPLEX_DEV: "1" };
        const cwd = mkdtempSync(join(folder, "job-"));
        const running = launch([...runtime, built("mogplex.mjs"), "follow", RUN_ID, ...args], { cwd, env });
        void running.ended.finally(() => server.stop(true));
        return { ...running, cancelled };
      };
      const startedAt = performance.now();
      expect((await start("--timeout", "10s").ended).code).toBe(124);
      expect(performance.now() - startedAt).toBeLessThan(HEARD_MS);

      const { child, seen, ended, cancelled } = start("--on-interrupt", "cancel");
      await seen(/working/);
      const sentAt = performance.now();
      child.kill("SIGTERM");
      await cancelled;
      expect(performance.now() - sentAt).toBeLessThan(HEARD_MS);
      expect((await ended).code).toBe(143);
      expect(performance.now() - sentAt).toBeLessThan(HEARD_MS);
    });
  }
}
