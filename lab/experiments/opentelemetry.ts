import { readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { root, runtimes } from "../../tools/setup.mjs";
import type { Bench } from "../bench.ts";
import type { Experiment } from "../experiment.ts";
import { OPENTELEMETRY } from "../programs.ts";
import { consumer } from "./package.ts";

function sample(): string {
  const blocks = readFileSync(join(root, "docs/library.md"), "utf8").matchAll(/^```ts.*\n([^]*?)^```$/gm);
  const [found, ...more] = [...blocks].filter(([, text]) => text?.includes("@opentelemetry/sdk-node"));
  if (found?.[1] === undefined || more.length > 0) throw new Error("docs/library.md has no sample, or several");
  return found[1];
}

interface Passed {
  parents: (string | null)[];
  spans: string[];
}

function between(bench: Bench, url: string): { url: string; passed: Passed } {
  const passed: Passed = { parents: [], spans: [] };
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const body = await request.arrayBuffer();
      if (pathname === "/v1/traces") {
        passed.spans.push(new TextDecoder("latin1").decode(body));
        return new Response("{}", { headers: { "content-type": "application/json" } });
      }
      if (!pathname.startsWith("/api/")) return new Response("", { status: 404 });
      passed.parents.push(request.headers.get("traceparent"));
      const headers = new Headers(request.headers);
      headers.delete("host");
      const sent = request.method === "GET" ? {} : { body };
      return await fetch(`${url}${pathname}${search}`, { method: request.method, headers, ...sent });
    },
  });
  bench.atEnd(() => server.stop(true));
  return { url: `http://127.0.0.1:${server.port}`, passed };
}

async function traced(bench: Bench): Promise<void> {
  const cwd = await consumer(bench, { "sample.mjs": sample() });
  const packages = join(dirname(OPENTELEMETRY.provide()), "..");
  symlinkSync(packages, join(cwd, "node_modules/@opentelemetry"));
  const service = await bench.service("success");
  const lines = {
    Node: [runtimes.node],
    Deno: [runtimes.deno, "run", "--no-prompt", "--allow-all", "--node-modules-dir=manual"],
    Bun: [runtimes.bun],
  };
  for (const [name, line] of Object.entries(lines)) {
    const { url, passed } = between(bench, service.url);
    const env = { ...service.env, MOGPLEX_URL: url, OTEL_EXPORTER_OTLP_ENDPOINT: url };
    const { code, stdout, stderr } = await bench.run([...line, "sample.mjs"], { cwd, env });
    const said = `${code}: ${stdout}${stderr}`;
    bench.check(`the sample runs on ${name}, and its run succeeds`, code === 0 && stdout === "success\n", said);
    const traces = new Set(passed.parents.map((parent) => parent?.match(/^00-([0-9a-f]{32}-[0-9a-f]{16})-01$/)?.[1]));
    const isOne = passed.parents.length > 2 && traces.size === 1 && !traces.has(undefined);
    bench.check(`each request on ${name} is of one trace`, isOne, passed.parents.join(" "));
    const isTold = passed.spans.some((body) => body.includes("mogplex run") && body.includes("deploy-bot"));
    bench.check(`the span of ${name} is sent before the process ends`, isTold, `${passed.spans.length} messages`);
  }
}

export const OPENTELEMETRY_EXPERIMENTS: readonly Experiment[] = [{
  name: "opentelemetry",
  system: "OpenTelemetry",
  programs: [OPENTELEMETRY],
  tried: "on Node, Deno and Bun, the sample in docs/library.md uses one trace for all requests and sends its span",
  limitSeconds: 180,
  run: traced,
}];
