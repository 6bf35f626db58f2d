import { expect, test } from "bun:test";
import process from "node:process";
import { commandEnvironment } from "../../../lib/emulator/exec.ts";
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
  const { promise, resolve } = Promise.withResolvers<string>();
  const port = 20_000 + process.pid % 20_000;
  expect((await exec(["--port", String(port), "--", "true"])).code).toBe(0);
  await fetch(`http://127.0.0.1:${port}/`).then(() => resolve("answers"), () => resolve("gone"));
  expect(await promise).toBe("gone");
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

test("commandEnvironment() keeps what is set, but for what contradicts it", () => {
  const base = {
    PATH: "/bin",
    MOGPLEX_TIMEOUT: "60",
    MOGPLEX_API_KEY: "x",
    MOGPLEX_API_KEY_FILE: "y",
    MOGPLEX_URL: "z",
  };
  expect(commandEnvironment(base, { url: "http://127.0.0.1:1", token: "mog_1", repos: [{ id: "a" }, { id: "b" }] }))
    .toEqual({
      PATH: "/bin",
      MOGPLEX_TIMEOUT: "60",
      MOGPLEX_API_KEY: "mog_1",
      MOGPLEX_URL: "http://127.0.0.1:1",
      MOGPLEX_REPO_ID: "a",
      MOGPLEX_DEV: "1",
    });
  const unlimited = { url: "http://127.0.0.1:1", token: "mog_1", repos: [], startLimits: false };
  expect(commandEnvironment({}, unlimited).MOGPLEX_DEV_START_LIMITS).toBe("off");
});
