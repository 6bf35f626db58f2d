import { expect, test } from "bun:test";
import { main } from "../../../../lib/cli/main.ts";
import { virtualClock } from "../../../../lib/clock.ts";
import { noteMarker } from "../../../../lib/forge/note.ts";
import { cleanResult } from "../../../../lib/run/clean.ts";
import { renderMarkdown } from "../../../../lib/report/markdown.ts";
import { GITLAB_TOKEN, type GitlabServer, gitlabServer, type ServedToken } from "../../report/gitlab_server.ts";
import type { Fault } from "../../report/served.ts";
import { sampleResult } from "../../report/sample.ts";
import { type FakeIo, fakeIo } from "../fake_io.ts";
import { REPO, TOKEN, world } from "../world.ts";

/** Most characters of a note. Source: gitlabhq, lib/gitlab/database.rb, `MAX_TEXT_SIZE_LIMIT`. */
const MAX_NOTE_CHARACTERS = 1_000_000;

const RUN = ["run", "--follow", "Fix the flaky tests", "--repo", REPO, "--create-branch"];

interface Job {
  code: number;
  stdout: string;
  stderr: string;
  summary: string;
  gitlab: GitlabServer;
}

interface JobOptions {
  args?: string[];
  scenario?: string;
  env?: Record<string, string>;
  gitlab?: GitlabServer;
  /** @default {world(scenario)} */
  at?: ReturnType<typeof world>;
  /** Gets the streams and files before the job starts. */
  onIo?: (io: FakeIo) => void;
  /** Sends SIGTERM after that time. */
  signalMs?: number;
  /** Does something to the service first; what it returns are more arguments. */
  before?: (at: ReturnType<typeof world>) => Promise<string[]> | void;
}

/** A job of a merge request pipeline, with the token that a note needs. */
async function job(options: JobOptions = {}): Promise<Job> {
  const { args = RUN, scenario = "success", gitlab = gitlabServer("42", "7"), signalMs, before } = options;
  const { at = world(scenario) } = options;
  const more = await before?.(at) ?? [];
  const env = {
    MOGPLEX_API_KEY: TOKEN,
    GITLAB_TOKEN,
    GITLAB_CI: "true",
    CI_SERVER_URL: "https://gitlab.example/gitlab",
    CI_API_V4_URL: gitlab.api,
    CI_PROJECT_ID: "9",
    CI_MERGE_REQUEST_PROJECT_ID: "42",
    CI_MERGE_REQUEST_IID: "7",
    CI_PIPELINE_ID: "3",
    CI_JOB_NAME: "agent: [a, b]",
    CI_JOB_ID: "5",
    ...options.env,
  };
  const io = fakeIo({ env: Object.fromEntries(Object.entries(env).filter(([, value]) => value !== "unset")) });
  options.onIo?.(io);
  if (signalMs !== undefined) void at.clock.sleep(signalMs).then(() => io.signal("SIGTERM"));
  const fetch = (url: string, init: RequestInit) => {
    if (url.startsWith(gitlab.api)) return gitlab.fetch(url, init);
    expect([...new Headers(init.headers).values()].join("\n") + String(init.body)).not.toContain(GITLAB_TOKEN);
    return at.emulator.fetch(url, init);
  };
  const code = await main([...args, ...more], io, { fetch, clock: at.clock });
  for (const text of gitlab.received) expect(text).not.toContain(TOKEN);
  const files = [...io.files].filter(([path]) => !path.endsWith("run.json")).map(([, text]) => text);
  const all = [io.text.stdout, io.text.stderr, ...files, ...gitlab.notes.map(({ body }) => body)].join("\n");
  for (const token of [TOKEN, GITLAB_TOKEN]) expect(all).not.toContain(token);
  return { code, ...io.text, summary: io.files.get("mogplex-ci/summary.md") ?? "", gitlab };
}

const MARKER = await noteMarker("agent: [a, b]", "");

