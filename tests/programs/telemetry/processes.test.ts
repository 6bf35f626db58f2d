import { built } from "../../built.ts";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { readHistory } from "../../../lib/report/history.ts";
import { readBatch, valuesOf } from "../../unit/telemetry/receiver.ts";
import { runtimes } from "../../../tools/setup.mjs";
import { launch, REPO, type Service, sharedService } from "../processes/world/service.ts";

let service: Service;
const received: string[] = [];
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  async fetch(request) {
    const body = new Uint8Array(await request.arrayBuffer());
    if (request.headers.get("content-encoding") !== "gzip") return new Response("not compressed", { status: 400 });
    received.push(gunzipSync(body).toString("utf8"));
    return Response.json({});
  },
});

beforeAll(async () => {
  service = await sharedService();
});

afterAll(() => server.stop(true));

test("a failed job ends with 1, and has sent its trace", async () => {
  received.length = 0;
  const cwd = mkdtempSync(join(service.folder, "job-"));
  const env = {
    MOGPLEX_URL: service.url,
    MOGPLEX_DEV: "1",
    MOGPLEX_API_KEY: service.token(),
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${server.port}`,
    OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
  };
  const file = ["--otel-file", "trace.jsonl", "--history", "runs.ndjson"];
  const args = ["run", "--follow", "<agent-failure>", "--repo", REPO, "--create-branch", ...file];
  const { code, stderr } = await launch([runtimes.node, built("mogplex.mjs"), ...args], { cwd, env }).ended;
  expect([code, stderr]).toEqual([1, expect.stringMatching(/^note: trace [0-9a-f]{32}$/m)]);
  expect(received).toHaveLength(1);
  const { spans: [job] } = readBatch(received[0] ?? "");
  expect(valuesOf(job?.attributes ?? []).get("cicd.pipeline.task.run.result")).toBe("failure");
  expect(readFileSync(join(cwd, "trace.jsonl"), "utf8")).toBe(`${received[0]}\n`);
  expect(readHistory(readFileSync(join(cwd, "runs.ndjson"), "utf8")).records).toHaveLength(1);
});
