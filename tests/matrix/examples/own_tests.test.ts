/** The tests of one's own in `examples/testing`, each with the test runner that it is for. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFileSync, cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { root, runtimes } from "../../../tools/setup.mjs";
import { built } from "../../built.ts";
import { runToEnd } from "../../programs/package/runtimes.ts";

const FOLDER = join(root, "examples/testing");
let place: string;

/** The package as those tests import it. */
beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), "own-tests-"));
  const pack = join(place, "node_modules/@mogplex/ci");
  cpSync(dirname(built("mod.mjs")), pack, { recursive: true });
  const exports = { ".": "./mod.mjs", "./testing": "./testing.mjs" };
  writeFileSync(
    join(pack, "package.json"),
    JSON.stringify({ name: "@mogplex/ci", version: "0.0.0", type: "module", exports }),
  );
  for (const name of ["decide.mjs", "node.test.mjs", "bun.test.mjs", "deno.test.mjs"]) {
    copyFileSync(join(FOLDER, name), join(place, name));
  }
});

afterAll(() => rmSync(place, { recursive: true, force: true }));

const COMMANDS: [file: string, command: string[], passed: RegExp][] = [
  ["node.test.mjs", [runtimes.node, "--test", "node.test.mjs"], /^# pass 4$|^ℹ pass 4$/m],
  ["bun.test.mjs", [runtimes.bun, "test", "--timeout=60000", "./bun.test.mjs"], /^ 4 pass$/m],
  [
    "deno.test.mjs",
    [runtimes.deno, "test", "--no-lock", "--node-modules-dir=manual", "--no-check", "deno.test.mjs"],
    /4 passed/,
  ],
];

for (const [file, command, passed] of COMMANDS) {
  test(`${file} of examples/testing passes with its runner`, () => {
    const { code, stdout, stderr } = runToEnd(command, { cwd: place });
    expect(stdout + stderr).toMatch(passed);
    expect(code).toBe(0);
  });
}
