/** A campaign on an emulator, in memory and on one virtual clock. */
import type {
  CampaignEvent,
  CampaignPlan,
  PlanCampaignOptions,
  RunCampaignOptions,
} from "../../../lib/campaign/campaign_options.ts";
import {
  exitCodeOfStand,
  followCampaign,
  makeWave,
  outcomeOfStand,
  readCampaignWith,
  type StepInternals,
} from "../../../lib/campaign/campaign.ts";
import { decideCampaign, type Decided, type DecideOptions, type Decision } from "../../../lib/campaign/decide.ts";
import { openDirHome } from "../../../lib/campaign/journal/dir_home.ts";
import type { Lock } from "../../../lib/campaign/journal/lock.ts";
import type { JournalRecord } from "../../../lib/campaign/journal/record.ts";
import type { CampaignInternals } from "../../../lib/campaign/open_campaign.ts";
import { planCampaignWith } from "../../../lib/campaign/plan/plan_campaign.ts";
import { type Preview, previewWave } from "../../../lib/campaign/work/wave.ts";
import type { ItemState } from "../../../lib/campaign/view/verdicts.ts";
import type { CampaignView } from "../../../lib/campaign/view/view.ts";
import { type VirtualClock, virtualClock } from "../../../lib/clock.ts";
import { type Emulator, makeEmulator } from "../../../lib/emulator/emulator.ts";
import type { EmulatorOptions } from "../../../lib/emulator/options.ts";
import { parseScenarios } from "../../../lib/emulator/agents/scenario.ts";
import { createRevision } from "../../../lib/emulator/state/store.ts";
import { MogplexError, UsageError } from "../../../lib/errors.ts";
import { type FakeIo, fakeIo } from "../cli/fake_io.ts";
import type { GithubForge } from "../forge/github_forge.ts";
import { GITHUB_TOKEN } from "../forge/world.ts";
import { type MemoryFiles, memoryFiles } from "../files/memory_files.ts";
import { processesOf } from "./journal/rooms.ts";

/** Path of the campaign file. */
export const FILE = "campaign.yml";
/** Directory of the campaign. */
export const DIRECTORY = "d";

/** Names of the projects: `acme/project-0001` and so on. */
export function project(number: number): string {
  return `acme/project-${String(number).padStart(4, "0")}`;
}

/** A campaign file. @param more Its keys beside name and prompt; what is given here wins. */
export function campaignFile(more: Record<string, unknown> = {}): string {
  return JSON.stringify({
    version: 1,
    name: "replace-moment",
    prompt: "Replace moment in {{ repository.name }}",
    repositories: [{ query: "acme/" }],
    ...more,
  });
}

/** What a step of a campaign came to. */
export interface Step {
  /** Null, against its type, when there is no plan: a test that reads it then fails. */
  view: CampaignView;
  /** Exit code of the step; 75 when the campaign continues, 4 when only a person can continue it. */
  code: number;
  /** Message of the error that stopped it; null when nothing did, or the campaign continues. */
  problem: string | null;
  /** `outcome`: as in the last item of a handle. `reason`: what stopped the step, and what happened to its runs; null for nothing. */
  result: { outcome: string; exitCode: number; reason: string | null };
  items: CampaignEvent[];
}

/** Options of {@linkcode campaignWorld}. */
export interface CampaignWorldOptions extends Omit<EmulatorOptions, "clock" | "scenarios" | "projects"> {
  /** Number of repositories of `acme`. @default {3} */
  count?: number;
  /** Text of a file of scenarios. @default every run succeeds with a pull request */
  scenarios?: string;
  /** Keys of the campaign file. @default {{}} */
  file?: Record<string, unknown>;
  /** Further variables of the environment. @default {{}} */
  env?: Record<string, string>;
  /** The GitHub that holds the pull requests. @default {undefined} (there is no token for one) */
  github?: GithubForge | undefined;
}

/** What a step may be given. */
export type StepOptions = Partial<RunCampaignOptions> & { internals?: Partial<StepInternals> };

