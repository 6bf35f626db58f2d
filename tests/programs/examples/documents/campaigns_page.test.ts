/** `docs/campaigns.md`, and the section of the README: every command in them is run. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { runtimes } from "../../../../tools/setup.mjs";
import { writeFiles } from "../../components/project.ts";
import { type Ended, launch } from "../../processes/world/service.ts";
import { START } from "../../processes/world/recorder.ts";
import { blocksOf, readPage } from "./pages.ts";
import { type ScriptService, withService } from "../scripts.ts";
import { endRuns, openWorkFolder, UNTIL_ENDED, type WorkFolder } from "../systems/campaign_recipes.ts";

const PAGE = readPage("docs/campaigns.md");
const FAST = { speed: 10_000, sandboxLimit: 3 };

/** Commands in the text of the page, up to what needs a forge or a CI system. */
const INLINE = [
  ...PAGE.replace(/^## Pull requests$[^]*/m, "").replace(/^```[^]*?^```$/gm, "").matchAll(
    /`((?:campaign|retry|skip) (?!FILE`)[^`]+)`/g,
  ),
].map(([, command = ""]) => command);

let work: WorkFolder;

beforeAll(() => {
  work = openWorkFolder();
});

afterAll(() => rmSync(work.folder, { recursive: true, force: true }));

/** A folder with the program under all of its names, and what runs a line there. */
function place(service: ScriptService, files: Readonly<Record<string, string>>) {
  const cwd = mkdtempSync(join(work.folder, "page-"));
  writeFiles(cwd, files);
  copyFileSync(work.command, join(cwd, "mogplex.mjs"));
  const bin = mkdtempSync(join(cwd, "bin-"));
  for (const name of ["node", "deno", "bun"] as const) symlinkSync(runtimes[name], join(bin, name));
  writeFileSync(join(bin, "mogplex-ci"), `#!/bin/sh\nexec node "${cwd}/mogplex.mjs" "$@"\n`);
  chmodSync(join(bin, "mogplex-ci"), 0o755);
  const env = {
    PATH: `${bin}:${process.env.PATH}`,
    MOGPLEX_URL: service.recorder.url,
    MOGPLEX_DEV: "1",
    MOGPLEX_API_KEY: service.token,
    DENO_NO_UPDATE_CHECK: "1",
  };
  return { cwd, run: (line: string): Promise<Ended> => launch(["sh", "-eu", "-c", line], { cwd, env }).ended };
}

/** The blocks of a language. */
function texts(page: string, language: string): string[] {
  return blocksOf(page).filter((block) => block.language === language).map(({ text }) => text);
}

test(
  "the commands at the top of docs/campaigns.md work with the file above them, each in its turn",
  () =>
    withService({ ...FAST, names: ["web", "api", "legacy-1"] }, async (service) => {
      const [file = ""] = texts(PAGE, "yaml");
      const { run } = place(service, { "campaign.yml": file, "task.md": "Replace moment.\n" });
      const lines = texts(PAGE, "sh")[0]?.trim().split("\n") ?? [];
      expect(lines.map((line) => /^mogplex-ci campaign (\w+) campaign\.yml +#/.exec(line)?.[1])).toEqual([
        ...["check", "plan", "run", "advance", "status"],
      ]);
      for (const line of lines) expect(await run(line), line).toMatchObject({ code: 0 });
      expect(service.recorder.of(START)).toHaveLength(2);
    }),
);

test(
  "the lines of docs/campaigns.md for Deno and Bun make a wave with no more permissions",
  () =>
    withService({ ...FAST, names: ["web", "api"] }, async (service) => {
      const file = "version: 1\nname: runtimes\nprompt: Fix it\nrepositories: [{ query: acme/ }]\n";
      const { run } = place(service, { "campaign.yml": file });
      const blocks = texts(PAGE, "sh").filter((text) => /^(?:ALLOW=|bun )/.test(text));
      expect(blocks).toHaveLength(2);
      for (const block of blocks) expect(await run(block), block).toMatchObject({ code: 0 });
      expect((await run("mogplex-ci campaign status campaign.yml")).stdout).toContain("is done: all 2 items succeeded");
      // Where the directory may not be written, nothing is started.
      const without = blocks[0]?.replace("--out mogplex-campaign", "").replace("advance", "advance --dir other") ?? "";
      expect((await run(without)).code).toBe(2);
      expect(service.recorder.of(START)).toHaveLength(2);
    }),
);

