/** `examples/telemetry/`: a traced job, and the collector that takes its trace. */
import { built } from "../../built.ts";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { parse } from "yaml";
import { root, runtimes } from "../../../tools/setup.mjs";
import { launch, REPO, type Service, sharedService } from "../processes/world/service.ts";
import { readBatch } from "../../unit/telemetry/receiver.ts";
import { which } from "./shell/shells.ts";

const pathOf = (file: string) => join(root, "examples/telemetry", file);
const textOf = (file: string) => readFileSync(pathOf(file), "utf8");
const PATH = `${dirname(runtimes.node)}:${process.env.PATH}`;

interface Received {
  method: string;
  path: string;
  body: Uint8Array;
}
const received: Received[] = [];
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  async fetch(request) {
    const { pathname: path } = new URL(request.url);
    received.push({ method: request.method, path, body: new Uint8Array(await request.arrayBuffer()) });
    return Response.json({});
  },
});

let service: Service;

beforeAll(async () => {
  service = await sharedService();
});

afterAll(async () => {
  await server.stop(true);
});

test("collector.yaml uses nothing that it does not define, and listens where traced-run.sh sends", () => {
  const { service: { pipelines }, ...parts } = parse(textOf("collector.yaml"));
  for (const pipeline of Object.values(pipelines) as Record<string, string[]>[]) {
    for (const [kind, names] of Object.entries(pipeline)) {
      expect(names.filter((name) => !Object.hasOwn(parts[kind], name))).toEqual([]);
    }
  }
  expect(parts.receivers.otlp.protocols.http.endpoint).toEndWith(":4318");
  expect(textOf("traced-run.sh")).toContain("http://127.0.0.1:4318");
});

test.skipIf(which("shellcheck") === undefined)("traced-run.sh has nothing that shellcheck finds", () => {
  const { status, stdout } = spawnSync("shellcheck", [pathOf("traced-run.sh")], { encoding: "utf8" });
  expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
});

test("traced-run.sh ends with the verdict of the run, sends its trace, and remembers the run", async () => {
  const cwd = mkdtempSync(join(service.folder, "traced-"));
  received.length = 0;
  const env = {
    PATH,
    MOGPLEX_URL: service.url,
    MOGPLEX_DEV: "1",
    MOGPLEX_API_KEY: service.token(),
    MOGPLEX_REPO_ID: REPO,
    MOGPLEX_FILE: built("mogplex.mjs"),
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${server.port}`,
  };
  const { code } = await launch(["sh", pathOf("traced-run.sh"), "<agent-failure>"], { cwd, env }).ended;
  expect(code).toBe(1);
  expect(received.map(({ method, path }) => `${method} ${path}`)).toEqual(["POST /v1/traces"]);
  const { resource } = readBatch(Buffer.from(Bun.gunzipSync(received[0]?.body.slice() ?? new Uint8Array())).toString());
  expect(resource.get("service.name")).toBe("agents");
  expect(readFileSync(join(cwd, "history.ndjson"), "utf8")).toContain(`"outcome":"failed"`);
});
