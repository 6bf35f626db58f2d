/** What signals do to `examples/shell/mogplex-run.sh`, and who can see its token. */
import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { sessionOf } from "../../processes/world/runner.ts";
import type { Running } from "../../processes/world/service.ts";
import { CANCEL, LOOK, START, until } from "../../processes/world/recorder.ts";
import { inShell, type Stand } from "./shell_world.ts";
import { INCOMPLETE, SH } from "./shells.ts";

const shell = test.skipIf(INCOMPLETE);

/** How a runner sends a signal: to the process, or to its whole group. */
const WAYS = [["the process", 1], ["the process group", -1]] as const;

function kill({ child }: Running, way: 1 | -1, signal: NodeJS.Signals): void {
  process.kill(way * (child.pid as number), signal);
}

/** Processes of the script's session. */
function members({ child }: Running): number[] {
  return sessionOf(child.pid as number);
}

/** The run was cancelled by one request, and nothing of the script is left. */
async function oneCancel(stand: Stand, running: Running, code: number): Promise<void> {
  const end = await running.ended;
  expect({ code: end.code, cancels: stand.of(CANCEL).length, statuses: stand.runs().map(({ status }) => status) })
    .toEqual({ code, cancels: 1, statuses: ["cancelled"] });
  expect(end.stdout).toMatch(/stopped by SIG\w+: the run is cancelled \(exit code \d+\); run [0-9a-f-]{36}\n$/);
  await until("nothing of the script is alive", () => members(running).length === 0);
}

shell.each(WAYS)(
  "mogplex-run.sh cancels at once when SIGTERM comes to %s while it waits",
  (_name, way) =>
    inShell({ scenario: "stuck-streaming" }, async (stand) => {
      stand.hold();
      const running = stand.launch(["Fix the tests"]);
      await running.seen(/: pending\n/);
      await stand.sleeps();
      kill(running, way, "SIGTERM");
      await oneCancel(stand, running, 143);
    }),
);

shell.each(WAYS)(
  "mogplex-run.sh cancels at once when SIGTERM comes to %s during a request",
  (_name, way) =>
    inShell({ scenario: "stuck-streaming" }, async (stand) => {
      stand.intercept = ({ what }) => LOOK.test(what) ? new Promise(() => {}) : undefined;
      const running = stand.launch(["Fix the tests"]);
      await until("it looks", () => stand.of(LOOK).length > 0);
      kill(running, way, "SIGTERM");
      await oneCancel(stand, running, 143);
    }),
);

shell(
  "mogplex-run.sh answers SIGINT like SIGTERM, with its code, and a second signal changes nothing",
  () =>
    inShell({ scenario: "stuck-streaming" }, async (stand) => {
      stand.hold();
      const running = stand.launch(["Fix the tests"]);
      await running.seen(/: pending\n/);
      await stand.sleeps();
      kill(running, -1, "SIGINT");
      kill(running, -1, "SIGINT");
      await oneCancel(stand, running, 130);
    }),
);

shell.each(WAYS)(
  "mogplex-run.sh finds and cancels the run whose start was under way when SIGTERM came to %s",
  (_name, way) =>
    inShell({ scenario: "stuck-streaming" }, async (stand) => {
      stand.intercept = async ({ what, body, key, authorization }) => {
        if (!START.test(what) || stand.of(START).length > 1) return undefined;
        const headers = { "idempotency-key": key ?? "", authorization: authorization ?? "" };
        await stand.emulator.fetch("http://localhost/api/v1/mogplex/runs", { method: "POST", body, headers });
        return await new Promise(() => {});
      };
      const running = stand.launch(["Fix the tests"]);
      await until("the run exists", () => stand.runs().length > 0);
      kill(running, way, "SIGTERM");
      await oneCancel(stand, running, 143);
      const [first, second] = stand.of(START);
      expect([second?.key, second?.body]).toEqual([first?.key, first?.body]);
    }),
);

