/** `examples/shell/campaign-cron.sh`: what cron would send, wave by wave. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { root, runtimes } from "../../../../tools/setup.mjs";
import { writeFiles } from "../../components/project.ts";
import { type Ended, launch } from "../../processes/world/service.ts";
import { START } from "../../processes/world/recorder.ts";
import { type ScriptService, withService } from "../scripts.ts";
import { campaignFiles, endRuns, openWorkFolder, UNTIL_ENDED, type WorkFolder } from "../systems/campaign_recipes.ts";
import { isInstalled, type Shell, which } from "./shells.ts";

const FILE = join(root, "examples/shell/campaign-cron.sh");
const SHELLS: readonly Pick<Shell, "name" | "line">[] = [
  { name: "dash", line: ["dash"] },
  { name: "bash", line: ["bash"] },
  { name: "BusyBox", line: ["busybox", "sh"] },
];

let work: WorkFolder;

beforeAll(() => {
  work = openWorkFolder();
});

afterAll(() => rmSync(work.folder, { recursive: true, force: true }));

/** The folder of the script on a machine, and what cron has of it. */
interface Place {
  cwd: string;
  /** Ends the active runs, and then makes a wave, as cron does. */
  wave(shell?: readonly string[]): Promise<Ended>;
  /** What a person does by hand. */
  campaign(...args: string[]): Promise<Ended>;
}

function placeOf(service: ScriptService, names: readonly string[], more = ""): Place {
  const cwd = mkdtempSync(join(work.folder, "cron-"));
  writeFiles(cwd, { ...campaignFiles(names, more), token: `${service.token}\n` });
  copyFileSync(work.command, join(cwd, "mogplex.mjs"));
  copyFileSync(FILE, join(cwd, "campaign-cron.sh"));
  symlinkSync(runtimes.node, join(cwd, "node"));
  const env = { MOGPLEX_URL: service.recorder.url, MOGPLEX_DEV: "1", PATH: `${process.env.PATH}:${cwd}` };
  return {
    cwd,
    // cron starts in the home directory.
    wave(shell = ["sh"]) {
      endRuns(service);
      return launch([...shell, join(cwd, "campaign-cron.sh")], { cwd: work.folder, env }).ended;
    },
    campaign: (...args) =>
      launch([runtimes.node, "mogplex.mjs", "campaign", ...args], {
        cwd,
        env: { ...env, MOGPLEX_API_KEY_FILE: "token" },
      }).ended,
  };
}

/** A test with its own service, beside the others. */
function together(what: string, names: readonly string[], body: Parameters<typeof withService>[1]): void {
  test.concurrent(what, () => withService({ ...UNTIL_ENDED, names }, body));
}

test.skipIf(which("shellcheck") === undefined)("campaign-cron.sh has nothing that shellcheck finds", () => {
  const { status, stdout } = spawnSync("shellcheck", [FILE], { encoding: "utf8" });
  expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
});

test("campaign-cron.sh can be started as a program", () => {
  expect(spawnSync("test", ["-x", FILE]).status).toBe(0);
});

for (const { name, line } of SHELLS) {
  const installed = isInstalled({ name, line });
  (installed ? together : (what: string) => test.skip(what, () => {}))(
    `campaign-cron.sh is silent in ${name} while the campaign goes on, and prints its log once at the end`,
    ["web", "api", "docs", "failure"],
    async (service) => {
      const { wave, campaign } = placeOf(service, ["web", "api", "docs", "failure"]);
      expect((await campaign("plan", "campaign.yml")).code).toBe(0);
      const ends = [];
      for (let waves = 0; waves < 4; waves++) ends.push(await wave(line));
      expect(ends.map(({ code }) => code)).toEqual([0, 0, 1, 1]);
      expect(ends.map(({ stdout, stderr }) => stdout + stderr)).toEqual([
        "",
        "",
        expect.stringMatching(/is done: 3 of 4 items succeeded.*[^]*campaign retry campaign\.yml --cause/),
        "",
      ]);
      expect(service.recorder.of(START)).toHaveLength(4);
    },
  );
}

together(
  "campaign-cron.sh says when a gate is closed, and is silent when it was opened",
  ["web", "api"],
  async (service) => {
    const { wave, campaign } = placeOf(service, ["web", "api"], "canary: { size: 1, gate: manual }\n");
    await campaign("plan", "campaign.yml");
    const said = [];
    for (const command of ["", "", "", "approve", "", ""]) {
      if (command !== "") await campaign(command, "campaign.yml");
      const { stdout, stderr } = await wave();
      said.push(/campaign \S+ is (gated|done)/i.exec(stdout + stderr)?.[1] ?? stdout + stderr);
    }
    expect(said).toEqual(["", "gated", "", expect.any(String), "done", ""]);
  },
);

together("campaign-cron.sh starts nothing without a plan, and says so each time", ["web"], async (service) => {
  const { wave, cwd } = placeOf(service, ["web"]);
  for (const _ of [1, 2]) {
    const { code, stderr } = await wave();
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("campaign plan campaign.yml") });
  }
  expect([service.recorder.requests, existsSync(join(cwd, "mogplex-campaign"))]).toEqual([[], false]);
});

together("campaign-cron.sh leaves in silence when the wave before is at work", ["web", "api"], async (service) => {
  const { wave, campaign, cwd } = placeOf(service, ["web", "api"]);
  await campaign("plan", "campaign.yml");
  const { recorder } = service;
  let go = () => {};
  recorder.intercept = ({ what }) => START.test(what) ? new Promise((resolve) => go = resolve) : Promise.resolve();
  const first = wave();
  await recorder.arrived(START);
  expect(await wave()).toEqual({ code: 0, stdout: "", stderr: "" });
  recorder.intercept = undefined;
  go();
  expect(await first).toEqual({ code: 0, stdout: "", stderr: "" });
  expect([recorder.of(START).length, existsSync(join(cwd, "last-wave"))]).toEqual([2, true]);
});

together(
  "campaign-cron.sh goes on after a wave that was killed, and starts nothing twice",
  ["web", "api"],
  async (service) => {
    const { wave, campaign, cwd } = placeOf(service, ["web", "api"]);
    await campaign("plan", "campaign.yml");
    const { recorder } = service;
    recorder.intercept = ({ what }) =>
      START.test(what) && recorder.of(START).length === 2 ? new Promise(() => {}) : Promise.resolve();
    const first = wave();
    await recorder.arrived(START, 2);
    const { pid } = JSON.parse(readFileSync(join(cwd, "mogplex-campaign/writer.json"), "utf8"));
    process.kill(pid, "SIGKILL");
    expect((await first).code).toBe(137);
    recorder.intercept = undefined;
    await wave();
    expect((await wave()).stdout).toContain("is done: all 2 items succeeded");
    expect([recorder.of(START).length, service.statuses()]).toEqual([3, ["success", "success"]]);
  },
);

together("campaign-cron.sh says when the token is refused, and when it is accepted again", ["web"], async (service) => {
  const { wave, campaign, cwd } = placeOf(service, ["web"]);
  await campaign("plan", "campaign.yml");
  writeFileSync(join(cwd, "token"), "mog_notAToken0000000000\n");
  const said = [];
  for (const token of [undefined, undefined, service.token]) {
    if (token !== undefined) writeFileSync(join(cwd, "token"), token);
    const { code, stdout } = await wave();
    said.push([code, stdout === "" ? "silent" : "its log"]);
  }
  expect(said).toEqual([[64, "its log"], [64, "silent"], [0, "its log"]]);
});
