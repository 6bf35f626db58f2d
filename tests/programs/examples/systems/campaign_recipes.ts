/** The recipes that make the waves of a campaign, on machines of their own. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { built } from "../../../built.ts";
import type { Recorder } from "../../processes/world/recorder.ts";
import { type ScriptService, type ScriptServiceOptions, startScriptService } from "../scripts.ts";
import { type Machine, openMachine, signalled, signalledAll, type Stop } from "./machine.ts";
import { type JobEnd, runGithubWorkflow } from "./models/github_steps.ts";
import type { GithubCache } from "./models/github_actions.ts";
import { runGitlabJob } from "./models/gitlab.ts";

/** What a CI system remembers of a campaign. */
export interface Kept {
  github: GithubCache[];
  gitlab: Map<string, string>;
}

/** A job of a recipe. */
export interface Wave {
  /** How the page of the CI system shows it; `none`: there is no job. */
  color: "green" | "yellow" | "red" | "gray" | "none";
  /** State of the campaign, as the outputs say. */
  state: string;
  /** Files that people can download. */
  artifacts: string[];
}

/** How a job is started. */
export interface WaveOptions {
  /** Files of the repository. */
  files: Readonly<Record<string, string>>;
  kept: Kept;
  /** The command that a person gives by hand; undefined: the schedule starts it. */
  command?: string | undefined;
  /** @default {"main"} */
  branch?: string;
  /** Whether the machine is lost when the job is stopped. @default {false} */
  lost?: boolean;
}

/** A recipe, and what is to be expected of its system. */
export interface CampaignSystem {
  /** Below `examples/`. */
  file: string;
  run(machine: Machine, options: WaveOptions): Promise<Wave>;
  /** How it stops a wave whose job is cancelled. */
  stop: Stop;
  /** Whether a cancelled job keeps the directory. */
  keepsWhenCancelled: boolean;
  /** The color of a wave that ends with 75, because another process is running. */
  busy: Wave["color"];
}

let runs = 0;

function colorOf({ status }: JobEnd): Wave["color"] {
  return ({ success: "green", failure: "red", cancelled: "gray", skipped: "none" } as const)[status];
}

export const CAMPAIGN_SYSTEMS: readonly CampaignSystem[] = [
  {
    file: "github-actions/scheduled-campaign.yml",
    async run(machine, { files, kept, command, branch = "main", lost = false }) {
      const text = machine.recipe("github-actions/scheduled-campaign.yml", "");
      const { campaign } = await runGithubWorkflow(text, machine, {
        runId: String(++runs),
        eventName: command === undefined ? "schedule" : "workflow_dispatch",
        // A schedule's event does not say which branch is the default one.
        event: { repository: { default_branch: command === undefined ? "" : "main" } },
        inputs: command === undefined ? {} : { command },
        ...{ branch, files, caches: kept.github },
        ...(lost ? { lostWith: "Run a wave" } : {}),
      });
      if (campaign === undefined) throw new Error("The recipe has no job called campaign");
      const [artifacts = []] = Object.values(campaign.artifacts);
      return { color: colorOf(campaign), state: campaign.outputs.state ?? "", artifacts };
    },
    stop: signalled("SIGINT"),
    keepsWhenCancelled: true,
    busy: "red",
  },
  {
    file: "gitlab/scheduled-campaign.yml",
    async run(machine, { files, kept, command, branch = "main" }) {
      const { status, artifacts, outputs } = await runGitlabJob(
        machine.recipe("gitlab/scheduled-campaign.yml", ""),
        machine,
        {
          ...(command === undefined ? { source: "schedule", schedule: "campaign" } : { source: "web" }),
          inputs: command === undefined ? {} : { command },
          ...{ branch, files, caches: kept.gitlab },
        },
      );
      const colors = { success: "green", warning: "yellow", failed: "red", cancelled: "gray", none: "none" } as const;
      return { color: colors[status], state: outputs.MOGPLEX_CAMPAIGN_STATE ?? "", artifacts };
    },
    stop: signalledAll("SIGKILL"),
    keepsWhenCancelled: false,
    busy: "yellow",
  },
];

