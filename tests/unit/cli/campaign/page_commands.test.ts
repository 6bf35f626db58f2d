/** The commands in the text of `docs/campaigns.md`: each does what the page says, after what it needs. Its blocks run in tests/programs. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../../../tools/setup.mjs";
import { type CliWorld, cliWorld } from "./world.ts";

const PAGE = readFileSync(join(root, "docs/campaigns.md"), "utf8");

/** Commands in the text of the page, up to what needs a forge or a CI system. */
const INLINE = [
  ...PAGE.replace(/^## Pull requests$[^]*/m, "").replace(/^```[^]*?^```$/gm, "").matchAll(
    /`((?:campaign|retry|skip) (?!FILE`)[^`]+)`/g,
  ),
].map(([, command = ""]) => command);

const REPOSITORIES = ["acme/docs", "acme/web", "acme/api", "acme/stuck"];

/** Ends every active run: that of `acme/web` fails, that of `acme/stuck` continues. */
function endRuns(world: CliWorld): void {
  for (const line of world.runs()) {
    const [repository = "", status = ""] = line.split(" ");
    if (repository === "acme/stuck" || ["success", "failed", "cancelled"].includes(status)) continue;
    const bad = { status: "failed", error: "Agent run exited with code 1." };
    world.setRun(repository, repository === "acme/web" ? bad : { status: "success" });
  }
}

test("every command in the text of docs/campaigns.md does what it says", async () => {
  const world = cliWorld({
    repoNames: REPOSITORIES,
    sandboxLimit: 20,
    scenarios: "play: stuck-streaming",
    file: {
      prompt: undefined,
      "prompt-file": "task.md",
      repositories: REPOSITORIES,
      canary: { size: 1, gate: "manual" },
    },
  });
  world.files.set("task.md", "Fix it\n");
  const ran = new Set<string>();
  const view = async () => JSON.parse((await world.campaign("status", ["--json"])).stdout);
  const starts = () => world.requests.filter((request) => request === "POST /runs").length;
  /**
   * Runs a command of the page, after what it needs, and tells how often the campaign has started something since.
   *
   * @param waves How many waves follow. Three are the whole way of an item.
   */
  async function command(text: string, more: readonly string[] = [], waves = 3): Promise<number> {
    ran.add(text);
    const { causes } = text.includes("WORD") ? await view() : { causes: [] };
    const [, verb = "", rest = ""] = /^(?:campaign )?(\w+)(?: FILE)?(.*)$/.exec(text) ?? [];
    const words = rest.replace("WORD", causes[0]?.word).match(/"[^"]*"|\S+/g) ?? [];
    const before = starts();
    const { code, stderr } = await world.campaign(verb, [...words.map((word) => word.replaceAll('"', "")), ...more]);
    expect({ text, code, stderr: code === 0 ? "" : stderr }).toEqual({ text, code: 0, stderr: "" });
    for (let wave = 1; wave <= waves; wave++) {
      await world.campaign("advance");
      if (wave < 3) endRuns(world);
    }
    return starts() - before;
  }

  expect((await world.cli(["campaign", "new", "fresh/campaign.yml"])).code).toBe(0);
  ran.add("campaign new");
  expect(await command("campaign plan FILE")).toBe(1);
  expect((await view()).state).toBe("gated");
  expect(await command('campaign approve FILE --reason "looked at all three"')).toBe(3);
  expect((await view()).counts).toMatchObject({ failed: 1, running: 1, succeeded: 2 });
  expect(await command("campaign retry FILE --cause WORD")).toBe(1);
  expect(await command("campaign retry FILE --failed")).toBe(1);
  world.files.set("task.md", "Fix it, and run the tests\n");
  expect(await command("campaign retry FILE --failed --adopt-changes")).toBe(1);
  expect([...world.emulator.world.store.runs.values()].at(-1)?.prompt).toContain("and run the tests");
  expect(await command("retry --only acme/web", ["--dry-run"], 1)).toBe(0);
  expect(await command("campaign stop FILE")).toBe(0);
  expect((await view()).state).toBe("stopping");
  expect(await command("campaign stop FILE --cancel")).toBe(0);
  expect((await view()).counts).toMatchObject({ cancelled: 1, running: 0 });
  expect(await command("campaign resume FILE")).toBe(0);
  expect(await command("skip --cancel", ["--only", "acme/web", "--reason", "done", "--dry-run"], 0)).toBe(0);
  expect(await command('campaign skip FILE --only acme/web --reason "done by hand"')).toBe(0);
  expect((await view()).counts).toMatchObject({ skipped: 1 });
  expect(await command("campaign report FILE", [], 0)).toBe(0);
  expect(world.report("campaign.md")).toContain("replace-moment");
  expect(await command("campaign status", [], 0)).toBe(0);
  expect(await command("campaign status FILE --watch", [], 0)).toBe(0);
  expect([...new Set(INLINE)].sort(), "Run it here").toEqual([...ran].sort());
});
