import { expect, test } from "bun:test";
import { LiveLog, type LogForm } from "../../../lib/cli/log/live_log.ts";
import { Writer } from "../../../lib/cli/log/writer.ts";
import { virtualClock } from "../../../lib/clock.ts";
import { detectPlatform } from "../../../lib/ci/detect.ts";
import { createRedactor } from "../../../lib/text/redact.ts";
import type { SafeLine } from "../../../lib/text/safe_line.ts";
import { fakeIo } from "../cli/fake_io.ts";
import { REPO, world } from "../cli/world.ts";
import { sampleEvent, successEvents } from "../report/sample.ts";
import { CORPUS } from "./corpus.ts";
import { runGithubLog } from "./parsers/github_runner.ts";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const GROUPS = [
  "group Mogplex: queue and prepare",
  "endgroup",
  "group Mogplex: agent",
  "endgroup",
  "group Mogplex: deliver",
  "endgroup",
];
const RUN = ["run", "--follow", "Fix it", "--repo", REPO, "--create-branch"];
const ENV = { GITHUB_ACTIONS: "true", CI: "true", MOGPLEX_CI_JOB: "nightly" };

/** The log of a run whose agent says `text`. With `open` nothing is escaped, so that only the fence protects the log. */
function followed(text: string, form: LogForm, open: boolean): string {
  const io = fakeIo({ env: { GITHUB_ACTIONS: "true" } });
  const github = detectPlatform(io.env);
  const platform = open ? { ...github, escapeLine: (line: string) => line as SafeLine } : github;
  const writer = new Writer(io, platform, createRedactor());
  const log = new LiveLog({
    writer,
    platform,
    clock: virtualClock({ auto: false }),
    form,
    json: false,
    interactive: false,
  });
  log.open("pending");
  const [accepted, started, synced, streaming, delivered, finished] = successEvents();
  const said = sampleEvent(6, { message: text, toolName: text.slice(0, 100), payload: { text: text.slice(0, 1_000) } });
  const deltas = text.split("\n").slice(0, 50).map((line, index) =>
    sampleEvent(7 + index, { message: `${line}\n`, payload: { kind: "assistant_delta" } })
  );
  for (const event of [accepted, started, synced, streaming, said, ...deltas, delivered, finished]) {
    if (event !== undefined) log.item({ type: "event", event });
  }
  log.close();
  writer.out(...writer.untrustedLines(`verdict failed\n${text}`));
  writer.unfence();
  return io.text.stdout;
}

test("runGithubLog() obeys commands as the runner does, and none between a stop and its token", () => {
  const log = [
    "::error::a",
    "  ::Set-Output name=x::y",
    "text ##[add-mask]z",
    "::nonsense::",
    "::stop-commands::T0ken",
    "::error::b",
    "##[error]c",
    "::other::",
    "::t0ken::",
    "::group::d",
    "::stop-commands::again",
  ].join("\n");
  expect(runGithubLog(log)).toEqual({
    obeyed: ["error a", "set-output y", "add-mask z", "group d"],
    fenced: ["::error::b", "##[error]c", "::other::"],
    tokens: ["t0ken", "again"],
    stopped: true,
    rendered: ["##[error]c"],
  });
  expect(() => runGithubLog("::stop-commands::")).toThrow("Invalid token");
  expect(() => runGithubLog("::stop-commands::error")).toThrow("Invalid token");
});

for (const { name, text } of CORPUS) {
  test(`the fence alone keeps the runner from obeying the agent's commands, and our own are obeyed: ${name}`, () => {
    const short = text.slice(0, 5_000);
    for (const form of ["compact", "full", "json"] as const) {
      for (const open of [true, false]) {
        const report = runGithubLog(followed(short, form, open));
        expect({ form, open, obeyed: report.obeyed }).toEqual({ form, open, obeyed: GROUPS });
        expect(report.stopped).toBe(false);
        if (!open) expect(report.rendered).toEqual([]);
      }
    }
  });
}

test("the fence has a new token each time, which no agent can know", () => {
  const logs = [1, 2].map(() => runGithubLog(followed("the same", "compact", false)).tokens);
  const tokens = logs.flat();
  expect(tokens.length).toBe(8);
  expect(new Set(tokens).size).toBe(8);
  for (const token of tokens) expect(token).toMatch(UUID);
});

