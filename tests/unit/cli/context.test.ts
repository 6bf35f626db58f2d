import { expect, test } from "bun:test";
import { createWriter } from "../../../lib/cli/explain.ts";
import { openContext } from "../../../lib/cli/context.ts";
import { CREATE_BRANCH, LOG, TIMEOUT } from "../../../lib/cli/options.ts";
import { commandVocabulary } from "../../../lib/cli/verb.ts";
import { UnauthorizedError, UsageError } from "../../../lib/errors.ts";
import { parseFlags } from "../../../lib/flags.ts";
import { ALL_SYSTEMS, detectPlatform } from "../../../lib/ci/detect.ts";
import type { SafeLine } from "../../../lib/text/safe_line.ts";
import { type FakeIo, fakeIo, type FakeIoOptions } from "./fake_io.ts";
import { REPO, TOKEN, world } from "./world.ts";
import { flagsByRow } from "../../../lib/cli/settings.ts";

async function opened(options: FakeIoOptions, dropIn = false) {
  const io = fakeIo(options);
  const platform = detectPlatform(io.env);
  const writer = createWriter(io, platform, dropIn ? "drop-in" : "toolkit");
  const flags = await parseFlags("x", [], []);
  return {
    io,
    writer,
    context: openContext({
      io,
      platform,
      systems: ALL_SYSTEMS,
      writer,
      flags: flagsByRow(flags),
      vocabulary: commandVocabulary(),
      verbs: [],
      dropIn,
    }, {}),
  };
}

test("openContext() finds the connection once, masks the token, and prints nothing", async () => {
  const { io, writer, context } = await opened({
    env: { MOGPLEX_API_KEY_FILE: "/token", MOGPLEX_URL: "https://mogplex.example" },
    files: { "/token": `${TOKEN}\n` },
  });
  const { connection } = context;
  expect(connection()).toMatchObject({ token: TOKEN, origin: "https://mogplex.example" });
  io.files.clear();
  expect(connection()).toBe(connection());
  writer.out(TOKEN as SafeLine);
  expect(io.text).toEqual({ stdout: "[redacted]\n", stderr: "" });
});

test("openContext() throws what is wrong with the connection at each call, and reads only documented variables for a drop-in verb", async () => {
  const { context } = await opened({});
  for (const _ of [1, 2]) expect(context.connection).toThrow(UnauthorizedError);
  const file = { env: { MOGPLEX_API_KEY_FILE: "/token" }, files: { "/token": TOKEN } };
  expect((await opened(file)).context.connection().token).toBe(TOKEN);
  expect((await opened(file, true)).context.connection).toThrow(UnauthorizedError);
});

test("option() takes the flag before the variable, ignores an empty variable, and names the source of a wrong value", async () => {
  const read = async (args: string[], env: Record<string, string>) => {
    const io = fakeIo({ env });
    const platform = detectPlatform(io.env);
    const flags = await parseFlags("x", args, [LOG, CREATE_BRANCH, TIMEOUT]);
    const writer = createWriter(io, platform, "toolkit");
    return openContext({
      io,
      platform,
      systems: ALL_SYSTEMS,
      writer,
      flags: flagsByRow(flags),
      vocabulary: commandVocabulary(),
      verbs: [],
      dropIn: false,
    }, {})
      .option;
  };
  expect((await read(["--log", "full"], { MOGPLEX_LOG: "json" }))(LOG)).toBe("full");
  expect((await read([], { MOGPLEX_LOG: " json " }))(LOG)).toBe("json");
  expect((await read([], { MOGPLEX_LOG: " " }))(LOG)).toBeUndefined();
  expect((await read(["--create-branch"], { MOGPLEX_CREATE_BRANCH: "false" }))(CREATE_BRANCH)).toBe(true);
  expect((await read([], { MOGPLEX_CREATE_BRANCH: "0" }))(CREATE_BRANCH)).toBe(false);
  const wrong: [args: string[], env: Record<string, string>, message: string][] = [
    [
      ["--timeout", "0"],
      {},
      `Cannot use --timeout because it must be a duration such as 60m, 1h30m, 45s, or a number of seconds, at most 720h: "0"`,
    ],
    [
      [],
      { MOGPLEX_TIMEOUT: "soon" },
      `Cannot use MOGPLEX_TIMEOUT because it must be a duration such as 60m, 1h30m, 45s, or a number of seconds, at most 720h: "soon"`,
    ],
  ];
  for (const [args, env, message] of wrong) {
    const option = await read(args, env);
    expect(() => option(TIMEOUT)).toThrow(new UsageError(message));
  }
});

const ORIGIN = "http://127.0.0.1:9";
const NOTICE = `note: sending requests and the token to ${ORIGIN}, unencrypted\n`;

test("every verb that speaks to the service reads the token file once, and announces an unusual origin once", async () => {
  const at = world("success");
  const runId = await at.start();
  const calls = [
    ["run", "--follow", "Fix it", "--repo", REPO, "--create-branch"],
    ["follow", runId],
    ["report", runId],
    ["automations", "list"],
  ];
  for (const args of calls) {
    let reads = 0;
    const before = (io: FakeIo) => {
      const { readFile } = io;
      io.readFile = (path) => {
        if (path === "/token") reads++;
        return readFile(path);
      };
    };
    const env = { MOGPLEX_API_KEY: "", MOGPLEX_API_KEY_FILE: "/token", MOGPLEX_URL: ORIGIN, MOGPLEX_DEV: "1" };
    const { code, stderr } = await at.cli(args, { env, files: { "/token": TOKEN }, before });
    expect({ args, code, reads, notices: stderr.split(NOTICE).length - 1 }).toEqual({
      args,
      code: 0,
      reads: 1,
      notices: 1,
    });
  }
});
