/** The published file of each component: that it is there, and what its scripts do. */
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VERSION } from "../../../lib/version.ts";
import {
  carriesProgram,
  componentNames,
  splitTemplate,
  TEMPLATE_LIMIT,
  withPieces,
} from "../../../tools/build/templates.ts";
import { root, sha256 } from "../../../tools/setup.mjs";
import { built } from "../../built.ts";

test("templates have names and a place that GitLab finds, and are at most thirty", () => {
  const names = componentNames();
  expect(names.length).toBeGreaterThan(1);
  expect(names.length).toBeLessThanOrEqual(30);
  // Source: gitlabhq, components_project.rb.
  for (const name of names) expect(`templates/${name}.yml`).toMatch(/^templates\/[\w-]+(?:\/template)?\.yml$/);
  const written = names.map((name) => `${name}.yml`);
  expect(readdirSync(join(root, "dist/templates")).sort()).toEqual(written);
  // A component that is new comes with the next release.
  expect(readdirSync(join(root, "templates")).filter((file) => !written.includes(file))).toEqual([]);
  for (const file of ["README.md", "LICENSE"]) expect(existsSync(join(root, file))).toBe(true);
});

test.skipIf(spawnSync("mkfifo", ["--version"]).error !== undefined)(
  "after_script does not wait for a pipe in the tool's place",
  () => {
    const folder = mkdtempSync(join(tmpdir(), "mogplex-finish-"));
    mkdirSync(join(folder, ".mogplex-ci"));
    writeFileSync(join(folder, ".mogplex-ci/run.json"), "{}");
    spawnSync("mkfifo", [join(folder, ".mogplex-ci/cli.mjs")]);
    const finish = `mogplex_tool=$PWD/.mogplex-ci/cli.mjs\n${
      readFileSync(join(root, "components/shared/finish.sh"), "utf8")
    }`;
    const { stdout, status } = spawnSync("sh", ["-c", finish], { cwd: folder, encoding: "utf8" });
    rmSync(folder, { recursive: true });
    expect([stdout, status]).toEqual(["nothing was cleaned up: this component's tool is missing or was changed\n", 0]);
  },
);

test("a template carries the program whose checksum it names, under this version, within the limit of GitLab", () => {
  const names = componentNames().filter(carriesProgram);
  expect(names.length).toBeGreaterThan(1);
  for (const component of names) {
    const text = readFileSync(built(`templates/${component}.yml`), "utf8");
    const { bundle = "" } = splitTemplate(text) ?? {};
    const sum = sha256(bundle);
    expect([...text.matchAll(/[0-9a-f]{64}/g)].map(String).filter((found) => found !== sum)).toEqual([]);
    // Cleaning up checks it once more, and a dashboard has nothing to clean up.
    expect(text.split(sum)).toHaveLength(component === "dashboard" ? 2 : 3);
    expect(text).toStartWith(`# Mogplex CI ${VERSION}, component `);
    expect(bundle).toContain(`@mogplex/ci ${VERSION} `);
    expect(new TextEncoder().encode(text).length).toBeLessThanOrEqual(TEMPLATE_LIMIT);
  }
});

test("the program is run by the first of deno, bun and node that is there, or by the one that was chosen", () => {
  const launch = withPieces("# include watch\n# include launch");
  const folder = mkdtempSync(join(tmpdir(), "mogplex-launch-"));
  const ranBy = (there: readonly string[], chosen = "auto") => {
    const bin = mkdtempSync(join(folder, "bin-"));
    for (const name of there) writeFileSync(join(bin, name), `#!/bin/sh\necho ${name}\n`, { mode: 0o755 });
    for (const name of ["sh", "rm", "sleep"]) symlinkSync(`/bin/${name}`, join(bin, name));
    const env = { PATH: bin, MOGPLEX_INPUT_RUNTIME: chosen };
    const cwd = mkdtempSync(join(folder, "project-"));
    mkdirSync(join(cwd, ".mogplex-ci"));
    const { stdout, status } = spawnSync("/bin/sh", ["-c", `${launch}\nmogplex run`], { cwd, env, encoding: "utf8" });
    return status === 0 ? stdout.trim() : status;
  };
  expect(ranBy(["deno", "bun", "node"])).toBe("deno");
  expect(ranBy(["bun", "node"])).toBe("bun");
  expect(ranBy(["node"])).toBe("node");
  expect(ranBy(["deno", "bun", "node"], "node")).toBe("node");
  expect([ranBy([]), ranBy(["deno"], "bun")]).toEqual([2, 2]);
  // In this version of Bun a tsconfig.json can replace the program.
  const old = mkdtempSync(join(folder, "old-"));
  writeFileSync(join(old, "bun"), "#!/bin/sh\necho 1.2.18\n", { mode: 0o755 });
  expect(spawnSync("/bin/sh", ["-c", `${launch}\nmogplex run`], { env: { PATH: old } }).status).toBe(2);
  rmSync(folder, { recursive: true });
});

const HAS_SHELLCHECK = spawnSync("shellcheck", ["--version"]).status === 0;

test.skipIf(!HAS_SHELLCHECK)("the scripts of the jobs are clean to shellcheck", () => {
  const pieces = ["unpack", "watch", "launch", "finish", "campaign"].map((name) => `# include ${name}`).join("\n");
  const input = `#!/bin/sh\n${withPieces(pieces)}`.replace("@@BUNDLE@@", "H4sI").replaceAll(
    "@@SHA256@@",
    "0".repeat(64),
  );
  // The shell must split the flags into words here: sh has no arrays.
  const { stdout } = spawnSync("shellcheck", ["--shell=sh", "--exclude=SC2086", "-"], { input, encoding: "utf8" });
  expect(stdout).toBe("");
});
