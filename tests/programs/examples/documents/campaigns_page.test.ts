/** The blocks of `docs/campaigns.md` are run. The commands in its text: tests/unit/cli/campaign/page_commands.test.ts. */
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
import { openWorkFolder, type WorkFolder } from "../systems/campaign_recipes.ts";

const PAGE = readPage("docs/campaigns.md");
const FAST = { speed: 10_000, sandboxLimit: 3 };

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
      expect(await run("mogplex-ci campaign plan campaign.yml")).toMatchObject({ code: 0 });
      for (const block of blocks) expect(await run(block), block).toMatchObject({ code: 0 });
      expect((await run("mogplex-ci campaign status campaign.yml")).stdout).toContain("is done: all 2 items succeeded");
      // Where the directory may not be written, nothing is started.
      const without = blocks[0]?.replace("--out mogplex-campaign", "").replace("advance", "plan --dir other") ?? "";
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
