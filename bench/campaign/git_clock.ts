/**
 * A campaign on a branch, with an unreliable scheduler: it is late, drops ticks, replaces a waiting wave, and sometimes starts two waves at once,
 * cancels one, or loses the machine. This is worse than GitHub's scheduler. Git is real, and the service is the emulator.
 */
import process from "node:process";
import { makeRemotes, type Remotes } from "../../tests/programs/git/remotes.ts";
import { type CampaignWorld, campaignWorld, type Step } from "../../tests/unit/campaign/world.ts";
import type { JournalRecord } from "../../lib/campaign/journal/record.ts";
import { seeded } from "../fleet_world.ts";
import { printTable } from "../table.ts";

const MINUTE_MS = 60_000;
const BRANCH = "mogplex-campaign/moment";
const REPOSITORIES = 7;
const SOON_MS = 2 * MINUTE_MS;

export interface Played {
  waves: number;
  dropped: number;
  together: number;
  cancelled: number;
  lost: number;
  again: number;
  runs: Record<string, number>;
  unknown: number;
  wrong: number;
  verdicts: Record<string, string>;
}

class Play {
  readonly world: CampaignWorld = campaignWorld({
    count: REPOSITORIES,
    file: { limits: { attempts: 2 } },
    runDuration: ({ repo }) => (4 + 5 * Number(repo.slice(-1))) * MINUTE_MS,
    scenarios: "play: success\n",
  });
  readonly played: Played = {
    ...{ waves: 0, dropped: 0, together: 0, cancelled: 0, lost: 0, again: 0 },
    ...{ runs: {}, unknown: 0, wrong: 0, verdicts: {} },
  };
  readonly #random: () => number;
  /** Random numbers of the jobs. They are separate, because the number of waits depends on races and must not change what the scheduler does. */
  readonly #jitter: () => number;
  readonly #remotes: Remotes;
  readonly #remote: string;
  /** Clock time of the wave that the last wave requested; `null` if it requested none. */
  #again: number | null = null;

  constructor(seed: number, remotes: Remotes) {
    this.#random = seeded(seed * 31 + 7);
    this.#jitter = seeded(seed * 17 + 3);
    this.#remotes = remotes;
    this.#remote = remotes.make(`clock-${seed}.git`);
  }

  #options() {
    const env = (name: string) => ({ MOGPLEX_DEV: "1", PATH: process.env.PATH ?? "" })[name];
    return { home: `git:${this.#remote}#${BRANCH}`, env };
  }

  #wave(signal?: AbortSignal): Promise<Step> {
    this.played.waves++;
    return this.world.advance({ ...this.#options(), signal, internals: { random: this.#jitter } });
  }

  async #stopped(isLost: boolean): Promise<void> {
    const before = this.#remotes.git(this.#remote, "rev-parse", BRANCH);
    const stop = new AbortController();
    let starts = 0;
    this.world.before = (request) => {
      if (request === "POST /runs" && ++starts === 2) stop.abort(new Error("the job was cancelled"));
    };
    try {
      await this.#wave(stop.signal);
    } catch (error) {
      if (!stop.signal.aborted) throw error;
    } finally {
      this.world.before = undefined;
    }
    this.played.cancelled++;
    if (!isLost) return;
    this.#remotes.git(this.#remote, "update-ref", `refs/heads/${BRANCH}`, before);
    this.played.lost++;
  }

  async #tick(): Promise<string> {
    const fate = this.#random();
    if (fate < 0.12) await this.#stopped(fate < 0.06);
    else if (fate < 0.24) {
      this.played.together++;
      await Promise.all([this.#wave(), this.#wave()]);
    }
    const { view, problem } = await this.#wave();
    if (problem !== null) throw new Error(problem);
    const dueMs = view.nextWaveAt === null ? Infinity : Date.parse(view.nextWaveAt) - this.world.clock.wallTime();
    this.#again = dueMs <= SOON_MS ? this.world.clock.now() + Math.max(0, dueMs) : null;
    return view.state;
  }

  async run(): Promise<Played> {
    const { clock } = this.world;
    await this.world.plan(this.#options());
    let state = "";
    for (let tick = 0; state !== "done"; tick++) {
      if (tick === 200) throw new Error("Cannot end the campaign");
      const due = tick * 15 * MINUTE_MS + Math.floor(this.#random() * 10) * MINUTE_MS;
      if (this.#again !== null && this.#again < due) {
        await clock.sleep(this.#again - clock.now());
        this.played.again++;
        state = await this.#tick();
        this.#again = null;
        if (state === "done") break;
      }
      await clock.sleep(Math.max(0, due - clock.now()));
      // GitHub keeps only the newest waiting wave, so a replaced wave is the same as a dropped wave.
      if (this.#random() < 0.2) this.played.dropped++;
      else state = await this.#tick();
    }
    await this.#judge();
    return this.played;
  }

  async #judge(): Promise<void> {
    const { store } = this.world.emulator.world;
    const text = this.#remotes.git(this.#remote, "show", `${BRANCH}:journal/000001.ndjson`);
    const records = text.split("\n").map((line) => JSON.parse(line) as JournalRecord);
    const known = new Map(
      records.flatMap((record) => "runId" in record && record.runId !== null ? [[record.runId, record.item]] : []),
    );
    for (const { id, repo_id: repo, error } of store.runs.values()) {
      const name = store.repos.get(repo)?.full_name ?? "";
      if (!/too many active sandboxes/i.test(error ?? "")) this.played.runs[name] = (this.played.runs[name] ?? 0) + 1;
      if (!known.has(id)) this.played.unknown++;
      else if (!known.get(id)?.startsWith(`${name}@`)) this.played.wrong++;
    }
    const { view } = await this.#wave();
    this.played.verdicts = Object.fromEntries(view.items.map(({ repository, verdict }) => [repository, verdict]));
  }
}

export async function playGitClock(seed: number): Promise<Played> {
  const remotes = makeRemotes();
  try {
    return await new Play(seed, remotes).run();
  } finally {
    await remotes.close();
  }
}

export async function bench(seeds = 50): Promise<Record<string, string | number>[]> {
  const all: Played[] = [];
  for (let seed = 1; seed <= seeds; seed++) all.push(await playGitClock(seed));
  const sum = (count: (each: Played) => number) => all.reduce((total, each) => total + count(each), 0);
  return [{
    campaigns: seeds,
    waves: sum(({ waves }) => waves),
    "dropped ticks": sum(({ dropped }) => dropped),
    "two at once": sum(({ together }) => together),
    "cancelled waves": sum(({ cancelled }) => cancelled),
    "lost waves": sum(({ lost }) => lost),
    "second runs": sum(({ runs }) => Object.values(runs).filter((count) => count > 1).length),
    "runs without a record": sum(({ unknown }) => unknown),
    "wrong verdicts": sum(({ verdicts }) => Object.values(verdicts).filter((each) => each !== "succeeded").length),
  }];
}

export const TITLE = "Waves on a branch, by a scheduler that loses them";

if (import.meta.main) {
  const [seeds = "50"] = process.argv.slice(2);
  printTable(TITLE, await bench(Number(seeds)));
}
