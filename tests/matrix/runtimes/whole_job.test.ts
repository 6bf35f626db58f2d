/** A job with everything switched on: nothing that it sends or writes at its end is lost, whatever the runtime. */
import { built } from "../../built.ts";
import { expect } from "bun:test";
import { mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { readHistory } from "../../../lib/report/history.ts";
import { runtimes } from "../../../tools/setup.mjs";
import { listen } from "../../programs/report/listen.ts";
import { launch, REPO } from "../../programs/processes/world/service.ts";
import { BOT, GITLAB_TOKEN, gitlabServer } from "../../unit/report/gitlab_server.ts";
import { readBatch, valuesOf } from "../../unit/telemetry/receiver.ts";
import { onEveryRuntime } from "./every_runtime.ts";

onEveryRuntime("a failed job ends with 1, and has written its note, its trace and its history", async (on) => {
  const { name, service } = on;
  const received: string[] = [];
  const collector = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      if (request.headers.get("content-encoding") !== "gzip") return new Response("not compressed", { status: 400 });
      received.push(gunzipSync(new Uint8Array(await request.arrayBuffer())).toString("utf8"));
      return Response.json({});
    },
  });
  const gitlab = gitlabServer("42", "7");
  const close = await listen(gitlab);
  // The note survives a connection that breaks, and one whose answer is lost.
  gitlab.faults.push({ match: /^GET/, fault: "reset" }, { match: /^POST/, fault: "reset after" });
  const cwd = mkdtempSync(join(service.folder, `${name}-`));
  const env = {
    MOGPLEX_URL: service.url,
    MOGPLEX_DEV: "1",
    MOGPLEX_API_KEY: service.token(),
    GITLAB_CI: "true",
    CI_SERVER_URL: "https://gitlab.example",
    CI_API_V4_URL: gitlab.api,
    CI_PROJECT_ID: "42",
    CI_MERGE_REQUEST_PROJECT_ID: "42",
    CI_MERGE_REQUEST_IID: "7",
    CI_PIPELINE_ID: crypto.randomUUID(),
    CI_JOB_NAME: "agent",
    CI_JOB_ID: "5",
    MOGPLEX_NOTE_TOKEN_VARIABLE: "TEAM_TOKEN",
    TEAM_TOKEN: GITLAB_TOKEN,
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.port}`,
    OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
  };
  const files = ["--otel-file", "trace.jsonl", "--history", "runs.ndjson"];
  let { runtime } = on;
  if (name === "deno") {
    // With the permissions that the command itself asks for.
    const { stdout } = await launch([runtimes.node, built("mogplex.mjs"), "permissions", ...files], { cwd, env }).ended;
    runtime = [runtimes.deno, "run", "--no-config", "--no-lock", "--no-prompt", ...stdout.trim().split(" ")];
  }
  const args = ["run", "--follow", "<agent-failure>", "--repo", REPO, "--create-branch", ...files];
  const { code, stderr } = await launch([...runtime, built("mogplex.mjs"), ...args], { cwd, env }).ended;
  close();
  await collector.stop(true);
  expect([code, stderr]).toEqual([1, expect.stringMatching(/^note: trace [0-9a-f]{32}$/m)]);
  expect(stderr).toContain("note: summary updated in note 1000 of merge request !7\n");
  expect(gitlab.notes.map(({ author, body }) => [author.id, body.includes("❌ **Failed** after ")])).toEqual([[
    BOT,
    true,
  ]]);
  expect(received).toHaveLength(1);
  const { spans: [job] } = readBatch(received[0] ?? "");
  expect(valuesOf(job?.attributes ?? []).get("cicd.pipeline.task.run.result")).toBe("failure");
  expect(readFileSync(join(cwd, "trace.jsonl"), "utf8")).toBe(`${received[0]}\n`);
  expect(readHistory(readFileSync(join(cwd, "runs.ndjson"), "utf8")).records).toHaveLength(1);
  for (const text of [stderr, ...received]) expect(text).not.toContain(GITLAB_TOKEN);
});
