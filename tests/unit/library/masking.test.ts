import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCampaigns, memoryHome } from "../../../campaigns.ts";
import { createLogText, createMogplex, mask, render, report } from "../../../mod.ts";
import { scriptMask } from "../../../lib/library/report.ts";
import { createEmulator } from "../../../testing.ts";

const TOKEN = "mog_scriptTestToken";
const FILE = { MOGPLEX_API_KEY_FILE: "/run/token" };

/** A text with two tokens that have no known shape, and a further secret, after masking. */
function masked(env: Record<string, string>, token?: string, readFile?: (path: string) => string | undefined): string {
  const options = { env: (name: string) => env[name], token, secrets: ["correct horse"] };
  const { redact } = scriptMask("mask", options, readFile);
  return redact("plain-token-0001 plain-token-0002 correct horse");
}

test("scriptMask() masks the token of the environment, unless another one is given", () => {
  const env = { MOGPLEX_API_KEY: "plain-token-0001" };
  expect(masked(env)).toBe("[redacted] plain-token-0002 [redacted]");
  expect(masked(env, "plain-token-0002")).toBe("plain-token-0001 [redacted] [redacted]");
});

test("scriptMask() masks the token of MOGPLEX_API_KEY_FILE", () => {
  const readFile = (path: string) => path === "/run/token" ? "plain-token-0002\n" : undefined;
  expect(masked(FILE, undefined, readFile)).toBe("plain-token-0001 [redacted] [redacted]");
});

test("scriptMask() works without a token, and with one that cannot be used", () => {
  const broken = () => {
    throw new Error("EACCES");
  };
  expect(masked({})).toBe("plain-token-0001 plain-token-0002 [redacted]");
  expect(masked(FILE, undefined, broken)).toBe("plain-token-0001 plain-token-0002 [redacted]");
  expect(scriptMask("mask", { env: () => " " }).redact(`a ${TOKEN}`)).toBe("a [redacted]");
});

test("mask() masks the token, the variables and further secrets of a client when it is given the client", () => {
  const env = (name: string) => name === "CI_JOB_TOKEN" ? "plain-token-0002" : undefined;
  const mogplex = createMogplex({ token: "plain-token-0001", env });
  const text = "plain-token-0001 plain-token-0002 plain-token-0003";
  expect(mask(text, { mogplex })).toBe("[redacted] [redacted] plain-token-0003");
  expect(mask(text, { mogplex, secrets: ["plain-token-0003"] })).toBe("[redacted] [redacted] [redacted]");
  expect(mask(text, { mogplex, token: "plain-token-0003" })).toBe("[redacted] [redacted] [redacted]");
  expect(mask(text, { mogplex, env: () => undefined })).toBe("[redacted] plain-token-0002 plain-token-0003");
  for (const wrong of [{}, mogplex.api]) {
    expect(() => mask(text, { mogplex: wrong as never })).toThrow("'mogplex' must be a client from createMogplex()");
  }
});

test("createLogText() masks each token that the function of its client gives later", async () => {
  const service = createEmulator();
  let token = "plain-token-0001";
  const mogplex = createMogplex({ ...service.options, token: () => token });
  const { line } = createLogText({ mogplex });
  const text = "plain-token-0001 plain-token-0002";
  expect(line(text)).toBe(text);
  for (const expected of ["[redacted] plain-token-0002", "[redacted] [redacted]"]) {
    // The service knows neither, so that the second request asks for the token again.
    await mogplex.api.listRepos().catch(() => {});
    expect(line(text)).toBe(expected);
    token = "plain-token-0002";
  }
});

const SECRET = "correct horse";

/** A service whose agent shows a secret in an event and in the reason of its failure. */
function leakyService() {
  const steps = `[{ sandbox: up }, { event: { message: "uses ${SECRET}" } }, { fail: "no entry with ${SECRET}" }]`;
  const service = createEmulator({ scenario: `scenarios: [{ steps: ${steps} }]` });
  return { service, request: { repoId: service.repos[0]?.id ?? "", prompt: "Fix the flaky tests" } };
}