test("run --follow writes its end to one note, and the next run of the job updates it", async () => {
  const { code, stderr, summary, gitlab } = await job();
  expect({ code, stderr }).toEqual({ code: 0, stderr: "note: summary written in note 1000 of merge request !7\n" });
  expect(summary).toContain("## ✅ `acme/api`: `Fix the flaky tests` → [PR #1](");
  const texts = () =>
    gitlab.notes.map(({ body }) => body.replace(/\n<!-- mogplex:edits \d of [0-9a-f-]{36} -->\n$/, ""));
  const address = "http://localhost/acme/api/pull/1";
  expect(texts()).toEqual([
    `${MARKER}\n\n✅ **Succeeded** in 39 s: [${address}](<${address}>) is ready for review\n\nJob: \`agent: [a, b]\`\n`,
  ]);
  const again = await job({ gitlab, scenario: "agent-failure", env: { CI_PIPELINE_ID: "4" } });
  expect({ code: again.code, stderr: again.stderr }).toEqual({
    code: 1,
    stderr: "note: summary updated in note 1000 of merge request !7\n",
  });
  const [failed = ""] = texts();
  expect(failed).toStartWith(
    `${MARKER}\n\n❌ **Failed** after 33 s: \`Agent run exited with code 1.\`\n\nNothing was pushed. `,
  );
  expect(failed).toEndWith("</details>\n\nJob: `agent: [a, b]`\n");
  await job({ gitlab, env: { CI_JOB_NAME: "other" } });
  await job({ gitlab, env: { CI_NODE_INDEX: "1", CI_NODE_TOTAL: "2" } });
  expect(gitlab.notes.length).toBe(3);
});

test("jobs that follow one run change its note five times together, and each one writes the end", async () => {
  const gitlab = gitlabServer("42", "7");
  const edits = () => gitlab.requests.filter((each) => each.startsWith("PUT ")).length;
  let runId = "";
  const at = world("stuck-streaming");
  for (let attempt = 1; attempt <= 4; attempt++) {
    runId ||= await at.start();
    const before = edits();
    const { code } = await job({ args: ["follow", runId, "--timeout", "20m"], gitlab, at });
    expect(code).toBe(124);
    // What is above five are ends.
    expect(edits()).toBeGreaterThan(before);
    expect(edits()).toBeLessThanOrEqual(4 + attempt);
    expect(gitlab.notes.map(({ body }) => body.endsWith(`<!-- mogplex:edits ${edits()} of ${runId} -->\n`))).toEqual([
      true,
    ]);
  }
  // The note of the job's next run starts counting from zero.
  await job({ gitlab });
  expect(gitlab.notes.length).toBe(1);
  expect(gitlab.notes[0]?.body).toMatch(/<!-- mogplex:edits [1-5] of (?!none)[0-9a-f-]{36} -->\n$/);
  expect(gitlab.notes[0]?.body).not.toContain(runId);
});

test("follow and report write the note, too, whatever became of the run", async () => {
  for (const [scenario, code] of [["success", 0], ["agent-failure", 1], ["stuck-streaming", 124]] as const) {
    for (const verb of ["follow", "report"]) {
      const { code: ended, gitlab } = await job({
        args: [verb],
        scenario,
        before: async (at) => {
          const runId = await at.start();
          if (verb === "report") at.clock.advance(120_000);
          return verb === "follow" ? [runId, "--timeout", "200"] : [runId];
        },
      });
      expect([verb, scenario, ended]).toEqual([verb, scenario, code]);
      const open = verb === "report" ? "⏳ **Still running**" : "⚠️ **Did not finish in time**";
      const sign = { 0: "✅ **Succeeded**", 1: "❌ **Failed**", 124: open }[code];
      expect(gitlab.notes.map(({ body }) => body.startsWith(`${MARKER}\n\n${sign}`))).toEqual([true]);
    }
  }
});

test("run --follow writes the note when the start failed, with the code of the failure", async () => {
  const before = (at: ReturnType<typeof world>) =>
    void at.emulator.control("fault", { kind: "500", route: "POST /runs", times: 999 });
  const { code, gitlab } = await job({ args: [...RUN, "--timeout", "20"], before });
  expect(code).toBe(69);
  expect(gitlab.notes[0]?.body).toContain("⚠️ **No verdict**: `Cannot determine whether the run was started");
});

