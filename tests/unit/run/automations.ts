/** Automations on the emulated service, on one virtual clock, for the tests of this folder. */
import { type VirtualClock, virtualClock } from "../../../lib/clock.ts";
import { type Emulator, makeEmulator } from "../../../lib/emulator/emulator.ts";
import type { EmulatorOptions } from "../../../lib/emulator/options.ts";
import { parseFixture } from "../../../lib/emulator/state/fixture.ts";
import type { Notice } from "../../../lib/notice.ts";
import fixture from "../../conformance/fixture.json" with { type: "json" };
import { JOB_ENV } from "./fake_client.ts";
import { builtInScenario } from "../emulator/scenarios.ts";
import type { RunAutomationOptions } from "./detecting.ts";

export const TOKEN = "mog_aliceReadWriteToken0000000000001";
/** An automation that is published and active. */
export const AUTOMATION = "f1000000-0000-4000-8000-000000000001";
export const REPO = "e0000000-0000-4000-8000-000000000001";
export const REQUEST = { repoId: REPO };

export interface AutomationWorld {
  clock: VirtualClock;
  emulator: Emulator;
  /** Everything sent, as `METHOD /path`. */
  sent: string[];
  /** Keys of triggers, in order. */
  keys: string[];
  notices: Notice[];
  /** Options of a job on GitLab; each call is another process. */
  options(more?: RunAutomationOptions, env?: Record<string, string>): RunAutomationOptions;
  /** Runs that the service made. */
  jobs(): { id: string; status: string }[];
}

/** Makes a world. @param scenario Name of a built-in one; an empty one: runs stay `running`. */
export function automationWorld(scenario: string, options: EmulatorOptions = {}): AutomationWorld {
  const clock = virtualClock();
  const scenarios = scenario === "" ? [] : [builtInScenario(scenario)];
  const emulator = makeEmulator({ fixture: parseFixture(fixture), clock, scenarios, ...options });
  const sent: string[] = [];
  const keys: string[] = [];
  const notices: Notice[] = [];
  return {
    clock,
    emulator,
    sent,
    keys,
    notices,
    options(more = {}, env = {}) {
      const all: Record<string, string> = { ...JOB_ENV, ...env };
      return {
        token: TOKEN,
        clock,
        env: (name) => all[name],
        onNotice: (notice) => void notices.push(notice),
        fetch(url, init) {
          const path = new URL(url).pathname.replace("/api/v1/mogplex", "").replaceAll(AUTOMATION, "<automation>");
          sent.push(`${init.method} ${path}`);
          const key = new Headers(init.headers).get("idempotency-key");
          if (key !== null) keys.push(key);
          return emulator.fetch(url, init);
        },
        ...more,
      };
    },
    jobs: () => [...emulator.world.store.automationRuns.values()].map(({ id, status }) => ({ id, status })),
  };
}
