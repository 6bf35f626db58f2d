import { afterAll, expect, test } from "bun:test";
import { parse } from "parse5";
import { startEmulator } from "../../../../lib/emulator/server.ts";
import type { StartEmulatorOptions } from "../../../../lib/emulator/options.ts";
import { parseFixture } from "../../../../lib/emulator/state/fixture.ts";
import { sha256Hex } from "../../../../lib/sha256.ts";
import conformance from "../../../conformance/fixture.json" with { type: "json" };
import { parseScenario } from "../../../unit/emulator/scenarios.ts";

const closing: (() => Promise<void>)[] = [];

async function served(options: StartEmulatorOptions = {}) {
  const emulator = await startEmulator(options);
  closing.push(emulator.close);
  return emulator;
}

afterAll(async () => {
  await Promise.all(closing.map((close) => close()));
});

interface Node {
  nodeName: string;
  attrs?: { name: string; value: string }[];
  childNodes?: Node[];
}

/** Every element of a page, with its attributes. */
function elements(html: string): Node[] {
  const all = (node: Node): Node[] => [node, ...(node.childNodes ?? []).flatMap(all)];
  return all(parse(html) as unknown as Node).filter(({ nodeName }) => !nodeName.startsWith("#"));
}

test("the page at / says how to point the tool at the emulator, and lists runs and pull requests", async () => {
  const { url, token, readOnlyToken, repos } = await served({
    scenarios: [parseScenario("play: success", "s")],
    speed: 100_000,
  });
  const before = await (await fetch(`${url}/`)).text();
  for (
    const text of [
      `MOGPLEX_URL=${url}`,
      `MOGPLEX_API_KEY=${token}`,
      `# For a dashboard, which needs a read-only token: export MOGPLEX_API_KEY=${readOnlyToken}`,
      `MOGPLEX_REPO_ID=${repos[0]?.full_name}`,
      "None yet",
    ]
  ) {
    expect(before).toContain(text);
  }
  // Nothing is judged there.
  expect(before).toContain("<h1><span>Local Mogplex</span></h1>");
  const headers = { authorization: `Bearer ${token}`, "idempotency-key": "k" };
  const body = JSON.stringify({ repoId: repos[0]?.id, prompt: "Fix it\nand more", createBranch: true });
  await fetch(`${url}/api/v1/mogplex/runs`, { method: "POST", headers, body });
  let page = "";
  while (!page.includes('class="state good"')) page = await (await fetch(`${url}/`)).text();
  expect(page).not.toContain("and more");
  // A table of pull requests names each by its repository; a run has its own column for that.
  expect(page).toContain('<a href="/acme/web/pull/1">acme/web#1</a>');
  expect(page).toContain('<a href="/acme/web/pull/1">#1</a>');
  // A task of one line is the one to try; this one has two.
  expect(page).toContain("run --follow &quot;Fix the flaky tests&quot;");
  const [, run = ""] = /href="(\/__runs\/[^"]+)">Fix it</.exec(page) ?? [];
  const events = await (await fetch(url + run)).text();
  for (const text of ["Pull request ready", "Harness run finished", "and more"]) expect(events).toContain(text);
  const [, pull = ""] = /href="(\/acme\/web\/pull\/1)"/.exec(events) ?? [];
  const changes = await fetch(url + pull);
  expect(changes.status).toBe(200);
  const changed = await changes.text();
  expect(changed.match(/<span class="add">/g)).toHaveLength(2);
  expect(changed).toContain(`<a href="${run}">Open the run</a>`);
  expect((await fetch(`${url}/__runs/nothing`)).status).toBe(404);
});

test("an emulator whose agent is a command shows no token, and refuses foreign host names on its API", async () => {
  const fixture = parseFixture(conformance);
  for (const given of [undefined, fixture]) {
    const { url, token, readOnlyToken } = await served({ commands: { codex: "true" }, fixture: given });
    const page = await (await fetch(`${url}/`)).text();
    expect(page).toContain("MOGPLEX_API_KEY=…");
    for (const each of [token, readOnlyToken]) if (each !== null) expect(page).not.toContain(each);
    const status = async (host: string) => {
      const headers = { authorization: `Bearer ${token}`, host };
      return (await fetch(`${url}/api/v1/mogplex/repos`, { headers })).status;
    };
    expect([await status(new URL(url).host), await status("evil.example")]).toEqual([200, 403]);
  }
});

test("a page permits its own style and nothing else", async () => {
  const { url } = await served();
  const answer = await fetch(`${url}/`);
  const page = await answer.text();
  const style = /<style>([^]*?)<\/style>/.exec(page)?.[1] ?? "";
  const hash = Buffer.from(await sha256Hex(style), "hex").toString("base64");
  expect(answer.headers.get("content-security-policy")).toBe(
    `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  );
  expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
  expect(elements(page).filter(({ nodeName }) => ["script", "form", "iframe", "img"].includes(nodeName))).toEqual([]);
});

test("the pages are not shown under the host name of another site", async () => {
  const { url } = await served();
  for (const path of ["/", "/__runs/x", "/acme/web/pull/1"]) {
    const answer = await fetch(url + path, { headers: { host: "evil.example" } });
    expect([path, answer.status]).toEqual([path, 403]);
  }
});
