/** `examples/telemetry/`: a traced job, metrics for Prometheus, and a dashboard that shows them. */
import { built } from "../../built.ts";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { parse } from "yaml";
import { CAMPAIGN_FORMATS } from "../../../lib/campaign/report/write.ts";
import { renderOpenmetrics } from "../../../lib/report/metrics.ts";
import { root, runtimes } from "../../../tools/setup.mjs";
import { mixedView } from "../../unit/campaign/report/sample_view.ts";
import { isInstalled, judge } from "../report/programs.ts";
import { sampleResult } from "../../unit/report/sample.ts";
import { launch, REPO, type Service, sharedService } from "../processes/world/service.ts";
import { readBatch } from "../../unit/telemetry/receiver.ts";
import { which } from "./shell/shells.ts";

const pathOf = (file: string) => join(root, "examples/telemetry", file);
const textOf = (file: string) => readFileSync(pathOf(file), "utf8");
const SCRIPTS = ["traced-run.sh", "publish-metrics.sh"];
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

/** Every metric that reports can write, with the labels that it can have. */
function written(): Map<string, Set<string>> {
  const run = renderOpenmetrics(sampleResult({ replayed: true }));
  const found = new Map<string, Set<string>>();
  for (const line of `${run}${CAMPAIGN_FORMATS.openmetrics.render(mixedView(20))}`.split("\n")) {
    const [, name, labels = ""] = /^([a-z_]+)(?:\{(.*)\})? /.exec(line) ?? [];
    if (name === undefined) continue;
    const names = found.get(name) ?? new Set();
    for (const [, label = ""] of labels.matchAll(/([a-z_]+)="/g)) names.add(label);
    found.set(name, names);
  }
  return found;
}

interface Panel {
  id: number;
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets: { refId: string; expr: string; legendFormat: string }[];
}

test("the dashboard asks for metrics and labels that reports write, and for no other", () => {
  const metrics = written();
  const { panels } = JSON.parse(textOf("grafana-dashboard.json")) as { panels: Panel[] };
  const targets = panels.flatMap((panel) => panel.targets);
  expect(targets.length).toBeGreaterThan(10);
  for (const { expr, legendFormat } of targets) {
    const [name = "", ...more] = expr.match(/\bmogplex_[a-z_]+/g) ?? [];
    expect([expr, more.length, metrics.has(name)]).toEqual([expr, 0, true]);
    const asked = [
      ...[...expr.matchAll(/([a-z_]+)=~?"/g)].map(([, label]) => label),
      ...[...expr.matchAll(/\bby \(([a-z_]+)\)/g)].map(([, label]) => label),
      ...[...legendFormat.matchAll(/\{\{([a-z_]+)\}\}/g)].map(([, label]) => label),
    ];
    const known = [...metrics.get(name) ?? [], "pipeline"];
    expect([expr, asked.filter((label) => !known.includes(label ?? ""))]).toEqual([expr, []]);
  }
});

test.skipIf(!isInstalled("promtool"))("the dashboard has queries that Prometheus can read", () => {
  const { panels } = JSON.parse(textOf("grafana-dashboard.json")) as { panels: Panel[] };
  const rules = panels.flatMap((panel) => panel.targets).map(({ expr }, index) => ({
    record: `rule${index}`,
    expr: expr.replace("$pipeline", ".*").replace("$__range", "1h"),
  }));
  const file = join(mkdtempSync(join(tmpdir(), "mogplex-rules-")), "rules.yml");
  writeFileSync(file, JSON.stringify({ groups: [{ name: "dashboard", rules }] }));
  const { code, said } = judge("promtool", ["check", "rules", file], "");
  expect([code, said]).toEqual([0, expect.stringContaining(`${rules.length} rules found`)]);
});

test("the dashboard has panels with ids of their own that do not lie upon each other", () => {
  const { panels, schemaVersion, templating } = JSON.parse(textOf("grafana-dashboard.json"));
  expect(schemaVersion).toBeNumber();
  expect(templating.list.map(({ name }: { name: string }) => name)).toEqual(["datasource", "pipeline"]);
  expect(new Set(panels.map(({ id }: Panel) => id)).size).toBe(panels.length);
  const cells = (panels as Panel[]).flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, index) => `${x + index % w}:${y + Math.floor(index / w)}`)
  );
  expect(new Set(cells).size).toBe(cells.length);
  for (const { gridPos: { x, w } } of panels as Panel[]) expect(x + w).toBeLessThanOrEqual(24);
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

test.skipIf(which("shellcheck") === undefined)("the scripts have nothing that shellcheck finds", () => {
  const { status, stdout } = spawnSync("shellcheck", SCRIPTS.map(pathOf), { encoding: "utf8" });
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

const METRICS = `# HELP mogplex_run_exit_code Exit code of the job.
# TYPE mogplex_run_exit_code gauge
mogplex_run_exit_code 1
mogplex_run_outcome{outcome="success"} 0
# EOF
`;

function publish(...args: string[]) {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-metrics-"));
  mkdirSync(join(folder, "textfile"));
  writeFileSync(join(folder, "metrics.txt"), METRICS);
  return { folder, ended: launch(["sh", pathOf("publish-metrics.sh"), ...args], { cwd: folder, env: { PATH } }).ended };
}

test("publish-metrics.sh writes a file for the textfile collector, with the label that the dashboard asks for", async () => {
  const { folder, ended } = publish("web-nightly", "metrics.txt", "textfile");
  expect(await ended).toMatchObject({ code: 0, stderr: "" });
  expect(readFileSync(join(folder, "textfile/mogplex-web-nightly.prom"), "utf8")).toBe(
    `mogplex_run_exit_code{pipeline="web-nightly"} 1\nmogplex_run_outcome{pipeline="web-nightly",outcome="success"} 0\n`,
  );
});

test.skipIf(which("curl") === undefined)(
  "publish-metrics.sh puts the file to a Pushgateway, and fails when it is not there",
  async () => {
    received.length = 0;
    expect((await publish("web", "metrics.txt", `http://127.0.0.1:${server.port}/`).ended).code).toBe(0);
    const [{ method, path, body } = { method: "", path: "", body: new Uint8Array() }] = received;
    expect([method, path, Buffer.from(body).toString()]).toEqual(["PUT", "/metrics/job/mogplex/pipeline/web", METRICS]);
    expect((await publish("web", "metrics.txt", "http://127.0.0.1:1").ended).code).toBe(7);
  },
);

test("publish-metrics.sh refuses a name that could be more than a label", async () => {
  for (const name of ["", "a/b", 'a"b', "a b", "&"]) {
    expect((await publish(name, "metrics.txt", "textfile").ended).code).toBe(2);
  }
});