test("a missing token is one notice that says which variable and which rights, and nothing is asked of GitLab", async () => {
  for (const token of ["unset", "", "  "]) {
    const { code, stderr, gitlab } = await job({ env: { GITLAB_TOKEN: token } });
    expect({ code, stderr, requests: gitlab.requests }).toEqual({
      code: 0,
      stderr:
        `note: Cannot write a note on merge request !7: variable GITLAB_TOKEN is ${
          token === "unset" ? "not set" : "empty"
        }; ` +
        `store a GitLab project access token there, with the "api" scope and at least the Reporter role in the project of the merge request ` +
        "(protected variables are absent on unprotected refs and in pipelines of forks), or set MOGPLEX_NOTE=off\n",
      requests: [],
    });
  }
});

test("no note and no notice about it outside of merge request pipelines, on other systems, and when it is off", async () => {
  const quiet: JobOptions[] = [
    { env: { CI_MERGE_REQUEST_IID: "unset" } },
    { env: { CI_MERGE_REQUEST_IID: "unset", GITLAB_TOKEN: "unset" } },
    { env: { GITLAB_CI: "unset", BUILDKITE: "true" } },
    { env: { MOGPLEX_NOTE: "off" } },
    { env: { MOGPLEX_NOTE: "off", GITLAB_TOKEN: "unset" } },
    { args: [...RUN, "--note", "off"] },
  ];
  for (const options of quiet) {
    const { code, stderr, gitlab } = await job(options);
    // Buildkite has no creation date and the like; what matters is that nothing is said of a note.
    expect([code, /note on|Cannot write/.test(stderr), gitlab.requests]).toEqual([0, false, []]);
  }
});

const page = (status: number) => new Response("<html>no</html>", { status, headers: { "content-type": "text/html" } });
const json = (status: number) =>
  Response.json({ message: "no" }, {
    status,
    headers: { location: "https://evil.example/" },
  });
const FAULTS: readonly [name: string, fault: () => Fault, words: string][] = [
  ["401", () => json(401), "GitLab refuses the token in variable GITLAB_TOKEN"],
  ["403", () => json(403), "the token in variable GITLAB_TOKEN lacks a permission"],
  ["404", () => json(404), "GitLab does not show the merge request to the token"],
  ["a page of a proxy", () => page(403), "something on the network path, such as a proxy, answered instead of GitLab"],
  ["500", () => page(500), "GitLab has a problem"],
  ["a redirect", () => json(302), "the response is a redirect"],
  ["a page", () => page(200), "the response is not from GitLab's API"],
  ["a reset", () => "reset", "the network failed"],
  ["silence", () => "hang", "GitLab took longer than 15 seconds"],
];

for (const [name, fault, words] of FAULTS) {
  test(`${name} of GitLab is one notice, and the verdict is what it would have been`, async () => {
    for (const scenario of ["success", "agent-failure"]) {
      const gitlab = gitlabServer("42", "7");
      for (let times = 0; times < 50; times++) gitlab.faults.push({ match: /./, fault: fault() });
      const failed = await job({ scenario, gitlab });
      const off = await job({ scenario, args: [...RUN, "--note", "off"] });
      expect(failed.code).toBe(off.code);
      const verdict = /^verdict .*$/m;
      expect(verdict.exec(failed.stdout)?.[0]).toBe(verdict.exec(off.stdout)?.[0] as string);
      expect(failed.stderr.split("\n").length).toBe(2);
      expect(failed.stderr).toStartWith("note: Cannot ");
      expect(failed.stderr).toContain(words);
    }
  });
}

test("the verdict stays the last line of --json when there is a notice about the note", async () => {
  const gitlab = gitlabServer("42", "7");
  gitlab.tokens.clear();
  const { stdout, stderr } = await job({ gitlab, args: [...RUN, "--json"] });
  expect(JSON.parse(stdout.trim().split("\n").at(-1) ?? "")).toMatchObject({ outcome: "success", exitCode: 0 });
  expect(stderr).toStartWith("note: Cannot look for an earlier note");
});