/** A machine for one recipe, with its own service: runs hold the sandboxes of a user. */
export interface CampaignBench {
  machine: Machine;
  service: ScriptService;
  recorder: Recorder;
  kept: Kept;
  /** Ends the active runs, and then makes a wave, or does what is asked for. */
  wave(options?: Partial<WaveOptions>): Promise<Wave>;
  /** Path of a file of the campaign's directory, as it was kept last. */
  keptPath(name: string): string;
  /** Number of runs of the service, and of the keys that they were started with. */
  counts(): { runs: number; keys: number; starts: number };
}

/** A folder for everything that the tests make, and the command as it lies in `dist/`. */
export interface WorkFolder {
  folder: string;
  command: string;
}

/** Makes an empty folder; who asks for it removes it. */
export function openWorkFolder(): WorkFolder {
  return { folder: mkdtempSync(join(tmpdir(), "mogplex-campaigns-")), command: built("mogplex.mjs") };
}

/** Options of a service whose runs go on until {@linkcode endRuns}, so that no test depends on how long they take. */
export const UNTIL_ENDED: ScriptServiceOptions = { scenario: "stuck-streaming", speed: 10_000, sandboxLimit: 3 };

/** Ends every active run: runs of the repository `failing` fail, runs of `stuck` continue. */
export function endRuns({ emulator, repos }: ScriptService, failing = "failure"): void {
  const names = new Map(repos.map(({ id, full_name }) => [id, full_name.replace("acme/", "")]));
  for (const { id, repo_id, status } of emulator.world.store.runs.values()) {
    const name = names.get(repo_id) ?? "";
    if (["success", "failed", "cancelled"].includes(status) || name === "stuck") continue;
    const bad = { status: "failed", error: "Agent run exited with code 1." };
    emulator.control("setRun", { runId: id, run: name === failing ? bad : { status: "success" } });
  }
}

/** A campaign over repositories of `acme`. */
export function campaignFiles(names: readonly string[], more = ""): Record<string, string> {
  const list = names.map((name) => `acme/${name}\n`).join("");
  const file = `version: 1\nname: codemod\ntitle: Replace the logger\nprompt-file: task.md\n` +
    `repositories: [{ file: repositories.txt }]\n${more}`;
  return { "campaign.yml": file, "task.md": "Replace the logger.\n", "repositories.txt": list };
}

/** Does something with a recipe, repositories and a service. */
export async function withCampaign(
  { folder, command }: { folder: string; command: string },
  system: CampaignSystem,
  names: readonly string[],
  body: (bench: CampaignBench) => Promise<void>,
  { more = "", ...options }: ScriptServiceOptions & { more?: string } = {},
): Promise<void> {
  const service = await startScriptService({ ...UNTIL_ENDED, names, ...options });
  const { url, token, readOnlyToken } = service;
  const machine = await openMachine({
    ...{ url, folder, command, token: () => token, readOnlyToken: readOnlyToken ?? "" },
    control: (action, args) => Promise.resolve(void service.emulator.control(action, args)),
    status: () => Promise.reject(new Error("not used")),
    close: () => Promise.resolve(),
  });
  const kept: Kept = { github: [], gitlab: new Map() };
  const files = campaignFiles(names, more);
  const starts = () => machine.recorder.of(/^POST \/runs$/);
  try {
    await body({
      ...{ machine, service, kept, recorder: machine.recorder },
      wave(given = {}) {
        endRuns(service);
        return system.run(machine, { files, kept, ...given });
      },
      keptPath: (name) =>
        join(
          kept.github.at(-1)?.folder ?? kept.gitlab.get("mogplex-campaign") ?? "",
          "mogplex-campaign",
          name,
        ),
      counts: () => ({
        runs: service.statuses().length,
        keys: new Set(starts().map(({ key }) => key)).size,
        starts: starts().length,
      }),
    });
  } finally {
    await machine.close();
    await service.close();
  }
}
