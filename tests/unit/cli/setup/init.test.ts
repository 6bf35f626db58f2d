import { expect, test } from "bun:test";
import { ALL_SYSTEMS, detectPlatform } from "../../../../lib/ci/detect.ts";
import { openContext } from "../../../../lib/cli/context.ts";
import { Writer } from "../../../../lib/cli/log/writer.ts";
import { main } from "../../../../lib/cli/main.ts";
import { predictPipeline } from "../../../../lib/cli/setup/gitlab_rules.ts";
import { initRepository } from "../../../../lib/cli/setup/init.ts";
import { jobFile, PROGRAM_FILE, RECIPES, TASK } from "../../../../lib/cli/setup/recipes.ts";
import { flagsByRow } from "../../../../lib/cli/settings.ts";
import { commandVocabulary, flagsOf } from "../../../../lib/cli/verb.ts";
import { initVerb } from "../../../../lib/cli/verbs/init.ts";
import { parseFlags } from "../../../../lib/flags.ts";
import { sha256Hex } from "../../../../lib/sha256.ts";
import { createRedactor } from "../../../../lib/text/redact.ts";
import { fakeIo } from "../fake_io.ts";

const FILE = "/opt/mogplex.mjs";
const PROGRAM = "#!/usr/bin/env node\n// @mogplex/ci 0.1.0 mogplex.mjs | MIT\n";
const ORIGIN = '[core]\n\tbare = false\n[remote "origin"]\n\turl = git@github.com:acme/web.git\n';

/** What `init` did in a repository with these files. */
async function init(
  args: string[],
  files: Record<string, string> = {},
  program = PROGRAM,
  env: Record<string, string> = {},
) {
  const io = fakeIo({ env, files: { [FILE]: program, ".git/HEAD": "", ...files } });
  const code = await main(["init", ...args], io, { programFile: FILE });
  const written = Object.fromEntries([...io.files].filter(([path]) => !/^(?:\/opt|\.git\/)/.test(path)));
  return { code, written, io, stdout: io.text.stdout, stderr: io.text.stderr };
}

test("init writes the program, a checksum that fits, a task and the job of the system that it finds", async () => {
  const { code, written, stdout } = await init([], { ".git/config": ORIGIN });
  expect([code, Object.keys(written).sort()]).toEqual([0, [
    ".gitattributes",
    ".github/workflows/mogplex.yml",
    "ci/mogplex-task.md",
    "ci/mogplex.mjs",
    "ci/mogplex.mjs.sha256",
  ]]);
  expect(written[PROGRAM_FILE]).toBe(PROGRAM);
  expect(written["ci/mogplex.mjs.sha256"]).toBe(`${await sha256Hex(PROGRAM)}  mogplex.mjs\n`);
  expect(written[".github/workflows/mogplex.yml"]).toContain(
    "run --follow --repo acme/web --prompt-file ci/mogplex-task.md",
  );
  expect(stdout).toContain("+name: Mogplex\n");
  expect(stdout.match(/[0-9a-f]{64}/g)).toHaveLength(1);
  expect(stdout).toContain("Needs: secret MOGPLEX_API_KEY.\n");
});

test("init finds each system by its files, wherever the remote is", async () => {
  for (const [name, { title, file, marks = [] }] of RECIPES) {
    for (const mark of [file, ...marks]) {
      const path = /\.(?:ya?ml)$|file$/.test(mark) ? mark : `${mark}/other`;
      const { stdout } = await init(["--dry-run"], { [path]: "x", ".git/config": ORIGIN });
      expect([name, mark, stdout.split("\n")[0]]).toEqual([
        name,
        mark,
        `Setting up ${title} for the repository acme/web`,
      ]);
    }
  }
});

test("init puts the job beside a file that exists, says which lines to add, and changes no file", async () => {
  const theirs = { ".gitlab-ci.yml": "test:\n  script: [make]\n", "ci/mogplex-task.md": "Our own task\n" };
  const { code, written, stdout } = await init([], theirs);
  expect(code).toBe(0);
  expect(written).toMatchObject(theirs);
  expect(written["ci/mogplex.gitlab-ci.yml"]).toContain("mogplex:\n");
  expect(stdout).toContain("Add these lines to .gitlab-ci.yml:\n\ninclude:\n  - local: ci/mogplex.gitlab-ci.yml\n");
  expect(stdout).toContain("keep ci/mogplex-task.md\n");
});

test("init says that no job was added when its file exists and does not start the program", async () => {
  const path = ".github/workflows/mogplex.yml";
  const sentence =
    `No job was added because ${path} exists but does not start the program. Rename it, then run init again.\n`;
  const { written } = await init(["github"]);
  expect((await init(["github"], { [path]: "on: push\n" })).stdout).toContain(sentence);
  expect((await init(["github"], { [path]: `${written[path]}# ours\n` })).stdout).not.toContain("No job was added");
});

test("init called again changes nothing, and with --dry-run writes nothing", async () => {
  const first = await init(["gitlab"]);
  const again = await init(["gitlab"], first.written);
  expect(again.written).toEqual(first.written);
  expect(again.stdout).toBe(`Setting up GitLab CI/CD
unchanged: ci/mogplex.mjs
unchanged: ci/mogplex.mjs.sha256
unchanged: ci/mogplex-task.md
unchanged: .gitlab-ci.yml

Nothing was written: all files exist. To read the steps again, add --dry-run. To check the setup:
  node ci/mogplex.mjs doctor --repo OWNER/NAME
`);
  const steps = await init(["gitlab", "--dry-run"], first.written);
  expect(steps.stdout).toContain("\nNeeds: ");
  expect(steps.stdout).toEndWith("\nNothing was written: all files exist.\n");
  const dry = await init(["jenkins", "--dry-run"]);
  expect([dry.code, dry.written]).toEqual([0, {}]);
  expect(dry.stdout).toContain("would write Jenkinsfile");
  expect(dry.stdout).toEndWith("\nNothing was written. To write these files, leave out --dry-run.\n");
});

test("init --update replaces the program and its checksum, unless they were changed", async () => {
  const { written } = await init(["github"]);
  const newer = PROGRAM.replace("0.1.0", "0.2.0");
  const updated = await init(["--update"], written, newer);
  expect(updated.written).toEqual({
    ...written,
    [PROGRAM_FILE]: newer,
    "ci/mogplex.mjs.sha256": `${await sha256Hex(newer)}  mogplex.mjs\n`,
  });
  expect(updated.stdout).toStartWith(
    `Updating ci/mogplex.mjs\n  from 0.1.0 (sha256 ${await sha256Hex(PROGRAM)})\n  to   0.2.0 (sha256 ${await sha256Hex(
      newer,
    )})\n`,
  );
  expect(updated.code).toBe(0);
});

test("init --update writes nothing when the program in the repository differs from its checksum, unless --force", async () => {
  const { written } = await init(["github"]);
  const newer = PROGRAM.replace("0.1.0", "0.2.0");
  const { "ci/mogplex.mjs.sha256": _, ...withoutSum } = written;
  const cases: [Record<string, string>, string][] = [
    [{ ...written, [PROGRAM_FILE]: "evil" }, "ci/mogplex.mjs differs from its checksum in ci/mogplex.mjs.sha256"],
    [withoutSum, "ci/mogplex.mjs has no checksum next to it (ci/mogplex.mjs.sha256)"],
  ];
  for (const [files, why] of cases) {
    const refused = await init(["--update"], files, newer);
    expect([refused.code, refused.written]).toEqual([2, files]);
    expect(refused.stderr).toContain(
      `Cannot update the program: ${why}; find out what changed it, then add --force`,
    );
    const forced = await init(["--update", "--force"], files, newer);
    expect([forced.code, forced.written[PROGRAM_FILE]]).toEqual([0, newer]);
  }
  const nothing = await init(["--update"], {}, newer);
  expect([nothing.code, nothing.written]).toEqual([2, {}]);
});

test("init keeps an older program and prints the command that replaces it, but refuses a changed one", async () => {
  const { written } = await init(["gitlab"]);
  const newer = PROGRAM.replace("0.1.0", "0.2.0");
  const npm = { npm_lifecycle_event: "init", npm_package_json: "/opt/mogplex-ci/package.json" };
  const older = await init(["gitlab"], written, newer, npm);
  expect([older.code, older.written]).toEqual([0, written]);
  expect(older.stdout).toContain(
    "\nkeep ci/mogplex.mjs, 0.1.0. To replace it with 0.2.0: npm --prefix /opt/mogplex-ci run init -- --update\n" +
      "unchanged: ci/mogplex-task.md\n",
  );
  const changed = { ...written, [PROGRAM_FILE]: "evil" };
  const refused = await init(["gitlab"], changed, newer, npm);
  expect([refused.code, refused.written, refused.stdout]).toEqual([2, changed, ""]);
  expect(refused.stderr).toContain(
    "Cannot set up the repository: ci/mogplex.mjs differs from its checksum in ci/mogplex.mjs.sha256; find out what changed " +
      "it, then replace it: npm --prefix /opt/mogplex-ci run init -- --update --force; nothing was written\n",
  );
});

