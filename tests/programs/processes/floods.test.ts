/** Runs that report more than fits into memory, followed by real processes. */
import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runtimes } from "../../../tools/setup.mjs";
import { built } from "../../built.ts";
import { type Flood, FLOOD_RUN, FLOOD_TOKEN, type FloodServer, startFlood } from "./world/flood.ts";
import { launch, type Running } from "./world/service.ts";

const folder = mkdtempSync(join(tmpdir(), "mogplex-floods-"));
const command = built("mogplex.mjs");

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A flood, and Node with a small heap, in MB, that follows it; `out` is where its reports are. */
async function followed(flood: Flood, heap = 128): Promise<{ service: FloodServer; running: Running; out: string }> {
  const service = await startFlood(flood);
  const cwd = mkdtempSync(join(folder, "job-"));
  // Not in `cwd`, whose files are read when the process has ended.
  const out = mkdtempSync(join(folder, "out-"));
  const env = { MOGPLEX_API_KEY: FLOOD_TOKEN, MOGPLEX_URL: service.url, MOGPLEX_DEV: "1" };
  const line = [runtimes.node, `--max-old-space-size=${heap}`, command, "follow", FLOOD_RUN, "--out", out];
  return { service, running: launch(line, { cwd, env }), out };
}

test(
  "follow ends with the verdict after 4 000 events of 20 KB, in a heap of 64 MB, and writes them all",
  async () => {
    // Node 20 copies everything that it has received, once for each chunk: with a chunk for each event, this takes half a minute.
    const flood = { events: 4_000, message: "x".repeat(20_000), chunkLength: 256 * 1024 };
    const { service, running, out } = await followed(flood, 64);
    const { code, stderr } = await running.ended;
    service.close();
    expect([code, stderr]).toEqual([0, expect.not.stringContaining("heap")]);
    // 4 000 and the one that ends the run, each with a little around its text.
    expect(statSync(join(out, "events.ndjson")).size).toBeGreaterThan(80_000_000);
    const { outcome, eventCount, eventsOmitted } = JSON.parse(
      readFileSync(join(out, "result.json"), "utf8"),
    );
    expect([outcome, eventCount.seen, eventsOmitted]).toEqual(["success", 4_001, 3_800]);
  },
);

test("follow keeps nothing of messages that it cannot take, in a heap of 64 MB", async () => {
  const payload = `{"a":[${"{},".repeat(30_000)}0],"b":"${"x".repeat(160_000)}"}`;
  const { service, running } = await followed({ events: 600, payload }, 64);
  const { code, stdout } = await running.ended;
  service.close();
  expect([code, stdout]).toEqual([0, expect.stringContaining("events        some were missed")]);
});

test("follow reads no more than some megabytes of a stream whose run has ended", async () => {
  const { service, running, out } = await followed({ over: true, lastsMs: 60_000, message: "x".repeat(20_000) });
  const { code, stdout } = await running.ended;
  service.close();
  expect([code, stdout]).toEqual([0, expect.stringContaining("some were missed")]);
  expect(statSync(join(out, "events.ndjson")).size).toBeLessThan(10_000_000);
});

test("follow takes an answer just below the limit, in a heap of 128 MB", async () => {
  const { service, running } = await followed({ page: 1, message: "x".repeat(31 * 1024 * 1024) });
  const { code, stdout } = await running.ended;
  service.close();
  expect([code, stdout]).toEqual([0, expect.stringContaining("verdict       success (exit code 0)")]);
});

test("follow leaves whole lines when it is killed", async () => {
  const { service, running, out } = await followed({ lastsMs: 60_000, message: "x".repeat(20_000) });
  const events = join(out, "events.ndjson");
  while (!existsSync(events) || statSync(events).size < 1_000_000) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  running.child.kill("SIGKILL");
  await running.ended;
  service.close();
  const lines = readFileSync(events, "utf8").split("\n");
  expect(lines.pop()).toBe("");
  expect(lines.map((line) => JSON.parse(line).message.length)).toEqual(Array(lines.length).fill(20_000));
});