test("an agent that repeats every token it could have seen does not end the fence", () => {
  const seen = [...followed("x", "compact", true).matchAll(/::stop-commands::(\S+)/g)].map(([, token]) => token);
  const text = [...seen.map((token) => `::${token}::`), "::pause::", "::pause-logging::", "::error::forged"].join("\n");
  const report = runGithubLog(followed(text, "full", true));
  expect({ obeyed: report.obeyed, stopped: report.stopped }).toEqual({ obeyed: GROUPS, stopped: false });
});

for (
  const [scenario, args, verdict] of [
    ["success", [], []],
    ["agent-failure", ["--log", "full"], ["error"]],
    ["awaiting-input", [], ["warning"]],
    ["stuck-streaming", ["--timeout", "60"], ["warning"]],
    ["stuck-pending", ["--timeout", "60", "--on-timeout", "cancel"], ["warning"]],
  ] as const
) {
  test(`run --follow ends with the runner obeying commands, and prints its verdict: ${scenario}`, async () => {
    const { stdout } = await world(scenario).cli([...RUN, ...args], { env: ENV });
    const report = runGithubLog(stdout);
    expect(report.stopped).toBe(false);
    const others = report.obeyed.filter((command) => !/^(group Mogplex: [\w ]+|endgroup)$/.test(command));
    expect(others.map((command) => command.split(" ")[0])).toEqual([...verdict]);
    expect(report.fenced.some((line) => line.startsWith("verdict "))).toBe(true);
    const groups = report.obeyed.length - others.length;
    expect(report.obeyed.filter((command) => command === "endgroup").length).toBe(groups / 2);
  });
}

test("run --follow ends with the runner obeying commands when nothing starts, and prints no fence with --json", async () => {
  const { cli, emulator } = world();
  emulator.control("fault", { kind: "503", route: "POST /runs", times: 99 });
  const failed = await cli([...RUN, "--timeout", "5"], { env: ENV });
  expect({ code: failed.code, stopped: runGithubLog(failed.stdout).stopped }).toEqual({ code: 69, stopped: false });
  const json = await world().cli([...RUN, "--json"], { env: ENV });
  for (const line of json.stdout.trimEnd().split("\n")) expect(typeof JSON.parse(line)).toBe("object");
});

test("run --follow ends group and fence after a signal, also when a second one ends it at once", async () => {
  for (const signals of [[20_000], [20_000, 22_000]]) {
    const { cli, clock, emulator } = world("stuck-streaming");
    // The cancel request of the first signal hangs, so that the second signal arrives while the job waits for it.
    if (signals.length > 1) {
      emulator.control("fault", { kind: "slow", delayMs: 60_000, route: "POST /runs/*/cancel", times: 9 });
    }
    let atExit: string | undefined;
    const { code, stdout } = await cli(RUN, {
      env: ENV,
      before(io) {
        const { exitNow } = io;
        io.exitNow = (exitCode) => {
          atExit ??= io.text.stdout;
          exitNow(exitCode);
        };
        for (const ms of signals) void clock.sleep(ms).then(() => io.signal("SIGTERM"));
      },
    });
    expect(code).toBe(143);
    expect(atExit !== undefined).toBe(signals.length > 1);
    const report = runGithubLog(atExit ?? stdout);
    expect(report.stopped).toBe(false);
    // After the second signal there is no time for a verdict.
    expect(report.obeyed.at(-1)).toStartWith(signals.length > 1 ? "endgroup" : "warning run <run>");
  }
});

test("run --follow ends the fence on stderr when the reader of stdout has closed it", async () => {
  const { cli } = world();
  // The runner sees the lines that `| head -7` passes on, then stderr.
  const { stdout, stderr } = await cli(RUN, {
    env: ENV,
    before(io) {
      const { write } = io;
      const gone = () => io.text.stdout.split("\n").length > 7;
      io.write = (stream, text) => {
        if (stream === "stderr" || !gone()) write(stream, text);
      };
      io.closed = (stream) => stream === "stdout" && gone();
    },
  });
  expect(runGithubLog(stdout).stopped).toBe(true);
  expect(runGithubLog(`${stdout}${stderr}`).stopped).toBe(false);
  expect(stderr).toMatch(/^::[0-9a-f-]{36}::\n$/);
});
