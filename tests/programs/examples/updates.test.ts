/** The weekly jobs of examples/updates: real Git and curl, a server in the place of the releases, and a program in the place of `gh`. */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import { parse } from "yaml";
import { VERSION } from "../../../lib/version.ts";
import { root, runtimes, sha256 } from "../../../tools/setup.mjs";
import { built } from "../../built.ts";

const NEWER = "9.8.7";
const BRANCH = `update-mogplex-${NEWER}`;

let folder = "";
let server: Server;
let project = "";
let program = "";
let newer = "";
/** What the server has. */
let served: Record<string, string> = {};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "mogplex-updates-"));
  program = readFileSync(built("mogplex.mjs"), "utf8");
  newer = program.replaceAll(`// @mogplex/ci ${VERSION} `, `// @mogplex/ci ${NEWER} `);
  server = createServer(({ url = "" }, reply) => {
    const text = served[url];
    reply.writeHead(text === undefined ? 404 : 200).end(text);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  project = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const bin = join(folder, "bin");
  mkdirSync(bin);
  symlinkSync(runtimes.node, join(bin, "node"));
  writeFileSync(join(bin, "gh"), `#!/bin/sh\necho "$*" >> "$GH_CALLS"\n`, { mode: 0o755 });
});

beforeEach(() => {
  served = {
    "/releases/latest/download/releases.json": JSON.stringify({
      releases: [{ version: NEWER, digest: sha256(newer), releaseTimestamp: "2026-12-01T00:00:00Z" }],
    }),
    [`/releases/download/${NEWER}/mogplex.mjs`]: newer,
    [`/releases/download/${NEWER}/mogplex.mjs.licenses.txt`]: "notices\n",
  };
});

afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

const git = (cwd: string, ...args: string[]) => execFileSync("git", args, { cwd, encoding: "utf8" }).trim();

/** A clone with the program that `init` committed, and its origin. */
function repository(): { clone: string; origin: string } {
  const made = mkdtempSync(join(folder, "repository-"));
  const [clone, origin] = [join(made, "clone"), join(made, "origin.git")];
  git(folder, "init", "--quiet", "--bare", "--initial-branch=main", origin);
  // The push option that makes a merge request.
  git(origin, "config", "receive.advertisePushOptions", "true");
  git(folder, "clone", "--quiet", origin, clone);
  mkdirSync(join(clone, "ci"));
  writeFileSync(join(clone, "ci/mogplex.mjs"), program);
  writeFileSync(join(clone, "ci/mogplex.mjs.sha256"), `${sha256(program)}  mogplex.mjs\n`);
  writeFileSync(join(clone, "ci/mogplex.mjs.licenses.txt"), "old notices\n");
  git(clone, "add", "--all");
  git(clone, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "--message=first");
  git(clone, "push", "--quiet", "origin", "HEAD:main");
  return { clone, origin };
}

/** A recipe: its scripts in order, with the project of this test. */
function scripts(name: string): string[] {
  const recipe = parse(readFileSync(join(root, "examples/updates", name), "utf8"));
  if (name === "gitlab.yml") return recipe["update-mogplex"].script;
  return recipe.jobs.update.steps.flatMap(({ run }: { run?: string }) => run ?? []);
}

/** Runs a recipe. @returns its exit code, what it printed, and what `gh` was told. */
async function run(name: string, { clone, origin }: { clone: string; origin: string }) {
  const calls = join(clone, "../gh-calls");
  writeFileSync(calls, "");
  const env = {
    PATH: `${join(folder, "bin")}${delimiter}${process.env.PATH ?? ""}`,
    HOME: folder,
    PROJECT: project,
    GITHUB_OUTPUT: join(clone, "../outputs"),
    VERSION: NEWER,
    GH_CALLS: calls,
    UPDATE_TOKEN: "glpat-update-token-1234",
    CI_PROJECT_URL: origin.replace(/\.git$/, ""),
  };
  let text = "";
  for (const script of scripts(name)) {
    const child = Bun.spawn(["bash", "-e", "-c", script], { cwd: clone, env, stdout: "pipe", stderr: "pipe" });
    text += await new Response(child.stdout).text() + await new Response(child.stderr).text();
    const code = await child.exited;
    if (code !== 0) return { code, text, calls: "" };
  }
  return { code: 0, text, calls: readFileSync(calls, "utf8") };
}