test("an interrupted job says in its note what became of the run", async () => {
  const { code, gitlab } = await job({ scenario: "stuck-streaming", signalMs: 20_000 });
  const written = gitlab.requests.filter((each) => !each.startsWith("GET"));
  const notes = "/projects/42/merge_requests/7/notes";
  expect({ code, written }).toEqual({ code: 143, written: [`POST ${notes}`, `PUT ${notes}/1000`] });
  expect(gitlab.notes[0]?.body).toContain("the job was stopped; the run was cancelled");
});

test("an interrupted job writes no note that was not there, and gives up soon on one that cannot be changed", async () => {
  const before = (at: ReturnType<typeof world>) =>
    void at.emulator.control("fault", { kind: "500", route: "POST /runs", times: 999 });
  const none = await job({ signalMs: 2_000, before });
  expect({ code: none.code, requests: none.gitlab.requests }).toEqual({ code: 143, requests: [] });
  const gitlab = gitlabServer("42", "7");
  gitlab.faults.push({ match: /^PUT/, fault: "hang" });
  const slow = await job({ gitlab, scenario: "stuck-streaming", signalMs: 20_000 });
  expect({ code: slow.code, stderr: slow.stderr }).toMatchObject({
    code: 143,
    stderr: expect.stringContaining("no complete response within 3 seconds"),
  });
});

test("cleanup ends the note of the killed job whose run it cancels, and creates none", async () => {
  for (const isDeleted of [false, true]) {
    const at = world("stuck-streaming");
    const gitlab = gitlabServer("42", "7");
    let [state, notes] = ["", gitlab.notes];
    await job({
      ...{ gitlab, at, args: [...RUN, "--timeout", "60"] },
      onIo: (io) =>
        void at.clock.sleep(30_000).then(() => {
          [state, notes] = [io.files.get("mogplex-ci/run.json") ?? "", structuredClone(gitlab.notes)];
        }),
    });
    Object.assign(gitlab, { notes: isDeleted ? [] : notes, requests: [] });
    const { code, stderr } = await job({
      ...{ gitlab, at, args: ["cleanup"], env: { CI_JOB_STATUS: "canceled" } },
      onIo: (io) => void io.files.set("mogplex-ci/run.json", state),
    });
    expect([...at.emulator.world.store.runs.values()].map(({ status }) => status)).toEqual(["cancelled"]);
    const end = "🚫 **Interrupted**: `The job was stopped, so cleanup cancelled the run`";
    expect({ code, stderr, lines: gitlab.notes.map(({ body }) => body.split("\n")[2]) }).toEqual({
      code: 0,
      stderr: isDeleted ? "" : "note: summary updated in note 1000 of merge request !7\n",
      lines: isDeleted ? [] : [end],
    });
  }
});

test("run --detach leaves the note, and the notice about a missing token, to the job that follows", async () => {
  const args = ["run", "--detach", "Fix the flaky tests", "--repo", REPO, "--create-branch"];
  for (const env of [{ GITLAB_TOKEN }, { GITLAB_TOKEN: "unset" }]) {
    const { code, stderr, gitlab } = await job({ args, env });
    expect({ code, stderr, requests: gitlab.requests }).toEqual({ code: 0, stderr: "", requests: [] });
  }
});

test("a setting of the note that is not possible ends with 2 before anything is started", async () => {
  const bad: [Record<string, string>, string][] = [
    [{ MOGPLEX_NOTE: "yes" }, `error: Cannot use MOGPLEX_NOTE because it must be one of auto, off: "yes"\n`],
    [
      { MOGPLEX_NOTE_TOKEN_VARIABLE: "glpat-x y" },
      "error: Cannot write a note: MOGPLEX_NOTE_TOKEN_VARIABLE must be the name of a variable (letters, digits, " +
      "underscores), not a token\n",
    ],
  ];
  for (const [env, message] of bad) {
    const { code, stdout, stderr } = await job({ env });
    expect({ code, stderr }).toEqual({ code: 2, stderr: message });
    expect(stdout).toStartWith("verdict       not started (exit code 2)\n");
  }
});

test("unusable variables of GitLab give a notice, and change nothing", async () => {
  const odd: Record<string, string>[] = [{ CI_API_V4_URL: "gitlab.example" }, { CI_MERGE_REQUEST_IID: "7/../8" }];
  for (const env of odd) {
    const { code, stderr, gitlab } = await job({ env });
    expect([code, gitlab.requests, stderr.startsWith("note: Cannot find the ")]).toEqual([0, [], true]);
  }
});

