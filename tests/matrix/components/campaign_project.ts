/** A project with a campaign, and its child pipeline run by `gitlab-ci-local` against an emulator whose clock moves between waves. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { stringify } from "yaml";
import { runtimes } from "../../../tools/setup.mjs";
import { campaignFiles, endRuns, UNTIL_ENDED } from "../../programs/examples/systems/campaign_recipes.ts";
import { type ScriptService, startScriptService } from "../../programs/examples/scripts.ts";
import { imageOf, newProject, type Pipeline, runPipeline } from "../../programs/components/project.ts";

/** File of the child pipeline. */
export const CHILD = "child.gitlab-ci.yml";

/** How far the service's clock is behind at the beginning, in milliseconds. */
const PAST_MS = 7 * 86_400_000;

/** The settings of a wave. */
export type BeforeWave = (job: string) => void;

/** How a pipeline, or some jobs of it, are run. */
export interface RunOptions {
  /** Only these jobs: what GitLab does when one is retried, or when all before were cancelled. @default all */
  jobs?: readonly string[];
  /** Called when a job begins. @default runs end, and 15 minutes pass */
  before?: BeforeWave;
  args?: readonly string[];
  /** File of the pipeline. @default the child pipeline */
  file?: string;
}

export interface CampaignProject {
  cwd: string;
  service: ScriptService;
  /** Runs a command of the program in the project, as a job of the parent does. */
  call(...args: string[]): Promise<{ code: number | null; text: string }>;
  /** Makes the child pipeline. */
  generate(...args: string[]): Promise<string>;
  /** Runs the child pipeline. */
  run(options?: RunOptions): Promise<Pipeline>;
  /** Runs a child pipeline with this text. */
  childRun(text: string): Promise<Pipeline>;
  /** Ends the active runs, and lets 15 minutes pass. */
  tick: BeforeWave;
  /** Path of an artifact that a job of the child pipeline has left, as seen from the folder of the jobs. */
  artifact(job: string, path: string): string;
  /** Sends a signal to the wave before its `count`th request of a kind continues; undefined for never. */
  stopAt(pattern: RegExp | undefined, count?: number, signal?: NodeJS.Signals): void;
  /** Sends a signal to the running wave: what a lost machine or a cancelled job do. */
  signalWave(signal: NodeJS.Signals): void;
  /** Number of runs of the service, of keys, and of requests that start one. */
  counts(): { runs: number; keys: number; starts: number };
  close(): Promise<void>;
}

/** Whether a process is a wave that works below a folder. */
function isWaveOf(folder: string, pid: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`).startsWith(folder) &&
      readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("mogplex.mjs\0campaign\0advance");
  } catch {
    // It has ended meanwhile, or belongs to a different user.
    return false;
  }
}

/**
 * Opens one.
 *
 * @param more Lines of the campaign file.
 * @param files Further files of the project.
 * @param shared The service of another project, for a second clone. @default its own
 */
export async function openCampaignProject(
  { folder, command }: { folder: string; command: string },
  names: readonly string[],
  more = "",
  files: Readonly<Record<string, string>> = {},
  shared?: ScriptService,
): Promise<CampaignProject> {
  const service = shared ?? await startScriptService({ ...UNTIL_ENDED, names });
  const { clock } = service.emulator.world;
  // The clock of the jobs stands still meanwhile. It must not be behind that of the service, or starts look like later ones.
  if (shared === undefined) clock.advance(-PAST_MS);
  service.recorder.wallMs = () => clock.wallMs();
  const cwd = newProject(folder, "campaign", {
    ...campaignFiles(names, more),
    "ci/mogplex.mjs": readFileSync(command, "utf8"),
    ".gitignore": "mogplex-campaign/\n",
    ...files,
  });
  // Variables of a project reach the child pipeline as well, variables of the command line do not.
  const variables = { MOGPLEX_DEV: "1", MOGPLEX_URL: service.recorder.url, MOGPLEX_API_KEY: service.token };
  writeFileSync(join(cwd, ".gitlab-ci-local-variables.yml"), stringify(variables));
  const starts = () => service.recorder.of(/^POST \/runs$/);
  const project: CampaignProject = {
    cwd,
    service,
    async call(...args) {
      const env = { PATH: "/usr/bin:/bin", ...variables };
      const child = spawn(runtimes.node, ["ci/mogplex.mjs", "campaign", ...args], { cwd, env });
      let text = "";
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding("utf8").on("data", (piece: string) => void (text += piece));
      }
      const [code] = await once(child, "close");
      return { code, text };
    },
    async generate(...args) {
      const { code, text } = await project.call("pipeline", "campaign.yml", "--format", "gitlab", ...args);
      if (code !== 0) throw new Error(text);
      writeFileSync(join(cwd, CHILD), text);
      return text;
    },
    async run({ jobs = [], before = project.tick, args = [], file = CHILD } = {}) {
      return await runPipeline(cwd, {
        image: imageOf(folder, "node"),
        variables: {},
        args: ["--file", file, "--shell-isolation", ...args, ...jobs],
        isChecked: jobs.length === 0,
        onText(text) {
          for (const [, job = ""] of text.matchAll(/^(?:\t.* -> )?(\S+) starting shell/gm)) before(job);
        },
      });
    },
    async childRun(text) {
      writeFileSync(join(cwd, CHILD), text);
      return await project.run();
    },
    tick(job) {
      if (!job.startsWith("wave-")) return;
      endRuns(service);
      service.emulator.control("advanceClock", { seconds: 15 * 60 });
    },
    stopAt(pattern, count = 1, signal = "SIGKILL") {
      let seen = 0;
      service.recorder.intercept = pattern && (({ what }) => {
        if (pattern.test(what) && ++seen === count) project.signalWave(signal);
        return Promise.resolve();
      });
    },
    signalWave(signal) {
      for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
        if (isWaveOf(cwd, pid)) process.kill(Number(pid), signal);
      }
    },
    counts: () => ({
      runs: service.statuses().length,
      keys: new Set(starts().map(({ key }) => key)).size,
      starts: starts().length,
    }),
    artifact: (job, path) => join(cwd, ".gitlab-ci-local/artifacts", job, "mogplex-pipeline", path),
    close: async () => shared === undefined ? await service.close() : undefined,
  };
  return project;
}