test("the secrets of a client are masked in what its handles print and write, and beside the call's own", async () => {
  const { service, request } = leakyService();
  const eventsFile = join(mkdtempSync(join(tmpdir(), "mogplex-masking-")), "events.ndjson");
  for (const token of [service.options.token, () => service.options.token]) {
    const mogplex = createMogplex({ ...service.options, token, secrets: [SECRET] });
    const result = await mogplex.run(request, { throwOnFailure: false, eventsFile });
    expect(result.reason).toContain(SECRET);
    expect(JSON.stringify(result)).not.toContain(SECRET);
    expect(JSON.stringify(result)).toContain("[redacted]");
    expect(readFileSync(eventsFile, "utf8")).not.toContain(SECRET);
    expect(readFileSync(eventsFile, "utf8")).toContain("uses [redacted]");
    const error = await mogplex.attach(result.runId ?? "").catch((thrown) => thrown);
    expect(JSON.stringify(error)).not.toContain(SECRET);
    const files = { json: "", markdown: "" };
    const folder = mkdtempSync(join(tmpdir(), "mogplex-masking-"));
    for (const format of ["json", "markdown"] as const) {
      await report(error.result, [{ format, path: join(folder, format) }]);
      files[format] = readFileSync(join(folder, format), "utf8");
    }
    const copies = [mask(result), mask({ type: "end", result }), mask([error.result])].map((copy) =>
      JSON.stringify(copy)
    );
    const line = createLogText().json({ result });
    for (const text of [...copies, line, render(result, "json"), render(result, "markdown"), ...Object.values(files)]) {
      expect(text).not.toContain(SECRET);
      expect(text).toContain("[redacted]");
    }
    expect(render({ ...result }, "markdown")).toContain(SECRET);
    expect(render({ ...result }, "markdown", { mogplex })).not.toContain(SECRET);
    const text = mask(`${SECRET} and battery staple`, { mogplex, secrets: ["battery staple"] });
    expect(text).toBe("[redacted] and [redacted]");
  }
});

test("the secrets of a client are masked in errors: of the service, of the network and of the caller's functions", async () => {
  const { service, request } = leakyService();
  const body = JSON.stringify({ error: { code: "BAD_REQUEST", message: `no ${SECRET}` } });
  const answer = () => Promise.resolve(new Response(body, { status: 400 }));
  const lost = () => Promise.reject(new TypeError(`lost ${SECRET}`));
  const fails = () => Promise.reject(new Error(`no ${SECRET}`));
  const { options } = service;
  const worlds = [{ fetch: answer }, { fetch: lost, timeoutMs: 1_000 }, { onBeforeRequest: fails }, { token: fails }];
  for (const token of [options.token, () => options.token]) {
    for (const world of worlds) {
      const mogplex = createMogplex({ ...options, token, secrets: [SECRET], ...world });
      const error = await mogplex.start(request).catch((thrown) => thrown);
      expect(error.message).toContain("[redacted]");
      expect(error.message).not.toContain(SECRET);
    }
  }
  const mogplex = createMogplex({ ...options, secrets: [SECRET] });
  const error = await mogplex.start(request, { onStarting: fails }).catch((thrown) => thrown);
  expect(error.message).toContain("'onStarting' failed: no [redacted]");
});

test("the secrets of a client are masked in what a campaign remembers", async () => {
  const { service } = leakyService();
  const mogplex = createMogplex({ ...service.options, secrets: [SECRET] });
  const definition = { name: "one", prompt: "Fix it", repositories: ["acme/web"], limits: { attempts: 1 } };
  const campaign = createCampaigns(mogplex).of(definition, { home: memoryHome() });
  const view = await campaign.run({ throwOnFailure: false });
  expect(view.items[0]?.reason).toContain("[redacted]");
  expect(JSON.stringify(view)).not.toContain(SECRET);
});

test("createMogplex() refuses secrets that cannot be masked", () => {
  const reasons = [
    ["short", "has fewer than 8 characters"],
    ["8f3a2b1c-1234-4abc-9def-1234567890ab", "is a UUID"],
    ["https://vault.example", "is an address"],
    ["Streaming", "is a word that the output uses"],
  ];
  for (const [secret = "", reason] of reasons) {
    expect(() => createMogplex({ secrets: [SECRET, secret] })).toThrow(
      `entry 2 of 'secrets' cannot be masked: it ${reason};`,
    );
  }
  for (const secrets of [["short"], "correct horse", [7]]) {
    expect(() => createMogplex({ secrets: secrets as never })).toThrow("Cannot mask secrets");
  }
});

test("createLogText() masks the newest five tokens of a function, the newest too", async () => {
  const { options } = createEmulator();
  const token = (count: number) => `plain-token-000${count}`;
  let count = 0;
  const mogplex = createMogplex({ ...options, token: () => token(++count) });
  for (let call = 0; call < 4; call++) await mogplex.api.listRepos().catch(() => {});
  const { line } = createLogText({ mogplex });
  expect(count).toBeGreaterThan(5);
  const shown = Array.from({ length: count }, (_, index) => line(token(index + 1)));
  expect(shown.slice(-5)).toEqual(Array.from({ length: 5 }, () => "[redacted]"));
});
