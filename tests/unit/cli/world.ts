import { main } from "../../../lib/cli/main.ts";
import { type VirtualClock, virtualClock } from "../../../lib/clock.ts";
import { type Emulator, makeEmulator } from "../../../lib/emulator/emulator.ts";
import type { EmulatorOptions } from "../../../lib/emulator/options.ts";
import { parseFixture } from "../../../lib/emulator/state/fixture.ts";
import fixture from "../../conformance/fixture.json" with { type: "json" };
import { type FakeIo, fakeIo, type FakeIoOptions } from "./fake_io.ts";
import { builtInScenario } from "../emulator/scenarios.ts";

/** A token of the fixture that may do everything. */
export const TOKEN = "mog_aliceReadWriteToken0000000000001";
/** A token of the fixture that may read. */
export const READ_ONLY_TOKEN = "mog_aliceReadOnlyToken00000000000001";
/** A repository of the fixture. */
export const REPO = "e0000000-0000-4000-8000-000000000001";

/** What one call of the command did. Ids of runs are shown as `<run>`. */
export interface Called {
  code: number;
  stdout: string;
  stderr: string;
  io: FakeIo;
}

/** Options of one call. */
export interface CallOptions extends FakeIoOptions {
  /** Gets the world before the command runs. */
  before?: (io: FakeIo) => void;
}

/** An emulator and the command, on one virtual clock. */
export interface World {
  emulator: Emulator;
  clock: VirtualClock;
  /** Requests so far, as `METHOD /path`. */
  requests: string[];
  cli(args: string[], options?: CallOptions): Promise<Called>;
  /** Starts a run and returns its id. */
  start(prompt?: string): Promise<string>;
}

const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

export function world(scenario = "success", options: EmulatorOptions = {}): World {
  const clock = virtualClock();
  const emulator = makeEmulator({
    fixture: parseFixture(fixture),
    clock,
    scenarios: scenario === "" ? [] : [builtInScenario(scenario)],
    ...options,
  });
  const requests: string[] = [];
  function fetch(url: string, init: RequestInit) {
    requests.push(`${init.method ?? "GET"} ${new URL(url).pathname.replace("/api/v1/mogplex", "")}`);
    return emulator.fetch(url, init);
  }
  async function cli(args: string[], { before, ...given }: CallOptions = {}): Promise<Called> {
    const io = fakeIo({ ...given, env: { MOGPLEX_API_KEY: TOKEN, ...given.env } });
    before?.(io);
    const code = await main(args, io, { fetch, clock });
    const runIds = [...emulator.world.store.runs.keys()];
    const shown = (text: string) => text.replace(UUID, (id) => runIds.includes(id) ? "<run>" : id);
    return { code, stdout: shown(io.text.stdout), stderr: shown(io.text.stderr), io };
  }
  async function start(prompt = "Fix the flaky tests") {
    const io = fakeIo({ env: { MOGPLEX_API_KEY: TOKEN } });
    await main(["run", prompt, "--repo", REPO, "--create-branch", "--json"], io, { fetch, clock });
    return JSON.parse(io.text.stdout).runId as string;
  }
  return { emulator, clock, requests, cli, start };
}
