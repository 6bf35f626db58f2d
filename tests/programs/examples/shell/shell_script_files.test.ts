/** `examples/shell/mogplex-run.sh` with files that are not ordinary, for its prompt, its token and its outputs. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inEvery, inTurn } from "./shell_world.ts";
import { INCOMPLETE, which } from "./shells.ts";

setDefaultTimeout(60_000);

const shell = test.skipIf(INCOMPLETE);

/** Name of the file, and the message about it. */
const STRANGE = [
  ["fifo", "is not an ordinary file"],
  ["folder", "is not an ordinary file"],
  ["/dev/zero", "is not an ordinary file"],
  ["nowhere", "does not exist"],
] as const;

test.skipIf(INCOMPLETE || which("mkfifo") === undefined).each(STRANGE)(
  "mogplex-run.sh ends with 2 at once when prompt or token are to come from %s",
  (file, words) =>
    inEvery({}, async (stand, shell) => {
      execFileSync("mkfifo", [join(stand.cwd, "fifo")]);
      mkdirSync(join(stand.cwd, "folder"));
      const prompt = await stand.run(shell, [], { MOGPLEX_PROMPT_FILE: file });
      expect([prompt.code, prompt.stderr]).toEqual([
        2,
        expect.stringContaining(`Cannot read prompt: file "${file}" ${words}`),
      ]);
      delete stand.env.MOGPLEX_API_KEY;
      const token = await stand.run(shell, ["Fix the tests"], { MOGPLEX_API_KEY_FILE: file });
      expect([token.code, token.stderr]).toEqual([
        2,
        expect.stringContaining(`Cannot read token: the file of MOGPLEX_API_KEY_FILE ${words}`),
      ]);
      expect(stand.received).toEqual([]);
    }),
);

test.skipIf(INCOMPLETE || which("mkfifo") === undefined)(
  "mogplex-run.sh ends with 2 at once when the step outputs are a FIFO",
  () =>
    inTurn({}, async (stand, shell) => {
      execFileSync("mkfifo", [join(stand.cwd, "fifo")]);
      const end = await stand.run(shell, ["Fix the tests"], { GITHUB_OUTPUT: join(stand.cwd, "fifo") });
      expect([end.code, end.stderr]).toEqual([2, expect.stringContaining("Cannot write to the file of GITHUB_OUTPUT")]);
    }),
);

shell(
  "mogplex-run.sh reads no more of a huge prompt or token than it can use",
  () =>
    inEvery({}, async (stand, shell) => {
      // Outside of the working directory: the test reads that directory completely after each run.
      const folder = mkdtempSync(join(tmpdir(), "mogplex-huge-"));
      const huge = join(folder, "huge");
      writeFileSync(huge, "");
      truncateSync(huge, 2 ** 40);
      const prompt = await stand.run(shell, [], { MOGPLEX_PROMPT_FILE: huge });
      expect([prompt.code, prompt.stderr]).toEqual([2, expect.stringContaining("at most 100000 characters")]);
      delete stand.env.MOGPLEX_API_KEY;
      expect((await stand.run(shell, ["Fix the tests"], { MOGPLEX_API_KEY_FILE: huge })).code).toBe(64);
      rmSync(folder, { recursive: true });
      expect(stand.received).toEqual([]);
    }),
);

shell(
  "mogplex-run.sh takes no token from a file in which a shell would overlook bytes",
  () =>
    inEvery({}, async (stand, shell) => {
      const { token } = stand;
      delete stand.env.MOGPLEX_API_KEY;
      for (
        const [bytes, words] of [
          [Buffer.from(token, "utf16le"), "this file is UTF-16: save it as UTF-8"],
          [Buffer.from(`\ufeff${token}`, "utf16le"), "this file is UTF-16: save it as UTF-8"],
          [Buffer.from(`${token}\0`), "characters that no token has"],
          [Buffer.from(`${token}\xff`, "latin1"), "characters that no token has"],
        ] as const
      ) {
        writeFileSync(join(stand.cwd, "secret"), bytes);
        const end = await stand.run(shell, ["Fix the tests"], { MOGPLEX_API_KEY_FILE: "secret" });
        expect([end.code, end.stderr]).toEqual([64, expect.stringContaining(words)]);
      }
      expect(stand.received).toEqual([]);
    }),
);

shell(
  "mogplex-run.sh says so when a CI system put the token into a file, and its path into the variable",
  () =>
    inTurn({}, async (stand, shell) => {
      const file = join(stand.cwd, "secret");
      writeFileSync(file, stand.token);
      const end = await stand.run(shell, ["Fix the tests"], { MOGPLEX_API_KEY: file });
      expect([end.code, end.stderr]).toEqual([64, expect.stringContaining("put the path in MOGPLEX_API_KEY_FILE")]);
      expect(stand.received).toEqual([]);
    }),
);

shell("mogplex-run.sh makes no directory behind a link", () =>
  inEvery({}, async (stand, shell) => {
    mkdirSync(join(stand.cwd, "a"));
    mkdirSync(join(stand.cwd, "elsewhere"));
    symlinkSync("../elsewhere", join(stand.cwd, "a/link"));
    for (const out of ["a/x/../link/made", `${stand.cwd}/a/y/../link/made`, "a/link/made"]) {
      const end = await stand.run(shell, ["Fix the tests"], { MOGPLEX_OUT: out });
      expect([out, end.code, end.stderr]).toEqual([out, 2, expect.stringContaining("and no symbolic link")]);
    }
    expect(existsSync(join(stand.cwd, "elsewhere/made"))).toBe(false);
  }));
