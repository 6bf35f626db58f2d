/** Every line of examples/deno/one-liners.md, pasted into a shell that gets the released files by their real addresses. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { pinsOf, withPins } from "../../../tools/build/pins.ts";
import { releasedText } from "../../../tools/publish/released.ts";
import { VERSION } from "../../../lib/version.ts";
import { root } from "../../../tools/setup.mjs";
import { CANCEL } from "../../programs/processes/world/recorder.ts";
import { type Ended, openRelease, type Release } from "../../programs/examples/release.ts";
import { type ScriptService, type ScriptServiceOptions, withService } from "../../programs/examples/scripts.ts";

const path = (process.env.PATH ?? "").split(delimiter);
const able = ["curl", "openssl", "sha256sum"].every((name) => path.some((folder) => existsSync(join(folder, name))));
const WHOLE = readFileSync(join(root, "examples/deno/one-liners.md"), "utf8");
/** The page as a release has it. */
const PAGE = releasedText(WHOLE, { version: VERSION, github: "acme/mogplex-ci", gitlab: "acme/group/mogplex-ci" });

let release: Release;

beforeAll(async () => {
  if (able) release = await openRelease();
});

afterAll(() => {
  if (able) release.close();
});

/** Blocks of code by the heading that they stand under and their number there. */
function blocks(): Map<string, string> {
  let heading = "";
  const found = new Map<string, string>();
  for (const [, title, text = ""] of PAGE.matchAll(/^#+ (.+)$|^```sh\n([^]*?)^```$/gm)) {
    if (title !== undefined) heading = title;
    else found.set(`${heading} ${[...found.keys()].filter((name) => name.startsWith(`${heading} `)).length + 1}`, text);
  }
  return found;
}

/** The blocks that all others need: the download, and the permissions. */
const FIRST = ["Setup 1", "Setup 2"];
/** Blocks that start a run or a run of an automation and follow it. */
const VERDICTS = ["Run and follow 1", "A list of repositories 1", "An automation 1", "Without the file 1"];
/** Blocks with their own test. */
const OTHERS = [...FIRST, "Run and follow 2", "Run and follow 3", "Inspect and check 1", "Inspect and check 2"];

test("every block of one-liners.md is run, is one line but for the first, and is pinned", () => {
  expect([...blocks().keys()].sort()).toEqual([...VERDICTS, ...OTHERS].sort());
  for (const [name, text] of blocks()) if (name !== "Setup 1") expect(text.trimEnd()).not.toContain("\n");
  // No line is without a version, has every permission or reads the checkout.
  expect(PAGE.match(/@mogplex\/ci(?!@)/g)).toBe(null);
  const lines = [...blocks().values()].join("").match(/deno run[^$"(]*/g) ?? [];
  expect(lines.filter((line) => !line.includes("--no-config --no-lock") || line.includes("--allow-all"))).toEqual([]);
});

/** Runs blocks one after the other, in one shell. */
async function paste(
  service: ScriptService,
  names: string[],
  env: Record<string, string> = {},
): Promise<Ended & { cwd: string }> {
  const cwd = mkdtempSync(join(release.folder, "lines-"));
  writeFileSync(join(cwd, "repositories.txt"), service.repos.map(({ id }) => `${id}\n`).join(""));
  // What Deno or the command would read of a hostile checkout.
  writeFileSync(join(cwd, "deno.json"), "not JSON");
  const [automation = ""] = service.emulator.world.store.automations.keys();
  const { host } = new URL(service.recorder.url);
  const script = withPins(names.map((name) => blocks().get(name) ?? "false").join(""), pinsOf(release.program));
  const end = await release.run(script.replace("--allow-net=mogplex.com", `--allow-net=${host}`), {
    MOGPLEX_URL: service.recorder.url,
    MOGPLEX_DEV: "1",
    MOGPLEX_API_KEY: service.token,
    MOGPLEX_REPO_ID: service.repos[0]?.id ?? "",
    MOGPLEX_AUTOMATION_ID: automation,
    ...env,
  }, cwd);
  expect(end.stdout + end.stderr).not.toContain(service.token);
  return { ...end, cwd };
}

/** A test with its own service, beside the others. */
function on(what: string, options: ScriptServiceOptions, body: (service: ScriptService) => Promise<void>): void {
  (able ? test.concurrent : test.skip)(what, () => withService(options, body));
}

for (const name of VERDICTS) {
  for (const [scenario, code] of [["success", 0], ["agent-failure", 1]] as const) {
    on(`one-liners.md, ${name}: ends with ${code} when its run plays ${scenario}`, { scenario }, async (service) => {
      expect((await paste(service, [...FIRST, name])).code).toBe(code);
      expect(service.recorder.of(/^POST/)).toHaveLength(1);
    });
  }
}

on(
  "one-liners.md, A list of repositories: each has its run and its reports, and a failure in the middle counts",
  { names: ["web", "agent-failure", "api"] },
  async (service) => {
    const { code, cwd } = await paste(service, [...FIRST, "A list of repositories 1"]);
    expect(code).toBe(1);
    expect(service.statuses().sort()).toEqual(["failed", "success", "success"]);
    expect(readdirSync(join(cwd, "mogplex-ci")).sort()).toEqual(service.repos.map(({ id }) => id).sort());
  },
);

// A release takes the notice out of the page.
test.skipIf(!able || WHOLE === PAGE)(
  "one-liners.md begins with the file that init wrote, and checks it, until a release",
  async () => {
    const line = /```sh\n(.+)\n```/.exec(WHOLE)?.[1] ?? "";
    expect(line).not.toContain("https:");
    const cwd = mkdtempSync(join(release.folder, "lines-"));
    mkdirSync(join(cwd, "ci"));
    writeFileSync(join(cwd, "ci/mogplex.mjs"), release.program);
    writeFileSync(join(cwd, "ci/mogplex.mjs.sha256"), `${pinsOf(release.program).sha256}  mogplex.mjs\n`);
    expect(await release.run(line, {}, cwd)).toMatchObject({ code: 0, stdout: "mogplex.mjs: OK\n" });
    writeFileSync(join(cwd, "ci/mogplex.mjs"), "another file");
    expect((await release.run(line, {}, cwd)).code).toBe(1);
  },
);

on("one-liners.md, Setup: another file is gone, and nothing runs", {}, async (service) => {
  const cwd = mkdtempSync(join(release.folder, "lines-"));
  const other = (blocks().get("Setup 1") ?? "").replace(/SHA256=[0-9a-f]{8}/, "SHA256=00000000");
  const { code, stdout } = await release.run(`${other}echo ran`, {}, cwd);
  expect([code === 0, stdout.includes("ran"), readdirSync(cwd)]).toEqual([false, false, []]);
  expect(service.recorder.requests).toEqual([]);
});

on(
  "one-liners.md: the lines about a run that exists end with its verdict",
  { scenario: "agent-failure" },
  async (service) => {
    const { cwd } = await paste(service, [...FIRST, "Run and follow 1"]);
    const { runId } = JSON.parse(readFileSync(join(cwd, "mogplex-ci/result.json"), "utf8"));
    const env = { MOGPLEX_RUN_ID: runId };
    expect((await paste(service, [...FIRST, "Run and follow 3"], env)).code).toBe(1);
    const { code, stdout } = await paste(service, [...FIRST, "Inspect and check 1"], env);
    expect([code, JSON.parse(stdout.replace(/^.*: OK\n/, "")).status]).toEqual([0, "failed"]);
    const unknown = { MOGPLEX_RUN_ID: "00000000-0000-4000-8000-000000000000" };
    expect((await paste(service, [...FIRST, "Inspect and check 1"], unknown)).code).toBe(1);
  },
);

on("one-liners.md, cleanup: has nothing to do after a job that has ended", {}, async (service) => {
  expect((await paste(service, [...FIRST, "Run and follow 1", "Run and follow 2"])).code).toBe(0);
  expect(service.recorder.of(CANCEL)).toEqual([]);
});

on("one-liners.md, doctor: ends with 0, and with 64 when the service refuses the token", {}, async (service) => {
  expect((await paste(service, [...FIRST, "Inspect and check 2"])).code).toBe(0);
  const env = { MOGPLEX_API_KEY: "mog_notAToken0000000000" };
  expect((await paste(service, [...FIRST, "Inspect and check 2"], env)).code).toBe(64);
});