test("init --update writes nothing when the new program differs from --sha256, whatever --force says", async () => {
  const { written } = await init(["github"]);
  const newer = PROGRAM.replace("0.1.0", "0.2.0");
  const digest = await sha256Hex(newer);
  for (const more of [[], ["--force"]]) {
    const refused = await init(["--update", "--sha256", "0".repeat(64), ...more], written, newer);
    expect([refused.code, refused.written]).toEqual([2, written]);
    expect(refused.stderr).toContain(
      `the SHA-256 of this program is ${digest}, which differs from --sha256: ${"0".repeat(64)}`,
    );
    expect((await init(["--update", "--sha256", "abc", ...more], written, newer)).code).toBe(2);
  }
  const good = await init(["--update", "--sha256", digest.toUpperCase()], written, newer);
  expect([good.code, good.written[PROGRAM_FILE]]).toEqual([0, newer]);
});

test("init --uninstall removes the files that init wrote, and leaves changed ones", async () => {
  const { written } = await init(["gitlab"], { ".gitlab-ci.yml": "x: {}\n" });
  const gone = await init(["gitlab", "--uninstall"], written);
  expect(gone.written).toEqual({ ".gitlab-ci.yml": "x: {}\n" });
  const own = { ...written, "ci/mogplex-task.md": `${TASK}And more.\n`, [PROGRAM_FILE]: "changed" };
  const kept = await init(["gitlab", "--uninstall"], own);
  expect(kept.stdout).toContain(
    "keep ci/mogplex.mjs, which was changed\nkeep ci/mogplex.mjs.sha256, which belongs to ci/mogplex.mjs\n",
  );
  expect(Object.keys(kept.written).sort()).toEqual([
    ".gitlab-ci.yml",
    "ci/mogplex-task.md",
    "ci/mogplex.mjs",
    "ci/mogplex.mjs.sha256",
  ]);
});

test("init --uninstall finds the files of init for any system, also beside those of others", async () => {
  const others = { "Jenkinsfile": "pipeline {}\n", ".circleci/config.yml": "version: 2.1\n" };
  for (const name of [...RECIPES.keys(), "terminal"]) {
    const { written } = await init([name], others);
    const { code, stdout, written: left } = await init(["--uninstall"], written);
    expect([name, code, left]).toEqual([name, 0, others]);
    expect(stdout).not.toContain("keep ");
    expect(stdout).toContain("remove ci/mogplex.mjs\n");
    const call = await init([name, "--uninstall"], written);
    expect(stdout.split("uses them:\n")[1]).toBe(call.stdout.split("uses them:\n")[1] ?? "");
  }
  const { written } = await init(["azure"]);
  const job = `${written["azure-pipelines.yml"]}# Ours\n`;
  const kept = await init(["--uninstall"], { ...written, ...others, "azure-pipelines.yml": job });
  expect(kept.written).toEqual({ ...others, "azure-pipelines.yml": job });
  expect(kept.stdout).toContain("keep azure-pipelines.yml: init did not write it, or it was changed. It still starts ");
});

test("init --uninstall ends with 2 and removes nothing in a folder inside the repository", async () => {
  const { written } = await init(["github"]);
  const inside = fakeIo({ files: { [FILE]: PROGRAM, ...written, "../../.git/HEAD": "" } });
  const before = [...inside.files.keys()];
  expect(await main(["init", "--uninstall"], inside, { programFile: FILE })).toBe(2);
  expect({ ...inside.text, files: [...inside.files.keys()] }).toEqual({
    stdout: "",
    stderr: "error: Cannot remove the files of init: init writes its files in the root of the repository, and this " +
      'folder is inside it; run it in "../.."\n',
    files: before,
  });
});

test("init --uninstall removes the folders that are empty afterwards, never one with other files", async () => {
  const folders = ["ci", ".github/workflows", ".github"];
  const uninstall = async (files: Record<string, string>) => {
    const { written } = await init(["github"], files);
    const { code, io } = await init(["github", "--uninstall"], { ...files, ...written });
    return [code, folders.filter((path) => io.realPath(path) !== undefined)];
  };
  expect(await uninstall({})).toEqual([0, []]);
  expect(await uninstall({ ".github/CODEOWNERS": "* @kim\n" })).toEqual([0, [".github"]]);
  expect(await uninstall({ "ci/lint.sh": "", ".github/workflows/test.yml": "" })).toEqual([0, folders]);
  const { written } = await init(["github"]);
  const { io } = await init(["github", "--uninstall", "--dry-run"], written);
  expect(folders.filter((path) => io.realPath(path) !== undefined)).toEqual(folders);
});

test("init and --uninstall look whether the pipeline includes the job already", async () => {
  const ask = "Replace the include of .gitlab-ci.yml with this list:";
  const remove = "Remove from the include of .gitlab-ci.yml:\n\n  - local: ci/mogplex.gitlab-ci.yml\n";
  const includes = [
    "include: [{ local: ci/mogplex.gitlab-ci.yml }]",
    "include: /ci/mogplex.gitlab-ci.yml",
    "include: ci/other.yml",
  ];
  const seen: unknown[] = [];
  for (const include of includes) {
    const { written, stdout } = await init(["gitlab"], { ".gitlab-ci.yml": `${include}\nx: {}\n` });
    const gone = await init(["gitlab", "--uninstall"], written);
    // The pipeline is broken until the user fixes it, and each call says so.
    const again = await init(["gitlab", "--uninstall"], gone.written);
    seen.push([stdout.includes(ask), gone.stdout.includes(remove), again.stdout.includes(remove)]);
  }
  expect(seen).toEqual([[false, true, true], [false, true, true], [true, false, false]]);
});

test("init keeps the include that a GitLab pipeline has: it asks for one more entry, or for a list with both", async () => {
  const own = "local: ci/mogplex.gitlab-ci.yml";
  const add = "Add this entry to the existing include of .gitlab-ci.yml:\n\n";
  const replace = "Replace the include of .gitlab-ci.yml with this list:\n\ninclude:\n";
  const cases: [include: string, advice: string][] = [
    ["include:\n  - local: a.yml\n  - b.yml\n", `${add}  - ${own}\n`],
    ["include:\n- local: a.yml\n", `${add}- ${own}\n`],
    ["include:\n    # ours\n    - local: a.yml\n", `${add}    - ${own}\n`],
    ["include: [a.yml]\n", `${add}{ ${own} }\n`],
    ["include: a.yml\n", `${replace}  - a.yml\n  - ${own}\n`],
    ["include: { local: a.yml }\n", `${replace}  - { local: a.yml }\n  - ${own}\n`],
    [
      "include:\n  component: $CI_SERVER_FQDN/a/b/c@1\n  inputs:\n    stage: x\n",
      `${replace}  - component: $CI_SERVER_FQDN/a/b/c@1\n    inputs:\n      stage: x\n  - ${own}\n`,
    ],
    ["include:\n", `${replace}  - ${own}\n`],
  ];
  for (const [include, advice] of cases) {
    const files = { ".gitlab-ci.yml": `${include}x: { script: [make] }\n`, "a.yml": "{}", "b.yml": "{}" };
    const { stdout } = await init(["gitlab"], files);
    expect([include, stdout.slice(stdout.indexOf(advice), stdout.indexOf(advice) + advice.length)]).toEqual([
      include,
      advice,
    ]);
  }
});