for (const name of ["github.yml", "gitlab.yml"]) {
  test(`examples/updates/${name} pushes a branch with program, checksum and licenses, once`, async () => {
    const world = repository();
    const { code, text, calls } = await run(name, world);
    expect({ code, text: code === 0 ? "" : text }).toEqual({ code: 0, text: "" });
    expect(git(world.origin, "show", `${BRANCH}:ci/mogplex.mjs.sha256`)).toBe(`${sha256(newer)}  mogplex.mjs`);
    expect(git(world.origin, "diff", "--name-only", "main", BRANCH).split("\n")).toEqual([
      "ci/mogplex.mjs",
      "ci/mogplex.mjs.licenses.txt",
      "ci/mogplex.mjs.sha256",
    ]);
    expect(text).toContain(`from ${VERSION} (sha256 ${sha256(program)})`);
    expect(text).toContain(`to   ${NEWER} (sha256 ${sha256(newer)})`);
    expect(text).not.toContain("glpat-update-token-1234");
    if (name === "github.yml") {
      expect(calls).toContain(`pr create --head ${BRANCH} --title Update Mogplex CI to ${NEWER}`);
    }
    // The next week: the pull request is still open.
    git(world.clone, "checkout", "--quiet", "--force", "main");
    const head = git(world.origin, "rev-parse", BRANCH);
    expect((await run(name, world)).code).toBe(0);
    expect(git(world.origin, "rev-parse", BRANCH)).toBe(head);
  });

  test(`examples/updates/${name} changes nothing when the newest release is the committed one`, async () => {
    const world = repository();
    served["/releases/latest/download/releases.json"] = JSON.stringify({
      releases: [{ version: VERSION, digest: sha256(program) }],
    });
    served[`/releases/download/${VERSION}/mogplex.mjs`] = program;
    served[`/releases/download/${VERSION}/mogplex.mjs.licenses.txt`] = "old notices\n";
    expect(await run(name, world)).toMatchObject({ code: 0, calls: "" });
    expect(git(world.origin, "branch", "--list").trim()).toBe("* main");
  });

  test(`examples/updates/${name} runs nothing of a program that is not the one of releases.json`, async () => {
    const world = repository();
    served[`/releases/download/${NEWER}/mogplex.mjs`] = `#!/usr/bin/env node\nconsole.log("ran");\n`;
    const { code, text } = await run(name, world);
    expect(code).toBe(1);
    expect(text).not.toContain("ran\n");
    for (const bad of ["1.0.0; touch evil", "../../etc", ""]) {
      served["/releases/latest/download/releases.json"] = JSON.stringify({
        releases: [{ version: bad, digest: sha256(newer) }],
      });
      expect((await run(name, world)).code).not.toBe(0);
    }
    expect(git(world.clone, "status", "--porcelain")).toBe("");
    expect(git(world.origin, "branch", "--list").trim()).toBe("* main");
  });

  test(`examples/updates/${name} stops when the committed program differs from its checksum`, async () => {
    const world = repository();
    writeFileSync(join(world.clone, "ci/mogplex.mjs"), `${program}\n`);
    git(
      world.clone,
      "-c",
      "user.name=a",
      "-c",
      "user.email=a@example.com",
      "commit",
      "--quiet",
      "--all",
      "--message=x",
    );
    const { code, text } = await run(name, world);
    expect(code).toBe(2);
    expect(text).toContain("ci/mogplex.mjs differs from its checksum");
    expect(git(world.origin, "branch", "--list").trim()).toBe("* main");
  });
}
