import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { makeRemotes } from "../../git/remotes.ts";

const PIPELINE = `workflow:
  rules:
    - if: $CI_COMMIT_BRANCH == "main" && $CI_PIPELINE_SOURCE != "web"
build: { script: [make] }
`;

/** The rule that `init gitlab` advises in a folder. */
async function ruleOf(folder: string, programFile: string): Promise<string[]> {
  const lib = join(import.meta.dir, "../../../../lib");
  const code = `const { processIo } = await import(${JSON.stringify(`${lib}/io.ts`)});
    const { main } = await import(${JSON.stringify(`${lib}/cli/main.ts`)});
    process.exitCode = await main(["init", "gitlab"], await processIo(), ${JSON.stringify({ programFile })});`;
  const child = Bun.spawn([process.execPath, "-e", code], { cwd: folder, stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  expect([await child.exited, stderr]).toEqual([0, ""]);
  return stdout.split("\n").filter((line) => /workflow:rules|^ {4}- if:/.test(line));
}

test("init knows the default branch in a clone, a worktree and a submodule", async () => {
  const { folder, git, make, close } = makeRemotes();
  try {
    const program = join(folder, "mogplex.mjs");
    writeFileSync(program, "#!/usr/bin/env node\n// @mogplex/ci 0.1.0 mogplex.mjs | MIT\n");
    writeFileSync(`${program}.licenses.txt`, "MIT\n");
    const origin = make("web.git");
    git(folder, "init", "-q", "-b", "main", "first");
    const first = join(folder, "first");
    writeFileSync(join(first, ".gitlab-ci.yml"), PIPELINE);
    git(first, "add", ".");
    git(first, "commit", "-q", "-m", "first");
    git(first, "push", "-q", origin, "main");
    git(origin, "symbolic-ref", "HEAD", "refs/heads/main");

    git(folder, "clone", "-q", origin, "clone");
    git(join(folder, "clone"), "worktree", "add", "-q", "-b", "other", "../tree");
    git(folder, "init", "-q", "all");
    git(join(folder, "all"), "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", origin, "web");
    for (const place of ["clone", "tree", "all/web"]) {
      expect([place, ...await ruleOf(join(folder, place), program)]).toEqual([
        place,
        expect.stringContaining("workflow:rules exclude pipelines started by hand."),
        '    - if: $CI_PIPELINE_SOURCE == "web"',
      ]);
    }
  } finally {
    await close();
  }
});