test("init ends with 2 and writes nothing where it cannot know what to write", async () => {
  const cases: [args: string[], files: Record<string, string>, message: string][] = [
    [
      [],
      {},
      "no file here shows which CI system this repository uses; choose one: mogplex-ci init gitlab (or github, ",
    ],
    [["--dry-run"], {}, "choose one: mogplex-ci init gitlab --dry-run (or github, "],
    [
      [],
      { Jenkinsfile: "", "azure-pipelines.yml": "" },
      "several CI systems: azure, jenkins; choose one: mogplex-ci init azure (or ",
    ],
    [["gitlabb"], {}, `did you mean "gitlab"?`],
  ];
  for (const [args, files, message] of cases) {
    const { code, written, stderr } = await init(args, files);
    expect([code, written]).toEqual([2, files]);
    expect(stderr).toContain(message);
  }
  const npm = { npm_lifecycle_event: "init", npm_package_json: "/srv/my clone/package.json" };
  expect((await init(["--dry-run"], {}, PROGRAM, npm)).stderr).toContain(
    "choose one: npm --prefix '/srv/my clone' run init -- gitlab --dry-run (or github, ",
  );
  const source = await init(["gitlab"], {}, "export {};\n");
  expect([source.code, source.written]).toEqual([2, {}]);
  expect(source.stderr).toContain("npm --prefix");
});

test("init terminal writes the program without a task and a job, and takes it out again", async () => {
  const { code, written, stdout } = await init(["terminal"], { ".git/config": ORIGIN });
  expect([code, Object.keys(written).sort()]).toEqual([0, [
    ".gitattributes",
    "ci/mogplex.mjs",
    "ci/mogplex.mjs.sha256",
  ]]);
  expect(stdout).toEndWith(
    "\nNeeds: the variable MOGPLEX_API_KEY. You also need MOGPLEX_REPO_ID (owner/name), unless you use a terminal in a clone from github.com.\n" +
      "  1. Create a token in the Mogplex app (Settings > Mogplex Keys) with the read and write scopes. " +
      "For a dashboard, create a read-only token (scope `read`).\n" +
      "  2. Set the variable in your shell: `export MOGPLEX_API_KEY=…`\n" +
      "  3. Check the setup: `node ci/mogplex.mjs doctor --repo acme/web`\n" +
      "  4. If you want to publish a dashboard, check the setup with `node ci/mogplex.mjs doctor --for dashboard` instead, " +
      "and stop here.\n" +
      '  5. Start an agent: `node ci/mogplex.mjs run --follow "Fix the flaky tests"`\n' +
      "\nIf you write a job yourself, call `node ci/mogplex.mjs run --follow`, and then call " +
      "`node ci/mogplex.mjs cleanup` in a final step that always runs, with MOGPLEX_JOB_STATUS set or with --always.\n",
  );
  expect((await init(["terminal", "--uninstall"], written)).written).toEqual({});
});

test("init takes no name from a remote that is a path, or that could end a command line", async () => {
  for (
    const url of ["/srv/git/web.git", "file:///srv/web", "git@github.com:acme/we;b", "https://github.com/acme/$(x)"]
  ) {
    const { written } = await init(["github"], { ".git/config": `[remote "origin"]\n\turl = ${url}\n` });
    expect([url, written[".github/workflows/mogplex.yml"]?.includes(`--repo "$GITHUB_REPOSITORY" --prompt`)]).toEqual([
      url,
      true,
    ]);
  }
});

test("init shows no password of a remote", async () => {
  const config = '[remote "origin"]\n\turl = https://me:glpat-secret@gitlab.example/acme/web.git\n';
  const { stdout, stderr, written } = await init(["gitlab"], { ".git/config": config });
  expect(stdout).toStartWith("Setting up GitLab CI/CD for the repository acme/web\n");
  expect(stdout + stderr + Object.values(written).join("")).not.toContain("glpat");
});

test("init refuses a remote whose name would be an option of the command line, or leads elsewhere", async () => {
  for (
    const url of [
      "https://github.com/-x/web",
      "git@github.com:acme/-rf",
      "https://github.com/acme/../victim",
      "https://github.com/./web",
    ]
  ) {
    const files = { ".git/config": `[remote "origin"]\n\turl = ${url}\n` };
    const { code, written, stderr } = await init(["github"], files);
    expect([url, code, Object.keys(written).filter((path) => path !== ".git/config")]).toEqual([url, 2, []]);
    expect(stderr).toContain("is invalid: a part of the path");
  }
});

/** The line of the job that names its stage, and whether `init` asks for it to be edited. */
async function stageFor(files: Record<string, string>) {
  const { code, written, stdout, stderr } = await init(["gitlab"], files);
  const job = written["ci/mogplex.gitlab-ci.yml"] ?? "";
  return [
    code,
    /^ {2}stage: .*$/m.exec(job)?.[0],
    stdout.includes("edit this line of ci/mogplex.gitlab-ci.yml"),
    stderr,
  ];
}

test("init gives the GitLab job the last ordinary stage of the repository's pipeline, or none where it names none", async () => {
  const cases: [files: Record<string, string>, line: string | undefined][] = [
    [{ ".gitlab-ci.yml": "stages: [build]\nbuild:\n  stage: build\n  script: [make]\n" }, "  stage: build"],
    [{ ".gitlab-ci.yml": "stages: [.pre, build, deploy, .post]\n" }, "  stage: deploy"],
    [{ ".gitlab-ci.yml": "stages:\n  - build all # both\n" }, '  stage: "build all"'],
    [{ ".gitlab-ci.yml": "spec:\n  inputs: {}\n---\nstages: [ship]\n" }, "  stage: ship"],
    [{ ".gitlab-ci.yml": "x: { script: [!reference [.a, script]] }\n" }, undefined],
    [{ ".gitlab-ci.yml": "include: ci/a.yml\n", "ci/a.yml": "stages: [build, check]\n" }, "  stage: check"],
    [{ ".gitlab-ci.yml": "stages: [build]\ninclude: { project: a/b, file: c.yml }\n" }, "  stage: build"],
    [{ ".gitlab-ci.yml": "include: [{ local: /ci/a.yml }]\n", "ci/a.yml": "a: { script: [x] }\n" }, undefined],
  ];
  for (const [files, line] of cases) {
    const whole = line === undefined ? line : `${line} # the last stage of your pipeline; you can use another one`;
    expect(await stageFor(files)).toEqual([0, whole, false, ""]);
  }
});

test("init prints the line to edit where it cannot read the stages of the GitLab pipeline", async () => {
  const line = "  stage: test # replace it with one of the stages of your pipeline";
  for (
    const text of [
      "include:\n  - component: $CI_SERVER_FQDN/a/b/c@1\n",
      "include: https://example.com/a.yml\n",
      "include: { local: ci/*.yml }\n",
      "include: ../other.yml\n",
      "stages: !reference [.shared, stages]\n",
      "stages: [.pre]\n",
      "stages: [",
    ]
  ) {
    expect([text, ...await stageFor({ ".gitlab-ci.yml": text, "../other.yml": "stages: [x]\n" })])
      .toEqual([text, 0, line, true, ""]);
  }
});

test("init --uninstall removes a GitLab job whose stage was changed", async () => {
  const { written } = await init(["gitlab"], { ".gitlab-ci.yml": "include: https://example.com/a.yml\n" });
  const job = written["ci/mogplex.gitlab-ci.yml"]?.replace(/ {2}stage: .*/, "  stage: agents") ?? "";
  const { written: left } = await init(["gitlab", "--uninstall"], { ...written, "ci/mogplex.gitlab-ci.yml": job });
  expect(Object.keys(left)).toEqual([".gitlab-ci.yml"]);
});

test("init says in its last lines all that is needed, and how to try the program that it has written", async () => {
  for (const system of ["jenkins", "bitbucket"]) {
    const { stdout, written } = await init([system]);
    expect(stdout).toMatch(/\nNeeds: .*, variable MOGPLEX_REPO_ID \(owner\/name\)\.\n/);
    expect(stdout).toEndWith(
      "\nThen check the setup:\n  node ci/mogplex.mjs doctor --repo OWNER/NAME\n",
    );
    const named = await init([system], { ".git/config": ORIGIN });
    expect(named.stdout).toEndWith("check the setup:\n  node ci/mogplex.mjs doctor --repo acme/web\n");
    expect(named.stdout).not.toContain("MOGPLEX_REPO_ID");
    expect(Object.keys(written)).toContain(".gitattributes");
  }
});

test("init writes the licenses that lie beside the program, and has it shown collapsed in reviews", async () => {
  const licenses = { [`${FILE}.licenses.txt`]: "MIT\n" };
  const { written } = await init(["github"], licenses);
  expect(written["ci/mogplex.mjs.licenses.txt"]).toBe("MIT\n");
  expect(written[".gitattributes"]).toBe("ci/mogplex.mjs linguist-generated gitlab-generated\n");
  expect((await init(["github", "--uninstall"], { ...licenses, ...written })).written).toEqual({});
  const theirs = { ".gitattributes": "*.png binary\n" };
  const kept = await init(["github"], theirs);
  expect(kept.written).toMatchObject(theirs);
  expect(kept.stdout).toContain(
    "To collapse the program in reviews, add to .gitattributes:\n\nci/mogplex.mjs linguist-generated",
  );
});