test("neither the token of Mogplex nor what cannot be a token is sent to GitLab", async () => {
  const odd: [env: Record<string, string>, words: string][] = [
    [
      { MOGPLEX_NOTE_TOKEN_VARIABLE: "MOGPLEX_API_KEY" },
      "variable MOGPLEX_API_KEY holds the Mogplex token, which is not sent",
    ],
    [{ GITLAB_TOKEN: "$MY_TOKEN" }, "the value of variable GITLAB_TOKEN is not a valid token"],
    [{ GITLAB_TOKEN: "glpat-a\nb" }, "the value of variable GITLAB_TOKEN is not a valid token"],
  ];
  for (const [env, words] of odd) {
    const { code, stderr, gitlab } = await job({ env });
    expect([code, gitlab.requests, stderr.split("\n").length]).toEqual([0, [], 2]);
    expect(stderr).toContain(words);
  }
});

test("a token in a variable of any name works, and is masked wherever the run repeats it", async () => {
  const secret = "Zq7Wm3XcVb9Nf5Tg";
  const gitlab = gitlabServer("42", "7");
  gitlab.tokens.set(secret, gitlab.tokens.get(GITLAB_TOKEN) as ServedToken);
  const { summary, stdout } = await job({
    gitlab,
    args: ["follow", "--log", "full"],
    env: { GITLAB_TOKEN: "unset", TEAM_TOKEN: secret, MOGPLEX_NOTE_TOKEN_VARIABLE: "TEAM_TOKEN" },
    before: async (at) => {
      const runId = await at.start();
      at.emulator.control("appendEvents", {
        runId,
        events: [{ type: "log", message: `seen: ${secret}`, payload: {} }],
      });
      at.emulator.control("setRun", { runId, run: { status: "failed", error: `broken by ${secret}` } });
      return [runId];
    },
  });
  expect(gitlab.notes.length).toBe(1);
  for (const text of [summary, stdout, gitlab.notes[0]?.body ?? ""]) {
    expect(text).toContain("[redacted]");
    expect(text).not.toContain(secret);
  }
});

test("an address on the GitLab of the merge request is text, where a link would leave a mark on what it leads to", async () => {
  const reported = async (address: string) => {
    const { gitlab } = await job({
      args: ["report"],
      before: async (at) => {
        const runId = await at.start();
        const payload = { stage: "git_delivery", changed: true, working_branch: "x", pull_request_url: address };
        at.emulator.control("appendEvents", {
          runId,
          events: [{ type: "log", message: "Pull request ready", payload }],
        });
        at.emulator.control("setRun", { runId, run: { status: "success" } });
        return [runId];
      },
    });
    return /: (.*) is ready for review$/m.exec(gitlab.notes[0]?.body ?? "")?.[1];
  };
  const own = "https://gitlab.example/gitlab/group/project/-/issues/1";
  expect(await reported(own)).toBe(`\`${own}\``);
  const other = "https://github.com/acme/web/pull/7";
  expect(await reported(other)).toBe(`[${other}](<${other}>)`);
});