export interface CampaignWorld {
  clock: VirtualClock;
  emulator: Emulator;
  files: MemoryFiles;
  io: FakeIo;
  /** What the functions of campaigns get beside their options. */
  internals: CampaignInternals;
  token: string;
  /** Requests so far, as `METHOD /path?query`. */
  requests: string[];
  /** Bodies and keys of starts so far. */
  starts: { key: string; body: string }[];
  /** Called before each request; what it returns takes the place of the answer. */
  before: ((request: string) => Response | void | Promise<Response | void>) | undefined;
  /** Changes the `Date` of each answer; null takes it out. */
  date: ((text: string | null) => string | null) | undefined;
  notices: string[];
  /** Writes the campaign file again. */
  write(more?: Record<string, unknown>): void;
  plan(options?: Partial<PlanCampaignOptions>): Promise<CampaignPlan>;
  advance(options?: StepOptions): Promise<Step>;
  run(options?: StepOptions): Promise<Step>;
  /** Waves every `everyMs` until the state is one of `states`. */
  waves(states: string[], everyMs?: number): Promise<Step>;
  read(): Promise<CampaignView>;
  preview(): Promise<Preview>;
  decide(decision: Decision, options?: Partial<DecideOptions>): Promise<Decided>;
  records(): Promise<JournalRecord[]>;
  lock(): Promise<Lock | undefined>;
  /** Adds a token of another user. */
  otherToken(): string;
  /** Runs of the emulator, as `repository status`. */
  runs(): string[];
  /** Sets fields of the newest run of a repository, and of its inner call. */
  setRun(repository: string, run: Record<string, unknown>, call?: Record<string, unknown>): void;
}

/** Every revision of the service, by name. */
export const REVISIONS = { base: createRevision("base"), later: createRevision("later") };

/** The verdicts of a view, by repository. */
export function verdicts(view: CampaignView): Record<string, ItemState> {
  return Object.fromEntries(view.items.map(({ repository, verdict }) => [repository, verdict]));
}

/** Exit code and message of what is thrown; "none" when nothing is. */
export async function failureOf(act: () => Promise<unknown>): Promise<string> {
  try {
    await act();
  } catch (error) {
    if (error instanceof MogplexError) return `${error.exitCode} ${error.message}`;
    throw error;
  }
  return "none";
}