test("init speaks of Mondays only where the file itself starts the job", () => {
  for (const [name, recipe] of RECIPES) {
    const text = jobFile(recipe, "acme/web", "");
    const own = ["github", "forgejo", "gitea", "azure", "jenkins", "teamcity"].includes(name);
    expect([name, text.includes("Every Monday")]).toEqual([name, own]);
  }
});

test("init in a folder below the root says where the root is", async () => {
  const files = { "../../.git/HEAD": "" };
  const io = fakeIo({ files: { [FILE]: PROGRAM, ...files } });
  expect(await main(["init"], io, { programFile: FILE })).toBe(2);
  expect(io.text.stderr).toContain('run it in the root of the repository, "../.."');
});

test("init gitlab --respond prints the address of the webhook with the host of origin", async () => {
  const address = (host: string) => `https://${host}/api/v4/projects/ID/ref/main/trigger/pipeline?token=TRIGGER_TOKEN`;
  const config = ORIGIN.replace("github.com", "git.example.org");
  expect((await init(["gitlab", "--respond"], { ".git/config": config })).stdout).toContain(address("git.example.org"));
  for (const files of [undefined, { ".git/config": ORIGIN }]) {
    expect((await init(["gitlab", "--respond"], files)).stdout).toContain(address("gitlab.example.com"));
  }
  const own = ORIGIN.replace("github.com", "gitlab.com");
  expect((await init(["gitlab", "--respond"], { ".git/config": own })).stdout).toContain(address("gitlab.com"));
});

test("init in a folder below the root writes nothing, and in a folder outside of a repository says so", async () => {
  const inside = fakeIo({ files: { [FILE]: PROGRAM, "../../.git/HEAD": "" } });
  const before = [...inside.files.keys()];
  expect(await main(["init", "github"], inside, { programFile: FILE })).toBe(2);
  expect({ ...inside.text, files: [...inside.files.keys()] }).toEqual({
    stdout: "",
    stderr: "error: Cannot set up the repository: CI systems look for their files only in the root of the " +
      'repository; run init there ("../.."); nothing was written\n',
    files: before,
  });
  const outside = fakeIo({ files: { [FILE]: PROGRAM } });
  expect(await main(["init", "github"], outside, { programFile: FILE })).toBe(0);
  expect(outside.text.stderr).toBe(
    "note: this folder is not in a Git repository; commit these files in the root of your repository\n",
  );
});

test("init --respond writes the program and the job that answers mentions, and takes them out again", async () => {
  const { code, written, stdout } = await init(["--respond"], { ".git/config": ORIGIN });
  const job = ".github/workflows/mogplex-respond.yml";
  expect([code, Object.keys(written).sort()]).toEqual([
    0,
    [".gitattributes", job, "ci/mogplex.mjs", "ci/mogplex.mjs.sha256"],
  ]);
  expect(written[job]).toContain("exec node ci/mogplex.mjs respond --schedule hourly --repo acme/web\n");
  expect(written[job]).toStartWith(
    "# Written by mogplex-ci init. A mention in a comment (@mogplex <task>) starts an agent.\n",
  );
  expect(stdout).toEndWith(
    'start the workflow "Mogplex answers" by hand. It checks the setup, then looks for mentions.\n',
  );
  expect(written[job]).toContain("  workflow_dispatch:\n");
  expect(written[job]).toContain("run: node ci/mogplex.mjs doctor --for respond --repo acme/web\n");
  const again = await init(["--respond"], { ...written, ".git/config": ORIGIN });
  expect(again.stdout).toEndWith("To check the setup:\n  node ci/mogplex.mjs doctor --for respond --repo acme/web\n");
  expect((await init(["github", "--uninstall"], { ...written, ".git/config": ORIGIN })).written).toEqual({});
  const gitlab = await init(["gitlab", "--respond"]);
  expect(gitlab.written[".gitlab-ci.yml"]).toContain("mogplex-respond:\n");
  expect((await init(["gitlab", "--uninstall"], gitlab.written)).written).toEqual({});
});

test("init --respond writes the name in MOGPLEX_RESPOND_NAME into the job, and removes such a job without the variable", async () => {
  const env = { MOGPLEX_RESPOND_NAME: "robot" };
  const jobs = { github: ".github/workflows/mogplex-respond.yml", gitlab: ".gitlab-ci.yml" };
  for (const [system, path] of Object.entries(jobs)) {
    const [robot, usual] = [await init([system, "--respond"], {}, PROGRAM, env), await init([system, "--respond"])];
    const job = robot.written[path] ?? "";
    expect([...job.matchAll(/.*(?:@mogplex|robot).*/g)].map(([line]) => line.trim())).toEqual([
      "# Written by mogplex-ci init. A mention in a comment (@robot <task>) starts an agent.",
      ...system === "gitlab"
        ? ['variables: { RUNNER_SCRIPT_TIMEOUT: 40m, RUNNER_AFTER_SCRIPT_TIMEOUT: 2m, MOGPLEX_RESPOND_NAME: "robot" }']
        : [
          "contains(github.event.comment.body, '@robot') && !startsWith(github.event.comment.body, '<!-- mogplex')",
          'MOGPLEX_RESPOND_NAME: "robot"',
        ],
    ]);
    expect(usual.written[path]).not.toContain("MOGPLEX_RESPOND_NAME");
    expect((await init([system, "--uninstall"], robot.written)).written).toEqual({});
  }
  const wrong = await init(["github", "--respond"], {}, PROGRAM, { MOGPLEX_RESPOND_NAME: "a b" });
  expect([wrong.code, wrong.written]).toEqual([2, {}]);
});

test("init --respond names the place of the code on forges other than GitHub, and who can read the secret on GitHub", async () => {
  const where = "Mogplex connects repositories through GitHub, and delivers branches and pull requests there.";
  const texts = ["gitlab", "gitea", "forgejo", "github"].map(async (name) => (await init([name, "--respond"])).stdout);
  expect((await Promise.all(texts)).map((text) => [text.includes(where), /\d\. Anyone who can push/.test(text)]))
    .toEqual([
      [true, false],
      [true, false],
      [true, false],
      [false, true],
    ]);
});

test("init explains the name of the repository if the remote is in a subgroup, which no repository on GitHub is", async () => {
  const hint = "so their names are OWNER/NAME, unlike acme/platform/billing.";
  const stdoutOf = async (path: string) =>
    (await init(["gitlab"], { ".git/config": `[remote "origin"]\n\turl = git@gitlab.com:${path}.git\n` })).stdout;
  const stdout = await stdoutOf("acme/platform/billing");
  expect(stdout.replace(/\s+/g, " ")).toContain(hint);
  expect(stdout).toContain("doctor --repo OWNER/NAME\n");
  expect(await stdoutOf("acme/billing")).not.toContain("OWNER/NAME");
  const files = { ".git/config": '[remote "origin"]\n\turl = git@gitlab.com:acme/platform/billing.git\n' };
  const respond = await init(["gitlab", "--respond"], files);
  expect(respond.stdout).toContain(
    "replace OWNER/NAME in the job with that name (in two places, for doctor and for respond).",
  );
  const job = respond.written[".gitlab-ci.yml"] ?? "";
  expect([job.match(/--repo \S+/g), job.includes("acme/platform")]).toEqual([
    ["--repo OWNER/NAME", "--repo OWNER/NAME"],
    false,
  ]);
  expect((await init(["gitlab", "--uninstall"], { ...respond.written, ...files })).written).toEqual({});
});

test("init --respond lists what to do for a token, a bot and a webhook on GitLab", async () => {
  const { stdout } = await init(["gitlab", "--respond"]);
  expect(stdout.split("\n").filter((line) => /^ {2}\d+\. /.test(line)).map((line) => line.slice(0, 30))).toEqual([
    "  1. Create a token in the Mog",
    "  2. Check that `node ci/mogpl",
    "  3. Create a token for the bo",
    "  4. Store the tokens as the v",
    "  5. Keep all other jobs out o",
    "  6. Commit these files, and m",
    "  7. After the merge, create a",
    "  8. Create a webhook for Comm",
    "  9. Create an hourly schedule",
    "  10. Do not let anyone pass v",
    "  11. If labels should start a",
    "  12. Check the setup: run a n",
  ]);
  expect(stdout).toContain(
    `with a rule:

       include:
         - local: ci/pipeline.yml
           rules:
             - if: $CI_PIPELINE_SOURCE != "trigger" && $MOGPLEX_SCHEDULE == null

     Other includes that have jobs need the same rule.`,
  );
  expect(stdout).toEndWith(
    "docs/ask.md in the toolkit explains these steps.\n",
  );
  expect(stdout).not.toContain("Without a schedule");
});

