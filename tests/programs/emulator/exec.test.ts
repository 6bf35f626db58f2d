import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { main } from "../../../lib/emulator/main.ts";
import { fakeIo } from "../../unit/cli/fake_io.ts";

const PROBE = `
  const { MOGPLEX_URL: url, MOGPLEX_API_KEY: key, MOGPLEX_REPO_ID: id, MOGPLEX_DEV: dev } = process.env;
  const answer = await fetch(url + "/api/v1/mogplex/repos?id=" + id, { headers: { authorization: "Bearer " + key } });
  const { data } = await answer.json();
  process.exit(dev === "1" && data.repos.length === 1 ? 7 : 1);
`;
const node = ["--input-type=module", "--eval"];

async function exec(args: string[]) {
  const io = fakeIo();
  return { code: await main(["exec", ...args], io), ...io.text };
}

test("exec points the command at the emulator, ends with its code, and prints nothing of its own", async () => {
  expect(await exec(["--", "node", ...node, PROBE])).toEqual({ code: 7, stdout: "", stderr: "" });
});

test("exec stops the emulator when the command has ended", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-exec-"));
  const file = join(folder, "url");
  expect((await exec(["--", "sh", "-c", `printf %s "$MOGPLEX_URL" > '${file}'`])).code).toBe(0);
  const url = readFileSync(file, "utf8");
  rmSync(folder, { recursive: true });
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(await fetch(url).then(() => "answers", () => "gone")).toBe("gone");
});

test("exec passes signals on, and ends as the command ends by them", async () => {
  const io = fakeIo();
  const listening = Promise.withResolvers<void>();
  const { onSignal } = io;
  io.onSignal = (handler) => {
    const forget = onSignal(handler);
    listening.resolve();
    return forget;
  };
  const code = main(["exec", "--", "sleep", "60"], io);
  await listening.promise;
  io.signal("SIGTERM");
  expect(await code).toBe(143);
});

test("exec ends with 2 and one sentence when there is nothing to run, or it cannot be run", async () => {
  const cases: [string[], string][] = [
    [[], "there is no command; write it behind two dashes: mogplex-emulator exec [flags] -- COMMAND"],
    [["true"], "there is no command"],
    [["--"], "there is no command"],
    [["--", "/no/such/program"], 'Cannot run "/no/such/program": there is no such command'],
    [["--port", "x", "--", "true"], 'bad value of "--port"'],
  ];
  for (const [args, problem] of cases) {
    const { code, stderr } = await exec(args);
    expect({ args, code }).toEqual({ args, code: 2 });
    expect(stderr).toContain(problem);
  }
  expect((await exec(["--help"])).stdout).toContain("exec [flags] -- COMMAND");
});

/** What a command of `exec` gets, with these variables set in this process. */
async function environmentOf(flags: string[], set: Record<string, string>): Promise<Record<string, string>> {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-exec-"));
  const file = join(folder, "environment.json");
  const before = Object.fromEntries(Object.keys(set).map((name) => [name, process.env[name]]));
  Object.assign(process.env, set);
  try {
    const write = `require("node:fs").writeFileSync(${JSON.stringify(file)}, JSON.stringify(process.env))`;
    expect((await exec([...flags, "--", "node", "--eval", write])).code).toBe(0);
    return JSON.parse(readFileSync(file, "utf8"));
  } finally {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    rmSync(folder, { recursive: true });
  }
}

test("exec keeps what is set for the command, but for what contradicts it", async () => {
  const given = await environmentOf([], {
    MOGPLEX_TIMEOUT: "60",
    MOGPLEX_API_KEY: "x",
    MOGPLEX_API_KEY_FILE: "y",
    MOGPLEX_TOKEN_VARIABLE: "w",
    MOGPLEX_REPO: "acme/api",
    MOGPLEX_URL: "z",
  });
  expect(given).toMatchObject({
    PATH: process.env.PATH,
    MOGPLEX_TIMEOUT: "60",
    MOGPLEX_API_KEY: expect.stringMatching(/^mog_/),
    MOGPLEX_URL: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    MOGPLEX_REPO_ID: expect.stringMatching(/^[\da-f-]{36}$/),
    MOGPLEX_DEV: "1",
  });
  const removed = ["MOGPLEX_API_KEY_FILE", "MOGPLEX_TOKEN_VARIABLE", "MOGPLEX_REPO", "MOGPLEX_DEV_START_LIMITS"];
  expect(Object.keys(given).filter((name) => removed.includes(name))).toEqual([]);
  expect((await environmentOf(["--start-limits", "off"], {})).MOGPLEX_DEV_START_LIMITS).toBe("off");
});
