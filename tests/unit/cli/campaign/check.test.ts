import { expect, test } from "bun:test";
import { CORPUS } from "../../hostile/corpus.ts";
import { world } from "../world.ts";

const GOOD = "version: 1\nname: fix\nprompt: Fix it\nrepositories: [acme/web, { query: acme/ }]\n";
const WRONG = "version: 1\nname: 1\nprompt-file: task.md\nrepositories: [acme/web]\nbrnch: x\n";

/** Runs `campaign check` with this text in `c.yaml`. No request may be sent. */
async function check(text: string, args: string[] = [], options: Parameters<ReturnType<typeof world>["cli"]>[1] = {}) {
  const { cli, requests } = world();
  const called = await cli(["campaign", "check", "c.yaml", ...args], {
    ...options,
    files: { "c.yaml": text, ...options.files },
  });
  expect(requests).toEqual([]);
  return called;
}

test("campaign check prints a line and ends with 0 when there is no mistake", async () => {
  const { code, stdout, stderr } = await check(GOOD);
  expect({ code, stdout, stderr }).toEqual({
    code: 0,
    stdout: 'c.yaml is valid: campaign "fix", 1 repository, 1 query\n',
    stderr: "",
  });
});

test("campaign check refuses a harness that is not known, with the nearest one, unless the file says that it is unverified", async () => {
  const wrong = await check(`${GOOD}agent: { harness: claude }\n`);
  expect([wrong.code, wrong.stdout]).toEqual([
    2,
    'c.yaml:5:19: agent.harness: the harness "claude" is unknown to this version; did you mean claude-code? ' +
    '("unverified: true" next to it allows any name)\n',
  ]);
  expect((await check(`${GOOD}agent: { harness: claude, unverified: false }\n`)).code).toBe(2);
  const { code, stdout, stderr } = await check(`${GOOD}agent: { harness: codx, unverified: true }\n`);
  expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining("is valid") });
  expect(stderr).toContain('the harness "codx" is unknown to this version; did you mean codex?');
});

test("campaign check takes addresses of repositories, and notes hosts that are not used, without user and password", async () => {
  const file = GOOD.replace(
    /repositories:.*/,
    "repositories: [https://github.com/acme/web.git, 'git@github.com:acme/api', " +
      "{ repo: 'https://kim:hunter2@git.example.com:8443/acme/shop/' }]",
  );
  const { code, stdout, stderr } = await check(file);
  expect([code, stdout, stderr]).toEqual([
    0,
    expect.stringContaining("3 repositories"),
    "note: the service identifies repositories by name, so it ignores the host in an address (git.example.com)\n",
  ]);
  const twice = await check(GOOD.replace(/repositories:.*/, "repositories: [acme/web, https://evil.example/acme/web]"));
  expect([twice.code, twice.stdout]).toEqual([2, expect.stringContaining('"acme/web" appears twice')]);
});

test("campaign check prints every mistake on a line of its own and ends with 2", async () => {
  const { code, stdout, stderr } = await check(WRONG);
  expect({ code, stdout: stdout.split("\n"), stderr }).toEqual({
    code: 2,
    stdout: [
      'c.yaml:2:7: name: it is the number 1; it must be text of 1 to 40 characters; put it in quotes: "1"',
      "c.yaml:3:14: prompt-file: the file does not exist; give its path relative to the folder of the campaign file",
      'c.yaml:5:1: brnch: there is no such key; did you mean "branch"?',
      "",
    ],
    stderr: "error: c.yaml has 3 mistakes\n",
  });
});

test("campaign check --json prints one object, with mistakes or without", async () => {
  const good = await check(GOOD, ["--json"]);
  expect([good.code, JSON.parse(good.stdout)]).toEqual([0, { ok: true, mistakes: [] }]);
  const wrong = await check(WRONG, ["--json"]);
  expect(wrong.code).toBe(2);
  expect(wrong.stdout.trim()).not.toContain("\n");
  expect(JSON.parse(wrong.stdout)).toEqual({
    ok: false,
    mistakes: [
      {
        file: "c.yaml",
        line: 2,
        column: 7,
        key: "name",
        message: 'it is the number 1; it must be text of 1 to 40 characters; put it in quotes: "1"',
      },
      {
        file: "c.yaml",
        line: 3,
        column: 14,
        key: "prompt-file",
        message: "the file does not exist; give its path relative to the folder of the campaign file",
      },
      { file: "c.yaml", line: 5, column: 1, key: "brnch", message: 'there is no such key; did you mean "branch"?' },
    ],
  });
});

test("campaign check --allow-outside permits a file outside of the folder", async () => {
  const text = GOOD.replace("prompt: Fix it", "prompt-file: ../task.md");
  const options = { files: { "../task.md": "Fix it" }, links: { "../task.md": "/elsewhere/task.md" } };
  expect(await check(text, [], options)).toMatchObject({ code: 2, stdout: expect.stringContaining("--allow-outside") });
  expect(await check(text, ["--allow-outside"], options)).toMatchObject({ code: 0, stderr: "" });
});

test("campaign check does not read standard input, and accepts a list that comes from there", async () => {
  const before = (io: { readStdin: () => Promise<string> }) => {
    io.readStdin = () => Promise.reject(new Error("standard input was read"));
  };
  const called = await check(GOOD.replace("acme/web", '{ file: "-" }'), [], { before });
  expect(called).toMatchObject({ code: 0, stderr: "" });
});

test("campaign check ends with 2 when no file is given, or one that is not there", async () => {
  const { cli } = world();
  expect(await cli(["campaign", "check"])).toMatchObject({
    code: 2,
    stderr: "error: Cannot parse arguments of campaign check: <file> is missing; pass it as an argument\n",
  });
  expect(await cli(["campaign", "check", "no.yaml"])).toMatchObject({
    code: 2,
    stdout: "",
    stderr:
      'error: Cannot read campaign file because it does not exist: "no.yaml"; check the path, or create the file with `campaign new`\n',
  });
  expect(await cli(["campaign", "chek", "no.yaml"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('did you mean "campaign check"?'),
  });
});

test("campaign check masks the token in what it prints", async () => {
  const token = "mog_aliceReadWriteToken0000000000001";
  const { stdout } = await check(GOOD.replace("name: fix", `name: ${token}`));
  expect(stdout).not.toContain(token);
  expect(stdout).toContain("c.yaml:2:7: name: ");
});

test("campaign check prints hostile texts on the line of their mistake, and no command to the CI system", async () => {
  for (const { text } of CORPUS) {
    const quoted = JSON.stringify(text.slice(0, 500));
    const file = `version: 1\nname: ${quoted}\nprompt: x\nrepositories: [${quoted}]\n${quoted}: ${quoted}\n`;
    for (const name of ["CI", "GITHUB_ACTIONS", "GITLAB_CI", "TEAMCITY_VERSION"]) {
      const { code, stdout } = await check(file, [], { env: { [name]: "true" } });
      expect(code).toBe(2);
      for (const line of stdout.trimEnd().split("\n")) expect(line).toMatch(/^c\.yaml:\d+:\d+: /);
      // deno-lint-ignore no-control-regex
      expect(stdout).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f\r\u2028\u2029]/);
    }
  }
});