test("init names pages of the documentation by paths in the clone, or as pages of the toolkit", async () => {
  const file = "/opt/clone/dist/mogplex.mjs";
  const pagesOf = async (args: string[], files: Record<string, string> = {}) => {
    const io = fakeIo({ files: { [file]: PROGRAM, ".git/HEAD": "", ...files } });
    await main(["init", ...args], io, { programFile: file });
    return [...io.text.stdout.matchAll(/\S*docs\/[\w-]+\.md(?: in the toolkit)?/g)].map(([page]) => page);
  };
  const clone = { "/opt/clone/docs/ask.md": "# Ask" };
  expect(await pagesOf(["github", "--respond"], clone)).toEqual(["/opt/clone/docs/ask.md"]);
  expect(await pagesOf(["github", "--respond"])).toEqual(["docs/ask.md in the toolkit"]);
  expect(await pagesOf(["gitlab", "--respond"], clone)).toEqual(["/opt/clone/docs/ask.md", "/opt/clone/docs/ask.md"]);
  expect(await pagesOf(["jenkins"])).toEqual(["docs/other-runners.md in the toolkit"]);
});

test("init --respond names what a protected secret needs in the job, and what happens to trigger tokens and variables", async () => {
  const github = await init(["github", "--respond"]);
  expect(github.stdout).toContain("limited to the default branch, and add `environment: NAME` to the job: ");
  const gitlab = (await init(["gitlab", "--respond"])).stdout;
  expect(gitlab).toContain(
    "If you also start other pipelines of this project with trigger tokens, those pipelines no longer run their jobs.",
  );
  expect(gitlab).toContain(
    "This setting also blocks all other triggers, API calls and manual pipelines that pass variables.",
  );
});

test("init --respond names the jobs of GitLab that also start in its pipelines, but not the agent of init, which is a button there", async () => {
  const other = "The pipelines that start mogplex-respond also run these jobs: ";
  const linesOf = async (text: string, ...args: string[]) => {
    const { stdout } = await init(["gitlab", "--respond", ...args], { ".gitlab-ci.yml": text });
    return stdout.split("\n").filter((line) => line.startsWith(other) || /job mogplex(?!-)/.test(line));
  };
  const { written } = await init(["gitlab"]);
  const job = written[".gitlab-ci.yml"] ?? "";
  expect(await linesOf(`${job}build:\n  script: [make]\n`)).toEqual([`${other}build`]);
  expect(await linesOf(job)).toEqual([]);
  const nightly = "nightly:\n  script: [make]\n  rules: [{ if: $CI_PIPELINE_SOURCE == 'schedule' }]\n";
  expect(await linesOf(nightly)).toEqual([`${other}nightly`]);
  expect(await linesOf(nightly, "--schedule", "none")).toEqual([]);
  const many = Array.from({ length: 25 }, (_, index) => `j${index}: { script: [make] }\n`).join("");
  expect((await linesOf(many))[0]).toEndWith(", j19, and 5 more");
});