export function campaignWorld(options: CampaignWorldOptions = {}): CampaignWorld {
  const { count = 3, scenarios = "play: success", file = {}, github, env = {}, ...more } = options;
  const clock = virtualClock();
  const emulator = makeEmulator({
    clock,
    projects: [{ owner: "acme", count }],
    scenarios: parseScenarios(scenarios, "test"),
    sandboxLimit: 3,
    ...more,
  });
  const token = [...emulator.world.store.tokens.keys()][0] ?? "";
  const files = memoryFiles(clock);
  const io = fakeIo({ files: { [FILE]: campaignFile(file) } });
  const requests: string[] = [];
  const starts: { key: string; body: string }[] = [];
  const notices: string[] = [];
  const openGit = () => Promise.reject(new UsageError({ attempted: "run git", why: "git is not installed" }));
  const known: CampaignInternals = { io, files, processes: processesOf(), openGit };

  async function fetch(url: string, init: RequestInit): Promise<Response> {
    const { host, pathname, search } = new URL(url);
    if (host === "api.github.com" && github !== undefined) return await github.fetch(url, init);
    const request = `${init.method ?? "GET"} ${pathname.replace("/api/v1/mogplex", "")}${search}`;
    requests.push(request);
    if (request === "POST /runs") {
      starts.push({ key: new Headers(init.headers).get("Idempotency-Key") ?? "", body: String(init.body) });
    }
    const answer = await world.before?.(request) ?? await emulator.fetch(url, init);
    if (world.date === undefined) return answer;
    const date = world.date(answer.headers.get("Date"));
    const headers = new Headers(answer.headers);
    if (date === null) headers.delete("Date");
    else headers.set("Date", date);
    return new Response(answer.body, { status: answer.status, headers });
  }
  const connect = {
    get token() {
      return world.token;
    },
    url: "http://localhost",
    env: (name: string) =>
      new Map(Object.entries(env)).get(name) ??
        (name === "MOGPLEX_DEV" ? "1" : name === "GITHUB_TOKEN" && github !== undefined ? GITHUB_TOKEN : undefined),
    forge: {},
    fetch: fetch as typeof globalThis.fetch,
    clock,
    directory: DIRECTORY,
    onNotice: (notice: { kind: string; message?: string; what?: string }) =>
      void notices.push(notice.message ?? `${notice.kind} ${notice.what ?? ""}`.trim()),
  };
  const settings = () => ({ ...connect, token: world.token });

  async function step(once: boolean, { internals = {}, ...given }: StepOptions): Promise<Step> {
    const items: CampaignEvent[] = [];
    const onEvent = (event: CampaignEvent) => {
      items.push(event);
      given.onEvent?.(event);
    };
    const failed = { is: false, view: null as CampaignView | null };
    const onFailed = (view: CampaignView | null) => void Object.assign(failed, { is: true, view });
    try {
      const make = once ? makeWave : followCampaign;
      const stand = await make(FILE, { ...settings(), ...given, onEvent }, { ...known, onFailed, ...internals });
      const code = exitCodeOfStand(stand);
      const isInterrupted = stand.state === "interrupted";
      const result = { outcome: outcomeOfStand(stand), exitCode: code, reason: isInterrupted ? stand.why : null };
      const problem = isInterrupted && stand.by instanceof Error ? stand.by.message : null;
      return { view: stand.view as CampaignView, code, problem, result, items };
    } catch (error) {
      if (!failed.is || !(error instanceof MogplexError)) throw error;
      const { exitCode: code, message: problem } = error;
      const result = { outcome: "error", exitCode: code, reason: problem };
      return { view: failed.view as CampaignView, code, problem, result, items };
    }
  }

  const home = () =>
    openDirHome(DIRECTORY, {
      files,
      clock,
      processes: processesOf(),
      campaign: JSON.parse(io.files.get(FILE) ?? "").name,
      round: JSON.parse(io.files.get(FILE) ?? "").round ?? "",
      access: "read",
      onNotice: () => {},
    });

  const world: CampaignWorld = {
    clock,
    emulator,
    files,
    io,
    internals: known,
    token,
    requests,
    starts,
    before: undefined,
    date: undefined,
    notices,
    write: (keys = {}) => void io.files.set(FILE, campaignFile(keys)),
    plan: (given = {}) => planCampaignWith(FILE, { ...settings(), ...given }, { ...known, readsStdin: true }),
    advance: (given = {}) => step(true, given),
    run: (given = {}) => step(false, given),
    async waves(states, everyMs = 15 * 60_000) {
      for (let wave = 0; wave < 500; wave++) {
        const made = await world.advance();
        if (states.includes(made.view.state) || made.problem !== null) return made;
        await clock.sleep(everyMs);
      }
      throw new Error("the campaign did not come to this state in 500 waves");
    },
    read: () => readCampaignWith(FILE, settings(), known),
    preview: () => previewWave(FILE, settings(), known),
    decide: (decision, given = {}) => decideCampaign(FILE, decision, { ...settings(), by: "kim", ...given }, known),
    async records() {
      const all: JournalRecord[] = [];
      await (await home()).readJournal((record) => void all.push(record));
      return all;
    },
    lock: async () => await (await home()).readLock(),
    otherToken: () => String(emulator.control("addToken", { user: "other" }).token),
    runs() {
      const { store } = emulator.world;
      return [...store.runs.values()].map((run) => `${store.repos.get(run.repo_id)?.full_name} ${run.status}`);
    },
    setRun(repository, run, call) {
      const { store } = emulator.world;
      const rows = [...store.runs.values()].filter((row) => store.repos.get(row.repo_id)?.full_name === repository);
      emulator.control("setRun", { runId: rows.at(-1)?.id, run, call });
    },
  };
  return world;
}
