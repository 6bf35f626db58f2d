/** `examples/shell/mogplex-run.sh`: what it sends again, when, and when it gives up. */
import { expect, test } from "bun:test";
import type { FaultKind } from "../../../../lib/emulator/state/faults.ts";
import { LOOK, START } from "../../processes/world/recorder.ts";
import { inShell } from "./shell_world.ts";
import { INCOMPLETE } from "./shells.ts";

const shell = test.skipIf(INCOMPLETE);

/** Bad moments, one after the other, and what is said of each. */
const MOMENTS: [FaultKind, string][] = [
  ["503-no-retry", "(HTTP 503 SERVICE_UNAVAILABLE"],
  ["500", "(HTTP 500 INTERNAL_ERROR"],
  ["empty5xx", "(HTTP 500, attempt 3)"],
  ["html502", "(HTTP 502, attempt 4)"],
  ["truncated", "(the answer is not the API's (HTTP 20"],
  ["reset0", "(curl ended with 52, attempt 6)"],
  ["resetMid", "(curl ended with 18, attempt 7)"],
  ["401", "(the service refuses the token, which is unknown, expired or revoked (HTTP 401 UNAUTHORIZED"],
  ["login", "(the service saw no token and redirects to its login page (HTTP 307), attempt 9)"],
];

/** The moments that a log does not tell of as it should. */
function untold(log: string, moments: typeof MOMENTS): string[] {
  const lines = log.split("\n").filter((line) => line.includes(" yet ("));
  expect(lines).toHaveLength(moments.length);
  return lines.filter((line, index) => !line.includes(moments[index]?.[1] ?? ""));
}

shell(
  "mogplex-run.sh looks again after each bad moment",
  () =>
    inShell({ scenario: "success" }, async (stand) => {
      for (const [kind] of MOMENTS) stand.emulator.control("fault", { kind, route: "GET /runs/*" });
      const end = await stand.run(["Fix the tests"]);
      expect(end.code).toBe(0);
      expect(untold(end.stdout, MOMENTS)).toEqual([]);
    }),
);

shell(
  "mogplex-run.sh repeats a start with the same key and bytes after each bad moment",
  () =>
    inShell({ scenario: "success" }, async (stand) => {
      const moments = MOMENTS.slice(0, 7);
      for (const [kind] of moments) stand.emulator.control("fault", { kind, route: "POST /runs", processed: true });
      const end = await stand.run(["Fix the tests"]);
      expect(end.code).toBe(0);
      expect(untold(end.stdout, moments)).toEqual([]);
      expect(stand.of(START)).toHaveLength(8);
      expect(new Set(stand.of(START).map(({ key, body }) => JSON.stringify([key, body]))).size).toBe(1);
      expect(stand.runs()).toHaveLength(1);
    }),
);

shell(
  "mogplex-run.sh obeys Retry-After in full, for a start and for a look",
  () =>
    inShell({ scenario: "success" }, async (stand) => {
      stand.emulator.control("fault", { kind: "429", route: "POST /runs", retryAfter: 95 });
      stand.emulator.control("fault", { kind: "429", route: "GET /runs/*", retryAfter: 40 });
      stand.emulator.control("fault", { kind: "503", route: "GET /runs/*", retryAfter: 50 });
      const end = await stand.run(["Fix the tests"]);
      expect(end.code).toBe(0);
      const [first, second] = stand.of(START);
      expect((second?.at ?? 0) - (first?.at ?? 0)).toBe(95);
      const [one, two, three] = stand.of(LOOK).map(({ at }) => at) as [number, number, number];
      expect(two - one).toBeGreaterThanOrEqual(40);
      expect(three - two).toBeGreaterThanOrEqual(50);
      expect(end.stdout).toContain("trying again in 95 s");
      // No wait is silent for more than a minute.
      expect(end.stdout).toContain("mogplex-run: ... starting for 40 s\n");
    }),
);

shell(
  "mogplex-run.sh reads Retry-After as a date, by the clock of the service",
  () =>
    inShell({ scenario: "success" }, async (stand) => {
      const service = Date.UTC(2026, 1, 28, 23, 59, 30);
      const headers = {
        date: new Date(service).toUTCString(),
        "retry-after": new Date(service + 75_000).toUTCString(),
      };
      stand.intercept = () => stand.received.length === 1 ? new Response("", { status: 503, headers }) : undefined;
      expect((await stand.run(["Fix the tests"])).code).toBe(0);
      const [first, second] = stand.of(START);
      expect((second?.at ?? 0) - (first?.at ?? 0)).toBe(75);
    }),
);

shell.each(["soon", "-5", "1e9", "60, 120", "Sat, 31 Foo 2026 00:00:00 GMT", "007"])(
  "mogplex-run.sh takes no harm from a Retry-After of %p",
  (value) =>
    inShell({ scenario: "success" }, async (stand) => {
      stand.intercept = () =>
        stand.received.length === 1 ? new Response("", { status: 503, headers: { "retry-after": value } }) : undefined;
      expect((await stand.run(["Fix the tests"])).code).toBe(0);
      const [first, second] = stand.of(START);
      const waited = (second?.at ?? 0) - (first?.at ?? 0);
      expect(waited).toBeGreaterThanOrEqual(value === "007" ? 7 : 1);
      expect(waited).toBeLessThanOrEqual(7);
    }),
);

shell(
  "mogplex-run.sh ends with 75 when the service asks for more than the deadline leaves, and with 69 for a 503",
  () =>
    inShell({}, async (stand) => {
      for (const [kind, code] of [["429", 75], ["503", 69]] as const) {
        stand.emulator.control("clearFaults");
        stand.emulator.control("fault", { kind, route: "POST /runs", retryAfter: 3_600, times: 9 });
        const end = await stand.run(["Fix the tests"]);
        expect({ code: end.code, stdout: end.stdout }).toEqual({ code, stdout: "" });
        expect(end.stderr).toContain("it asks for 3600 s, and the deadline comes first");
      }
      expect(stand.slept()).toEqual([]);
    }),
);

shell(
  "mogplex-run.sh gives up a start whose outcome stays unknown, and names the key",
  () =>
    inShell({}, async (stand) => {
      stand.emulator.control("fault", { kind: "html502", route: "POST /runs", times: 99, processed: true });
      const end = await stand.run(["Fix the tests"]);
      expect(end.code).toBe(69);
      const key = stand.of(START)[0]?.key ?? "";
      expect(end.stderr).toContain(
        `Cannot tell whether the run was started: HTTP 502; the same start with the idempotency key "${key}"`,
      );
      expect(stand.of(START)).toHaveLength(8);
      expect(stand.runs()).toHaveLength(1);
    }),
);