test("init prints the changes of an existing pipeline together, before the settings of GitLab", async () => {
  const pipeline =
    "include: [{ project: acme/shared, file: lint.yml }]\nworkflow:\n  rules: [{ if: $CI_COMMIT_TAG }]\n" +
    "build:\n  script: [make]\n";
  const { stdout } = await init(["gitlab"], { ".gitlab-ci.yml": pipeline, ".gitattributes": "* text\n" });
  const heads = [...stdout.matchAll(
    /^(Add this entry|The stages of|The pipeline's workflow:rules|The pipelines of|init cannot read|To keep them out|To collapse|Needs:|Then)/gm,
  )].map(([, head]) => head);
  expect(heads).toEqual([
    "Add this entry",
    "The stages of",
    "The pipeline's workflow:rules",
    "The pipelines of",
    "init cannot read",
    "To keep them out",
    "To collapse",
    "Needs:",
    "Then",
  ]);
  expect(stdout).not.toContain("\n\n\n");
});

test("init names the jobs of GitLab that also start on its schedule, and how to keep them out", async () => {
  const other = "The pipelines of a schedule with MOGPLEX_SCHEDULE=run also run these jobs: ";
  const stdoutOf = async (text: string) => (await init(["gitlab"], { ".gitlab-ci.yml": text })).stdout;
  const job = (await init(["gitlab"])).written[".gitlab-ci.yml"] ?? "";
  const rest =
    "build:\n  script: [make]\nnightly:\n  script: [make]\n  rules: [{ if: $CI_PIPELINE_SOURCE == 'schedule' }]\n" +
    "deploy:\n  script: [make]\n  only: [main]\nlint:\n  script: [make]\n  rules: [{ if: $CI_MERGE_REQUEST_IID }]\n";
  expect(await stdoutOf(job + rest)).toContain(
    `\n${other}build, nightly, deploy\n\nTo keep them out, move all other jobs to a file, such as ci/pipeline.yml, and `,
  );
  expect(
    await stdoutOf("lint:\n  script: [make]\n  rules: [{ if: $MOGPLEX_SCHEDULE, when: never }, { when: always }]\n"),
  )
    .not.toContain(other);
  expect(await stdoutOf(job)).not.toContain(other);
  expect((await init(["gitlab"])).stdout).toContain(
    "  4. Create a schedule with the variable MOGPLEX_SCHEDULE=run: Build > ",
  );
});

test("init names the setting of GitLab that the variable of a schedule needs, and how a schedule keeps its variable", async () => {
  const setting = "Minimum role to use pipeline variables";
  const kept = "A schedule that you have already created keeps its variable.";
  const partsOf = async (...args: string[]) => {
    const text = (await init(["gitlab", ...args])).stdout.replace(/\s+/g, " ");
    return [
      text.includes(`If GitLab rejects the variable, an Owner must allow your role`),
      text.includes(setting),
      text.includes(kept),
    ];
  };
  expect(await partsOf()).toEqual([true, true, false]);
  expect(await partsOf("--respond")).toEqual([true, true, true]);
  expect(await partsOf("--respond", "--schedule", "none")).toEqual([false, false, false]);
});

// The kinds of jobs, and what starts without the change, by GitLab's documentation: "Specify when jobs run with rules", "Avoid duplicate pipelines"
// ("Jobs with no rules default to except: merge_requests"), and "Deprecated keywords", `only` and `except`.
const WORKFLOW =
  "workflow:\n  rules:\n    - if: $CI_MERGE_REQUEST_IID\n    - if: $CI_COMMIT_TAG\n    - if: $CI_COMMIT_BRANCH\n";
const KINDS = `plain: { script: [make] }
button: { script: [make], when: manual }
only: { script: [make], only: [main] }
except: { script: [make], except: [tags] }
rules: { script: [make], rules: [{ if: $CI_MERGE_REQUEST_IID }, { if: $CI_COMMIT_BRANCH }] }
release: { script: [make], needs: [plain], rules: [{ if: $CI_COMMIT_TAG }] }
.base: { rules: [{ if: $CI_PIPELINE_SOURCE == "schedule" }] }
nightly: { script: [make], extends: .base }
`;
const PIPELINES = {
  schedule: { source: "schedule" },
  push: { source: "push" },
  request: { source: "merge_request_event" },
  tag: { source: "push", variables: { CI_COMMIT_TAG: "v1" } },
};

test.each<[string, string[], Record<string, string[]>]>(
  [
    ["", [], {
      schedule: ["except", "nightly", "only", "plain", "rules"],
      push: ["except", "only", "plain", "rules"],
      request: ["rules"],
      tag: ["plain", "release"],
    }],
    [WORKFLOW, ["--respond"], {
      schedule: ["except", "nightly", "only", "plain", "rules"],
      push: ["except", "only", "plain", "rules"],
      request: ["except", "plain", "rules"],
      tag: ["plain", "release"],
    }],
  ],
)(
  "what init advises on GitLab after %j with %p keeps every kind of job out of its pipelines, and changes no other",
  async (workflow, args, expected) => {
    const before = { ".gitlab-ci.yml": workflow + KINDS };
    const { stdout, written } = await init(["gitlab", ...args], before);
    const advice =
      /move all other jobs to a file, such as ci\/pipeline\.yml, .* with a rule:\n\n *include:\n *(- .*)\n *(rules:)\n *(- if: .*)\n/
        .exec(stdout)?.slice(1).join("\n    ") ?? "";
    const job = `ci/mogplex${args.length > 0 ? "-respond" : ""}.gitlab-ci.yml`;
    const after: Record<string, string> = {
      ...written,
      ".gitlab-ci.yml": `${workflow}include:\n  - local: ${job}\n  ${advice}\n`,
      "ci/pipeline.yml": KINDS,
    };
    const jobsOf = (files: Record<string, string>, query: { source: string; variables?: Record<string, string> }) =>
      predictPipeline({ ...query, branch: "main", read: (path) => files[path] }).jobs.toSorted();
    const all = (files: Record<string, string>) =>
      Object.fromEntries(Object.entries(PIPELINES).map(([name, query]) => [name, jobsOf(files, query)]));
    expect(all(before)).toEqual(expected);
    expect(all(after)).toEqual(expected);
    const [value, name] = args.length > 0 ? ["respond", "mogplex-respond"] : ["run", "mogplex"];
    expect(jobsOf(after, { source: "schedule", variables: { MOGPLEX_SCHEDULE: value } })).toEqual([name]);
    if (args.length > 0) expect(jobsOf(after, { source: "trigger" })).toEqual([name]);
  },
);

test("init names the included files of GitLab's pipeline that it cannot read", async () => {
  const text = "include: [{ template: Jobs/SAST.gitlab-ci.yml }, { project: acme/ci, file: a.yml }]\n";
  const unreadable =
    "\ninit cannot read these files: Jobs/SAST.gitlab-ci.yml, acme/ci. Jobs in them might start, too. If they have " +
    "workflow:rules, check that the rules do not exclude these pipelines.\n";
  const run = await init(["gitlab"], { ".gitlab-ci.yml": text });
  expect(run.stdout).toContain(`${unreadable}\nTo keep them out, `);
  const respond = await init(["gitlab", "--respond"], { ".gitlab-ci.yml": text });
  expect(respond.stdout).toContain(unreadable);
});

test("init prints the rule to add when the workflow of GitLab's pipeline excludes the job's pipelines", async () => {
  const workflow = (rule: string) => `workflow:\n  rules:\n    - if: ${rule}\nbuild: { script: [make] }\n`;
  const linesOf = async (text: string, args: string[] = [], files: Record<string, string> = {}) => {
    const { stdout } = await init(["gitlab", ...args], { ".gitlab-ci.yml": text, ...files });
    return stdout.split("\n").filter((line) => /^The pipeline's workflow:rules|^ {4}- if:/.test(line));
  };
  const then = "GitLab then creates no pipeline and reports no error. Put this rule before the others:";
  const mergeRequests = workflow("$CI_PIPELINE_SOURCE == 'merge_request_event'");
  expect(await linesOf(mergeRequests)).toEqual([
    `The pipeline's workflow:rules exclude schedules and pipelines started by hand. ${then}`,
    '    - if: $MOGPLEX_SCHEDULE || $CI_PIPELINE_SOURCE == "web"',
  ]);
  expect(await linesOf(mergeRequests, ["--respond"])).toEqual([
    `The pipeline's workflow:rules exclude triggers, schedules and pipelines started by hand. ${then}`,
    '    - if: $CI_PIPELINE_SOURCE == "trigger" || $MOGPLEX_SCHEDULE || $CI_PIPELINE_SOURCE == "web"',
  ]);
  expect(await linesOf(workflow("$CI_PIPELINE_SOURCE =~ /^(schedule|web)$/"), ["--respond"])).toEqual([
    `The pipeline's workflow:rules exclude triggers. ${then}`,
    '    - if: $CI_PIPELINE_SOURCE == "trigger"',
  ]);
  const onMain = workflow('$CI_COMMIT_BRANCH == "main" && $CI_PIPELINE_SOURCE != "web"');
  expect(await linesOf(onMain)).toEqual([
    `The pipeline's workflow:rules might exclude schedules and pipelines started by hand. ${then}`,
    '    - if: $MOGPLEX_SCHEDULE || $CI_PIPELINE_SOURCE == "web"',
  ]);
  const head = { ".git/refs/remotes/origin/HEAD": "ref: refs/remotes/origin/main\n" };
  expect(await linesOf(onMain, [], head)).toEqual([
    `The pipeline's workflow:rules exclude pipelines started by hand. ${then}`,
    '    - if: $CI_PIPELINE_SOURCE == "web"',
  ]);
  expect(await linesOf(workflow("$CI_COMMIT_BRANCH"))).toEqual([]);
});

test("init --respond --schedule sets how often the job polls, and lists what is lost without a schedule", async () => {
  const schedules = [
    ["hourly", 'cron: "23 * * * *"', "mogplex.mjs respond --schedule hourly --repo"],
    ["daily", 'cron: "23 5 * * *"', "mogplex.mjs respond --schedule daily --repo"],
    ["none", undefined, "mogplex.mjs respond --schedule none --repo"],
  ] as const;
  for (const [schedule, cron, call] of schedules) {
    const args = ["github", "--respond", "--schedule", schedule];
    const { written, stdout } = await init(args, { ".git/config": ORIGIN });
    const job = written[".github/workflows/mogplex-respond.yml"] ?? "";
    const lost = stdout.split("\n").filter((line) => line.startsWith("  - "));
    expect([schedule, /cron: "[^"]*"/.exec(job)?.[0], job.includes(call), lost]).toEqual([
      schedule,
      cron,
      true,
      schedule !== "none" ? [] : [
        "  - A mention in a comment on a line of code starts nothing.",
        "  - A label on a pull request starts nothing.",
        "  - If a start gets no response, it is retried only until its job ends.",
        "  - If a job is killed, its note stays unfinished until somebody mentions the agent in the same thread, at least 5 minutes after the run has ended.",
      ],
    ]);
    expect((await init(["github", "--uninstall"], { ...written, ".git/config": ORIGIN })).written).toEqual({});
  }
  const { written, stdout } = await init(["gitlab", "--respond", "--schedule", "none"]);
  expect(written[".gitlab-ci.yml"]).not.toMatch(/\bschedule"|MOGPLEX_SCHEDULE/);
  expect(stdout).toContain("Without a schedule:\n  - A mention that the webhook missed starts nothing.\n");
});

test("init --respond leaves a job that exists with its schedule, says how to change it, and describes that job", async () => {
  const theirs = { ".gitlab-ci.yml": "x: {}\n" };
  const job = { gitea: ".gitea/workflows/mogplex-respond.yml", gitlab: ".gitlab-ci.yml" };
  const beside = "ci/mogplex-respond.gitlab-ci.yml";
  const cases = [["gitea", job.gitea, {}], ["gitlab", job.gitlab, {}], ["gitlab", beside, theirs]] as const;
  for (const [name, path, files] of cases) {
    const first = await init([name, "--respond"], files);
    const again = await init([name, "--respond", "--schedule", "none", "--dry-run"], first.written);
    expect(again.written).toEqual(first.written);
    expect(again.stdout).toContain(
      `unchanged: ${path}\nThe schedule stays hourly. For --schedule none, remove ${path} and run init again.\n`,
    );
    expect(again.stdout).not.toContain("Without a schedule");
    expect(again.stdout.includes("Create an hourly schedule")).toBe(name === "gitlab");
    const none = await init([name, "--respond", "--schedule", "none"], files);
    const later = await init([name, "--respond", "--dry-run"], none.written);
    expect(later.written).toEqual(none.written);
    expect(later.stdout).toContain(`unchanged: ${path}\n`);
    expect(later.stdout).not.toContain("The schedule stays");
    expect(later.stdout).toContain("Without a schedule:\n");
  }
});

test("init --update names only the checksums when the version stays", async () => {
  const { written } = await init(["gitlab"]);
  const { stdout } = await init(["gitlab", "--update"], written, `${PROGRAM}// later\n`);
  const sums = [PROGRAM, `${PROGRAM}// later\n`].map((text) => sha256Hex(text));
  expect(stdout).toStartWith(
    `Updating ci/mogplex.mjs to another build of 0.1.0\n  from sha256 ${sums[0]}\n  to   sha256 ${sums[1]}\n`,
  );
});

test("init finds its own job in a pipeline to which other jobs were added, and writes no second one", async () => {
  for (const more of [[], ["--respond"], ["--respond", "--schedule", "none"]]) {
    const { written } = await init(["gitlab", ...more]);
    const edited = { ...written, ".gitlab-ci.yml": `${written[".gitlab-ci.yml"]}\nbuild:\n  script: [make]\n` };
    const { written: after, stdout } = await init(["gitlab", ...more], edited);
    expect(after).toEqual(edited);
    expect(stdout).toContain("\nkeep .gitlab-ci.yml, which already has the job\n");
    expect(stdout).not.toContain("- local: ci/mogplex");
  }
  // The other job is not there yet.
  const { written } = await init(["gitlab"]);
  expect(Object.keys((await init(["gitlab", "--respond"], written)).written)).toContain(
    "ci/mogplex-respond.gitlab-ci.yml",
  );
});

test("init --respond leaves the schedule of a changed job alone, and lists nothing as lost", async () => {
  const { written } = await init(["gitea", "--respond"]);
  const path = ".gitea/workflows/mogplex-respond.yml";
  const changed = { ...written, [path]: written[path]?.replace("runs-on: ubuntu-latest", "runs-on: mine") ?? "" };
  const { written: after, stdout } = await init(["gitea", "--respond", "--schedule", "none"], changed);
  expect(after).toEqual(changed);
  expect(stdout).toContain(`keep ${path}, which differs from what init would write:\n-  schedule:`);
  expect(stdout).toContain("--schedule does not change an existing file. Edit the schedule there.\n");
  expect(stdout).not.toContain("Without a schedule");
});

test("init refuses --schedule without --respond, or with an unknown word", async () => {
  const alone = await init(["github", "--schedule", "daily"]);
  const unknown = await init(["github", "--respond", "--schedule", "weekly"]);
  expect([alone.code, alone.written, unknown.code, unknown.written]).toEqual([2, {}, 2, {}]);
  expect(alone.stderr).toContain("--schedule works only with --respond; add --respond, or leave out --schedule");
  expect(unknown.stderr).toContain("it must be one of hourly, daily, none");
});

test("init --respond refuses a system that no comment starts", async () => {
  const { code, stderr, written } = await init(["jenkins", "--respond"]);
  expect({ code, written }).toEqual({ code: 2, written: {} });
  expect(stderr).toContain("--respond works with gitlab, github, forgejo, gitea");
});

test("init --respond suggests only systems whose jobs can answer mentions", async () => {
  const adviceFor = async (...args: string[]) => (await init([...args, "--respond"])).stderr;
  expect(await adviceFor("xyz")).toContain("; give one of gitlab, github, forgejo, gitea\n");
  expect(await adviceFor("gitab")).toContain('did you mean "gitlab"?');
  expect(await adviceFor("jenkin")).toContain("; give one of gitlab, github, forgejo, gitea\n");
  expect(await adviceFor()).toMatch(/init gitlab --respond \(or github, forgejo, gitea\)\n/);
  const both = (await init(["--respond"], { Jenkinsfile: "x", ".gitea/workflows/a.yml": "x" })).stderr;
  expect(both).toMatch(/init gitea --respond \(or gitlab, github, forgejo\)\n/);
  expect((await init(["xyz"])).stderr).toContain("jenkins");
});

test("init --update says that --respond and --schedule have no effect", async () => {
  const { written } = await init(["github"]);
  const last = async (...args: string[]) =>
    (await init(["--update", ...args], written)).stdout.trimEnd().split("\n").at(-1);
  expect(await last("--respond", "--schedule", "daily")).toBe(
    "--update replaces only the program, so --respond and --schedule have no effect: no job was changed.",
  );
  expect(await last("--schedule", "daily")).toBe(
    "--update replaces only the program, so --schedule has no effect: no job was changed.",
  );
  expect(await last()).toBe("unchanged: ci/mogplex.mjs");
});

/** What `init` prints on a terminal of 80 columns. */
async function initOnTerminal(args: string[], files: Record<string, string> = {}): Promise<string> {
  const io = fakeIo({
    terminal: true,
    env: { TERM: "xterm", NO_COLOR: "1" },
    files: { [FILE]: PROGRAM, ".git/HEAD": "", ...files },
  });
  const platform = detectPlatform(io.env);
  const writer = new Writer(io, platform, createRedactor({}), () => ({ columns: 80, rows: 24 }));
  const parts = { io, platform, systems: ALL_SYSTEMS, writer, verbs: [initVerb], notes: undefined, dropIn: false };
  const flags = flagsByRow(parseFlags("init", args, flagsOf(initVerb)));
  const context = openContext({ ...parts, flags, vocabulary: commandVocabulary("mogplex-ci") }, { programFile: FILE });
  await initRepository(context);
  return io.text.stdout;
}

test("init breaks its sentences between words on a terminal, and keeps commands and addresses whole", async () => {
  const command = /`[^`]+`|\S+/g;
  for (const [name, { respond }] of [...RECIPES, ["terminal", {}] as const]) {
    for (const more of [[], ...respond === undefined ? [] : [["--respond"], ["--respond", "--schedule", "none"]]]) {
      for (const last of [[], ["--dry-run"], ["--uninstall"]]) {
        const args = [name, ...more, ...last];
        const files = { ".gitlab-ci.yml": "include: https://example.com/a.yml\n", ".gitattributes": "* text\n" };
        if (last[0] === "--uninstall") Object.assign(files, (await init([name, ...more], files)).written);
        const whole = (await init(args, files)).stdout;
        const text = await initOnTerminal(args, files);
        expect([args, text.replaceAll(/\s+/g, " ")]).toEqual([args, whole.replaceAll(/\s+/g, " ")]);
        // A longer line has one word or command that is too long for a line with another one.
        const long = text.split("\n").filter((line) => line.length > 80);
        expect([args, long.filter((line) => (line.match(command) ?? []).every((each) => each.length < 60))]).toEqual([
          args,
          [],
        ]);
      }
    }
  }
});

test("init on a terminal indents the further lines of a step below its text", async () => {
  const text = await initOnTerminal(["gitea", "--respond"]);
  expect(text).toContain(
    "\n  5. Create a user for the bot. If the repository is private, give the user read\n" +
      "     access. Create a token for this user with the read:user, write:issue and\n" +
      "     read:repository scopes.\n",
  );
  expect(text).toContain(`\n  sha256 ${sha256Hex(PROGRAM)}\n`);
});

test("init --uninstall lists what is left outside of the repository by name", async () => {
  const left = async (...args: string[]) => {
    const [system = "", ...more] = args;
    const { written } = await init([system, ...more]);
    const { stdout } = await init([system, "--uninstall"], written);
    const [, list] = stdout.split(
      "\n\ninit cannot remove what is outside this repository. Remove these if nothing else uses them:\n",
    );
    return list?.trimEnd().split("\n");
  };
  const token = "  - the token of this repository in the Mogplex app: Settings > Mogplex Keys";
  expect(await left("github")).toEqual([
    "  - the secret MOGPLEX_API_KEY: Settings > Secrets and variables > Actions",
    token,
  ]);
  expect(await left("github", "--respond")).toEqual([
    "  - the secret MOGPLEX_API_KEY: Settings > Secrets and variables > Actions",
    "  - the environment of that secret, if you created one: Settings > Environments",
    "  - the variables MOGPLEX_RESPOND_ALLOW_USERS and MOGPLEX_RESPOND_LIMIT, if you set them: Settings > Secrets and variables > Actions > Variables",
    "  - the label mogplex, if you created it",
    token,
  ]);
  expect(await left("gitlab", "--respond")).toEqual([
    "  - the schedule with the variable MOGPLEX_SCHEDULE=respond: Build > Pipeline schedules",
    "  - the webhook for comments and issues, before you merge this: Settings > Webhooks",
    "  - the trigger token: Settings > CI/CD > Pipeline trigger tokens",
    "  - the bot's token: Settings > Access tokens (on GitLab.com Free: a personal access token of the bot's user)",
    "  - the variable GITLAB_TOKEN: Settings > CI/CD > Variables",
    '  - the setting "No one allowed" for pipeline variables: Settings > CI/CD > Variables',
    "  - the variables MOGPLEX_RESPOND_ALLOW_USERS and MOGPLEX_RESPOND_LIMIT, if you set them: Settings > CI/CD > Variables",
    "  - the variable MOGPLEX_API_KEY: Settings > CI/CD > Variables",
    "  - the label mogplex, if you created it",
    token,
  ]);
  expect(await left("gitea", "--respond")).toEqual([
    "  - the secret MOGPLEX_API_KEY: Settings > Actions > Secrets",
    "  - the secret RESPOND_TOKEN: Settings > Actions > Secrets",
    "  - the bot's user and its token",
    "  - the variables MOGPLEX_RESPOND_ALLOW_USERS and MOGPLEX_RESPOND_LIMIT, if you set them: Settings > Actions > Variables",
    "  - the label mogplex, if you created it",
    token,
  ]);
  expect(await left("jenkins")).toEqual([
    "  - the credential mogplex-api-key: Manage Jenkins > Credentials",
    "  - the variable MOGPLEX_REPO_ID",
    token,
  ]);
  expect(await left("terminal")).toEqual([token]);
  // Every secret or variable that a job needs is in the list of what remains.
  for (const [name, { needs, remains, respond }] of RECIPES) {
    for (const each of [{ needs, remains }, ...respond === undefined ? [] : [respond("hourly", "mogplex")]]) {
      const names = each.needs.match(/\b(?:[A-Z]+_[A-Z_]+|mogplex[-_.]api[-_.]key)\b/g) ?? [];
      const missing = names.filter((word) => word !== "MOGPLEX_SCHEDULE" && !each.remains.join().includes(word));
      expect([name, missing]).toEqual([name, name === "circleci" ? ["MOGPLEX_API_KEY"] : []]);
    }
  }
});

test("init --uninstall says that a changed job still starts the program, and lists its secrets", async () => {
  const token = "  - the token of this repository in the Mogplex app: Settings > Mogplex Keys";
  const cases: [args: string[], file: string, edit: (text: string) => string][] = [
    [
      ["github"],
      ".github/workflows/mogplex.yml",
      (text) => text.replace("    steps:", "    environment: ai\n    steps:"),
    ],
    [
      ["github", "--respond"],
      ".github/workflows/mogplex-respond.yml",
      (text) => text.replace("    steps:", "    environment: ai\n    steps:"),
    ],
    [
      ["gitea", "--respond"],
      ".gitea/workflows/mogplex-respond.yml",
      (text) => text.replace(/(MOGPLEX_RESPOND_ALLOW_USERS): .*/, "$1: kim"),
    ],
    [["gitlab"], ".gitlab-ci.yml", (text) => `${text}\ntest:\n  script: [make]\n`],
    [["gitlab", "--respond"], ".gitlab-ci.yml", (text) => `${text}\ntest:\n  script: [make]\n`],
  ];
  for (const [[system = "", ...more], file, edit] of cases) {
    const { written } = await init([system, ...more]);
    const whole = await init([system, "--uninstall"], written);
    const edited = edit(written[file] ?? "");
    expect([system, edited === written[file]]).toEqual([system, false]);
    const { stdout, written: kept } = await init([system, "--uninstall"], { ...written, [file]: edited });
    expect(kept).toEqual({ [file]: edited });
    expect(stdout).toContain(
      `keep ${file}: init did not write it, or it was changed. It still starts the program: delete the file, or that job in ` +
        "it. Otherwise the job fails.\n",
    );
    const [, list = ""] = stdout.split("\n\ninit cannot remove ");
    expect(list).toBe(whole.stdout.split("\n\ninit cannot remove ")[1] ?? "");
    expect(list).toEndWith(`\n${token}\n`);
    // The program that was changed is kept too, so the job still works.
    const both = await init([system, "--uninstall"], { ...written, [file]: edited, [PROGRAM_FILE]: "changed" });
    expect(both.stdout).toContain(`keep ${file}: init did not write it, or it was changed\n`);
    expect(both.stdout).toEndWith(list);
  }
  // The component campaign starts ci/mogplex.mjs by default.
  for (
    const include of ["local: ci/mogplex-campaign.yml", "component: $CI_SERVER_FQDN/acme/mogplex-ci/campaign@1.0.0"]
  ) {
    const { written } = await init(["gitlab"], { ".gitlab-ci.yml": `include:\n  - ${include}\n` });
    expect((await init(["gitlab", "--uninstall"], written)).stdout).toContain(
      "keep .gitlab-ci.yml: init did not write it, or it was changed. It still starts the program: ",
    );
  }
  // Another job of the same file.
  const other = await init(["gitlab", "--uninstall"], { ".gitlab-ci.yml": "test:\n  script: [make]\n" });
  expect(other.stdout).toContain("keep .gitlab-ci.yml: init did not write it, or it was changed\n");
  expect(other.stdout).toEndWith(` uses them:\n${token}\n`);
});

const STARTS_OTHERS = "It also starts all other jobs that run on schedules";

test("init gitlab --repo writes this name into the job, and --uninstall finds the job without it", async () => {
  const subgroup = { ".git/config": '[remote "origin"]\n\turl = git@gitlab.com:acme/platform/billing.git\n' };
  const { code, written, stdout } = await init(["gitlab", "--repo", "acme-gh/billing"], subgroup);
  expect(code).toBe(0);
  expect(written[".gitlab-ci.yml"]).toContain("run --follow --repo acme-gh/billing --prompt-file");
  expect(stdout).toStartWith("Setting up GitLab CI/CD for the repository acme-gh/billing\n");
  expect(stdout).toContain("doctor --repo acme-gh/billing\n");
  expect(stdout).not.toContain("OWNER/NAME");
  expect((await init(["gitlab", "--uninstall"], { ...written, ...subgroup })).written).toEqual({});
});

test("init refuses a --repo that is not the name of a repository, and --update says that it has no effect", async () => {
  for (const name of ["web", "../web", "acme/-x", "acme/we b", "a".repeat(200)]) {
    const { code, written, stderr } = await init(["gitlab", "--repo", name]);
    expect([name, code, written]).toEqual([name, 2, {}]);
    expect(stderr).toContain("repo must be the name of a repository, such as acme/web: ");
  }
  const { written } = await init(["gitlab"]);
  const { stdout } = await init(["--update", "--repo", "acme/web"], written);
  expect(stdout).toContain("so --repo has no effect: no job was changed.");
});

test("init warns about a job of the same name in the GitLab pipeline, but not about its own", async () => {
  const warning = "Your pipeline already has a job mogplex, and GitLab would merge the two jobs. Rename one of them.\n";
  const stdoutOf = async (files: Record<string, string>) => (await init(["gitlab"], files)).stdout;
  const theirs = "mogplex:\n  script: [make]\n";
  expect(await stdoutOf({ ".gitlab-ci.yml": theirs })).toContain(warning);
  expect(await stdoutOf({ ".gitlab-ci.yml": "include: [{ local: ci/a.yml }]\n", "ci/a.yml": theirs })).toContain(
    warning,
  );
  expect(await stdoutOf({ ".gitlab-ci.yml": "build:\n  script: [make]\n" })).not.toContain(warning);
  const { written } = await init(["gitlab"], { ".gitlab-ci.yml": "build:\n  script: [make]\n" });
  const included = "include: [{ local: ci/mogplex.gitlab-ci.yml }]\nbuild:\n  script: [make]\n";
  expect(await stdoutOf({ ...written, ".gitlab-ci.yml": included })).not.toContain(warning);
});

test("init names the line of a GitLab pipeline that is not valid YAML", async () => {
  const stdoutOf = async (text: string) => (await init(["gitlab"], { ".gitlab-ci.yml": text })).stdout;
  const broken = await stdoutOf("build:\n  script: [make\ntest: {\n");
  expect(broken).toMatch(/\n\.gitlab-ci\.yml is not valid YAML \(line \d+, column \d+\), so GitLab rejects it, /);
  expect(broken).toContain(STARTS_OTHERS);
  expect(await stdoutOf("build:\n  script: [!reference [.a, script]]\n")).not.toContain("is not valid YAML");
});

test("init gitlab says that the schedule also starts other jobs only if there are any", async () => {
  const stdoutOf = async (text: string) => (await init(["gitlab"], { ".gitlab-ci.yml": text })).stdout;
  const build = "build:\n  script: [make]\n";
  expect(await stdoutOf(build)).toContain(STARTS_OTHERS);
  expect(await stdoutOf(`${build}  rules: [{ if: $MOGPLEX_SCHEDULE == null }]\n`)).not.toContain(STARTS_OTHERS);
  const reference = "  rules: [!reference [.others, rules]]\n.others:\n  rules: [{ if: $MOGPLEX_SCHEDULE == null }]\n";
  expect(await stdoutOf(build + reference)).not.toContain(STARTS_OTHERS);
  expect(await stdoutOf("include: [{ project: acme/shared, file: lint.yml }]\n")).toContain(STARTS_OTHERS);
});