test("a note with the longest texts is within GitLab's limit", () => {
  const long = (text: string) => text.repeat(400_000);
  for (const text of [long("`"), long("東\n"), long("|"), long("\n/close"), `${long("` ")}`]) {
    const result = sampleResult({
      reason: text,
      resume: text,
      harness: text,
      failureCode: text,
      branch: { base: text, requested: text, pushed: text },
      pullRequest: { state: "open", url: `https://a.example/${"é".repeat(300)}` },
      phases: Array(5_000).fill({ name: text, startedAt: text, durationMs: 1 }),
    });
    const markdown = renderMarkdown(cleanResult(result, (each) => each, (text) => text), { redact: (text) => text });
    expect([...markdown].length).toBeLessThan(MAX_NOTE_CHARACTERS - 2_000);
  }
});

test("permissions opens the host of GitLab and the variable of its token when a note is going to be written", async () => {
  const net = async (env: Record<string, string>, ...args: string[]) => {
    const io = fakeIo({
      env: {
        GITLAB_CI: "true",
        CI_API_V4_URL: "https://git.example:8443/lab/api/v4",
        CI_PROJECT_ID: "9",
        MOGPLEX_NOTE_TOKEN_VARIABLE: "TEAM_TOKEN",
        ...env,
      },
    });
    await main(["permissions", "--json", ...args], io, { clock: virtualClock() });
    const printed = JSON.parse(io.text.stdout) as { net: string[]; env: string[] };
    for (const name of ["CI_API_V4_URL", "CI_MERGE_REQUEST_IID", "CI_MERGE_REQUEST_PROJECT_ID", "GITLAB_TOKEN"]) {
      expect(printed.env).toContain(name);
    }
    return [printed.net, printed.env.includes("TEAM_TOKEN")];
  };
  const mergeRequest = { CI_MERGE_REQUEST_IID: "7", TEAM_TOKEN: GITLAB_TOKEN };
  expect(await net(mergeRequest)).toEqual([["mogplex.com", "git.example:8443"], true]);
  expect(await net({ ...mergeRequest, MOGPLEX_URL: "https://git.example:8443" })).toEqual([["git.example:8443"], true]);
  for (
    const [env, ...args] of [
      [mergeRequest, "--note", "off"],
      [{ ...mergeRequest, MOGPLEX_NOTE: "off" }],
      [{ ...mergeRequest, TEAM_TOKEN: "" }],
      [{ ...mergeRequest, CI_MERGE_REQUEST_IID: "" }],
      [{ ...mergeRequest, CI_API_V4_URL: "git.example" }],
      [{ ...mergeRequest, GITLAB_CI: "" }],
    ] as [Record<string, string>, ...string[]][]
  ) expect(await net(env, ...args)).toEqual([["mogplex.com"], false]);
});

test("the note of a job is there from the beginning, and is changed at most five times on GitLab", async () => {
  const { gitlab } = await job({ scenario: "success" });
  const written = gitlab.requests.filter((each) => !each.startsWith("GET"));
  expect(written[0]).toStartWith("POST ");
  expect(written.slice(1).every((each) => each.startsWith("PUT "))).toBe(true);
  expect(written.length).toBeGreaterThan(1);
  expect(written.length).toBeLessThanOrEqual(6);
});

test("a note that is deleted while its run goes on is written again at the end alone", async () => {
  const gitlab = gitlabServer("42", "7");
  const { fetch } = gitlab;
  gitlab.fetch = async (url, init) => {
    const answer = await fetch(url, init);
    const posts = gitlab.requests.filter((each) => each.startsWith("POST ")).length;
    if (init.method === "POST" && posts === 1) {
      Object.assign(gitlab.notes[0] ?? {}, { id: 1, author: { id: 5 }, body: "gone" });
    }
    return answer;
  };
  const { code, stderr } = await job({ gitlab });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "note: summary written in note 1001 of merge request !7\n" });
  expect(gitlab.notes.map(({ body }) => body.startsWith(`${MARKER}\n\n✅ **Succeeded**`))).toEqual([false, true]);
  expect(gitlab.requests.filter((each) => each.startsWith("POST ")).length).toBe(2);
});

test("a job that finds no run does not begin the count of the changes anew for the next one that follows it", async () => {
  const gitlab = gitlabServer("42", "7");
  const edits = () => gitlab.requests.filter((each) => each.startsWith("PUT ")).length;
  const at = world("stuck-streaming");
  const runId = await at.start();
  const follow = () => job({ args: ["follow", runId, "--timeout", "20m"], gitlab, at });
  await follow();
  at.emulator.control("fault", { kind: "500", times: 999 });
  const down = await job({ gitlab, at });
  expect([down.code, gitlab.notes.length]).toEqual([69, 1]);
  at.emulator.control("clearFaults", {});
  await follow();
  // Five, and two ends above that.
  expect(edits()).toBeLessThanOrEqual(7);
  expect(gitlab.notes[0]?.body).toEndWith(`<!-- mogplex:edits ${edits()} of ${runId} -->\n`);
});