shell(
  "mogplex-run.sh tries a cancel that was refused once more, and ends all the same",
  () =>
    inShell({ scenario: "stuck-streaming" }, async (stand) => {
      stand.intercept = ({ what }) => {
        if (LOOK.test(what)) return new Promise(() => {});
        if (!CANCEL.test(what)) return undefined;
        return Response.json({ ok: false, error: { code: "CONFLICT", message: "Run state changed" } }, { status: 409 });
      };
      const running = stand.launch(["Fix the tests"]);
      await until("it looks", () => stand.of(LOOK).length > 0);
      kill(running, 1, "SIGTERM");
      const end = await running.ended;
      expect({ code: end.code, cancels: stand.of(CANCEL).length }).toEqual({ code: 143, cancels: 2 });
      expect(end.stdout).toContain("stopped by SIGTERM: the run may continue, it could not be cancelled (HTTP 409)");
    }),
);

shell(
  "mogplex-run.sh starts no run after a signal before the start",
  () =>
    inShell({ scenario: "stuck-streaming" }, async (stand) => {
      stand.hold();
      stand.emulator.control("fault", { kind: "429", route: "POST /runs", retryAfter: 60 });
      const early = stand.launch(["Fix the tests"]);
      await early.seen(/Cannot start the run yet/);
      await stand.sleeps();
      kill(early, -1, "SIGTERM");
      const none = await early.ended;
      expect({ code: none.code, runs: stand.runs().length, starts: stand.of(START).length }).toEqual({
        code: 143,
        runs: 0,
        starts: 1,
      });
      expect(none.stderr).toContain("stopped by SIGTERM (exit code 143); no run was started");
      await until("nothing of the script is alive", () => members(early).length === 0);
    }),
);

shell(
  "mogplex-run.sh goes on to the verdict when its output is not read",
  () =>
    inShell({ scenario: "agent-failure" }, async (stand) => {
      const running = stand.launch(["Fix the tests"]);
      running.child.stdout?.destroy();
      running.child.stderr?.destroy();
      expect((await running.ended).code).toBe(1);
    }),
);

test.skipIf(INCOMPLETE || process.platform !== "linux")(
  "mogplex-run.sh shows its token in no argument, no environment of another program, no file and no trace",
  () =>
    inShell({ scenario: "success", shell: { ...SH, line: [...SH.line, "-ex"] } }, async (stand) => {
      let seen = 0;
      stand.intercept = () => {
        for (const pid of members(running)) {
          const read = (name: string) => {
            try {
              return readFileSync(`/proc/${pid}/${name}`, "latin1");
            } catch {
              return "";
            }
          };
          const line = read("cmdline");
          expect(line).not.toContain(stand.token);
          if (!line.startsWith("curl\0")) continue;
          seen++;
          expect(read("environ")).not.toContain(stand.token);
        }
        for (const name of readdirSync(stand.env.TMPDIR ?? "", { recursive: true, encoding: "utf8" })) {
          const path = join(stand.env.TMPDIR ?? "", name);
          if (
            readdirSync(join(path, ".."), { withFileTypes: true }).find((entry) => path.endsWith(entry.name))
              ?.isFile()
          ) {
            expect(readFileSync(path, "latin1")).not.toContain(stand.token);
          }
        }
        return undefined;
      };
      const running = stand.launch(["Fix the tests"]);
      const end = await running.ended;
      expect(end.code).toBe(0);
      expect(end.stdout + end.stderr).not.toContain(stand.token);
      expect(seen).toBe(stand.received.length);
    }),
);

shell(
  "mogplex-run.sh reads no configuration of curl, and sends nothing for this machine to a proxy",
  () =>
    inShell({ scenario: "success" }, async (stand) => {
      mkdirSync(join(stand.cwd, "home"));
      writeFileSync(join(stand.cwd, "home/.curlrc"), "proxy = http://127.0.0.1:1\nfail\nlocation\n");
      const HOME = join(stand.cwd, "home");
      const env = { HOME, CURL_HOME: HOME, http_proxy: "http://127.0.0.1:1", all_proxy: "http://127.0.0.1:1" };
      expect((await stand.run(["Fix the tests"], env)).code).toBe(0);
    }),
);
