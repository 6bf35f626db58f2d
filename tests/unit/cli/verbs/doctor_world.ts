/** `doctor` on an emulator in process, on a machine of the test's choice. */
import { expect } from "bun:test";
import { createWriter } from "../../../../lib/cli/explain.ts";
import { openContext } from "../../../../lib/cli/context.ts";
import { commandVocabulary, flagsOf } from "../../../../lib/cli/verb.ts";
import { checkJob, doctorVerb } from "../../../../lib/cli/verbs/doctor.ts";
import type { Check } from "../../../../lib/check.ts";
import type { Machine } from "../../../../lib/runtime.ts";
import { virtualClock } from "../../../../lib/clock.ts";
import { type Emulator, makeEmulator } from "../../../../lib/emulator/emulator.ts";
import type { EmulatorOptions } from "../../../../lib/emulator/options.ts";
import { parseFixture } from "../../../../lib/emulator/state/fixture.ts";
import { parseFlags } from "../../../../lib/flags.ts";
import { ALL_SYSTEMS, detectPlatform } from "../../../../lib/ci/detect.ts";
import fixture from "../../../conformance/fixture.json" with { type: "json" };
import { type FakeIo, fakeIo, type FakeIoOptions } from "../fake_io.ts";
import { REPO, TOKEN } from "../world.ts";
import { flagsByRow } from "../../../../lib/cli/settings.ts";

/** A job of GitLab CI that says everything. */
export const GITLAB: Record<string, string> = {
  GITLAB_CI: "true",
  CI: "true",
  CI_SERVER_URL: "https://gitlab.example",
  CI_PROJECT_ID: "42",
  CI_PIPELINE_ID: "7",
  CI_JOB_NAME: "agent",
  CI_JOB_ID: "70",
};

/** The request that shows whether the token can start runs. */
export const STARTS = "POST /runs";

/** Answers a request instead of the emulator, or not. */
export type Instead = (url: URL, init: RequestInit) => Response | Promise<Response> | undefined;

/** Options of {@linkcode doctor}. */
export interface DoctorOptions extends FakeIoOptions, EmulatorOptions {
  args?: string[];
  machine?: Partial<Machine>;
  instead?: Instead;
  /** Prepares the emulator and the world. */
  before?: (emulator: Emulator, io: FakeIo) => void;
}

/** What it said and did. */
export interface Diagnosis {
  code: number;
  /** Checks by name. */
  checks: Record<string, Check>;
  /** Names in order. */
  names: string[];
  stderr: string;
  requests: string[];
  io: FakeIo;
  /** Milliseconds on the clock. */
  tookMs: number;
  /** The same on a terminal without colors. */
  text(): Promise<string>;
}

/**
 * Runs `doctor --json`. However it is used: it sends only GET, and one start without key and body, at
 * most eight requests in all, ends within 20 seconds, and shows nothing of the token.
 */
export async function doctor(options: DoctorOptions = {}): Promise<Diagnosis> {
  const { args = ["--repo", REPO], machine, instead, before, env = {}, files, readOnly, ...given } = options;
  const clock = virtualClock();
  let made: Emulator | undefined;
  const emulator = () => made ??= makeEmulator({ fixture: parseFixture(fixture), clock, ...given });
  const variables = { MOGPLEX_API_KEY: TOKEN, ...GITLAB, ...env };
  const requests: string[] = [];
  const here = { runtime: "node/20.20.0", args: [], names: Object.keys(variables), refuses: () => false, ...machine };

  async function fetch(url: string, init: RequestInit): Promise<Response> {
    const { pathname } = new URL(url);
    const bearer = new Headers(init.headers).has("authorization") ? "" : " (no token)";
    const unbound = new Headers(init.headers).has("idempotency-key") || init.body ? " (may start a run)" : "";
    requests.push(`${init.method ?? "GET"} ${pathname.replace("/api/v1/mogplex", "")}${bearer}${unbound}`);
    return await (instead?.(new URL(url), init) ?? emulator().fetch(url, init));
  }

  async function call(given: string[]): Promise<{ code: number; io: FakeIo; tookMs: number }> {
    const io = fakeIo({ env: variables, files, readOnly });
    before?.(emulator(), io);
    requests.length = 0;
    const platform = detectPlatform(io.env);
    const writer = createWriter(io, platform, "toolkit");
    const flags = flagsByRow(parseFlags("doctor", given, flagsOf(doctorVerb)));
    const from = clock.now();
    const call = {
      io,
      platform,
      systems: ALL_SYSTEMS,
      writer,
      flags,
      vocabulary: commandVocabulary(),
      verbs: [],
      dropIn: false,
    };
    const code = await checkJob(openContext(call, { clock, fetch }), here);
    const said = io.text.stdout + io.text.stderr;
    expect(requests.filter((each) => !each.startsWith("GET ") && each !== STARTS)).toEqual([]);
    expect(requests.filter((each) => each === STARTS).length).toBeLessThanOrEqual(1);
    expect(requests.length).toBeLessThanOrEqual(8);
    const token = variables.MOGPLEX_API_KEY.replace(/^[\s"']+|[\s"']+$/g, "");
    if (token.length > 16) {
      for (const part of [token, token.slice(0, 12), token.slice(-16)]) expect(said).not.toContain(part);
    }
    expect(clock.now() - from).toBeLessThanOrEqual(20_000);
    return { code, io, tookMs: clock.now() - from };
  }

  const { code, io, tookMs } = await call([...args, "--json"]);
  const { checks, exitCode } = JSON.parse(io.text.stdout) as { checks: Check[]; exitCode: number };
  expect(io.text.stdout.trimEnd().split("\n").length).toBe(1);
  expect(exitCode).toBe(code);
  for (const { state, advice, code } of checks) {
    expect({ state, advised: advice !== null }).toEqual({ state, advised: ["warning", "failed"].includes(state) });
    expect(code !== undefined).toBe(state === "failed");
  }
  return {
    code,
    checks: Object.fromEntries(checks.map((check) => [check.name, check])),
    names: checks.map(({ name }) => name),
    stderr: io.text.stderr,
    requests: [...requests],
    io,
    tookMs,
    text: async () => (await call(args)).io.text.stdout,
  };
}