test(
  "the lines of docs/campaigns.md for a child pipeline of GitLab write its file",
  () =>
    withService({ ...FAST, names: ["web"] }, async (service) => {
      const file = "version: 1\nname: lines\nprompt: Fix it\nrepositories: [acme/web]\n";
      const { cwd, run } = place(service, { "campaign.yml": file });
      mkdirSync(join(cwd, "ci"));
      copyFileSync(work.command, join(cwd, "ci/mogplex.mjs"));
      const [block = ""] = texts(PAGE, "sh").filter((text) => text.includes("campaign pipeline"));
      expect(await run(block)).toMatchObject({ code: 0 });
      expect(readFileSync(join(cwd, "campaign.gitlab-ci.yml"), "utf8")).toContain("wave-1:");
    }),
);

test(
  "every command in the text of docs/campaigns.md does what it says",
  () =>
    withService({ ...UNTIL_ENDED, sandboxLimit: 20, names: ["docs", "web", "api", "stuck"] }, async (service) => {
      const { cwd, run } = place(service, {
        "campaign.yml": "version: 1\nname: page\nprompt-file: task.md\nrepositories: [{ file: list.txt }]\n" +
          "canary: { size: 1, gate: manual }\n",
        "task.md": "Fix it\n",
        "list.txt": "acme/docs\nacme/web\nacme/api\nacme/stuck\n",
      });
      const ran = new Set<string>();
      const view = async () => JSON.parse((await run("mogplex-ci campaign status campaign.yml --json")).stdout);
      /**
       * Runs a command of the page, after what it needs, and tells how often the campaign has started something since.
       *
       * @param waves How many waves follow. Three are the whole way of an item.
       */
      async function command(text: string, more = "", waves = 3): Promise<number> {
        ran.add(text);
        const { causes } = text.includes("WORD") ? await view() : { causes: [] };
        const [, verb, rest = ""] = /^(?:campaign )?(\w+)(?: FILE)?(.*)$/.exec(text) ?? [];
        const filled = `campaign ${verb} campaign.yml${rest.replace("WORD", causes[0]?.word)}`;
        const before = service.recorder.of(START).length;
        expect(await run(`mogplex-ci ${filled} ${more}`), filled).toMatchObject({ code: 0 });
        for (let wave = 1; wave <= waves; wave++) {
          await run("mogplex-ci campaign advance campaign.yml || true");
          if (wave < 3) endRuns(service, "web");
        }
        return service.recorder.of(START).length - before;
      }

      expect(await run("mogplex-ci campaign new fresh/campaign.yml")).toMatchObject({ code: 0 });
      ran.add("campaign new");
      expect(await command("campaign plan FILE")).toBe(1);
      expect((await view()).state).toBe("gated");
      expect(await command('campaign approve FILE --note "looked at all three"')).toBe(3);
      expect((await view()).counts).toMatchObject({ failed: 1, running: 1, succeeded: 2 });
      expect(await command("campaign retry FILE --cause WORD")).toBe(1);
      expect(await command("campaign retry FILE --failed")).toBe(1);
      writeFileSync(join(cwd, "task.md"), "Fix it, and run the tests\n");
      expect(await command("campaign retry FILE --failed --adopt-changes")).toBe(1);
      expect(JSON.parse(service.recorder.of(START).at(-1)?.body ?? "").prompt).toContain("and run the tests");
      expect(await command("retry --only acme/web", "--dry-run", 1)).toBe(0);
      expect(await command("campaign stop FILE")).toBe(0);
      expect((await view()).state).toBe("stopping");
      expect(await command("campaign stop FILE --cancel")).toBe(0);
      expect((await view()).counts).toMatchObject({ cancelled: 1, running: 0 });
      expect(await command("campaign resume FILE", "|| true")).toBe(0);
      expect(await command("skip --cancel", "--only acme/web --reason done --dry-run", 0)).toBe(0);
      expect(await command('campaign skip FILE --only acme/web --reason "done by hand"')).toBe(0);
      expect((await view()).counts).toMatchObject({ skipped: 1 });
      expect(await command("campaign report FILE", "", 0)).toBe(0);
      expect(readFileSync(join(cwd, "mogplex-campaign/campaign.md"), "utf8")).toContain("page");
      expect(await command("campaign status", "", 0)).toBe(0);
      expect(await command("campaign status FILE --watch", "", 0)).toBe(0);
      expect([...new Set(INLINE)].sort(), "Run it here").toEqual([...ran].sort());
    }),
);
