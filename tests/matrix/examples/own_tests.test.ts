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

/** A test whose timers stand still, as the runner's fake timers make them. */
const FAKED = `
import { createMogplex } from "@mogplex/ci";
import { createEmulator } from "@mogplex/ci/testing";
export async function outcome() {
  const service = createEmulator({ scenario: "stuck-streaming", repos: ["acme/web"] });
  service.fault({ kind: "503", times: 5 });
  const request = { repo: "acme/web", prompt: "Fix the flaky tests" };
  return (await createMogplex(service.options).run(request, { throwOnFailure: false })).outcome;
}
`;
const FAKE_TIMERS: [file: string, text: string, command: string[], passed: RegExp][] = [
  [
    "node_fake.test.mjs",
    `import assert from "node:assert/strict";
import { test } from "node:test";
import { outcome } from "./faked.mjs";
test("fake timers", async (t) => {
  t.mock.timers.enable();
  assert.equal(await outcome(), "deadline");
});`,
    [runtimes.node, "--test", "node_fake.test.mjs"],
    /^# pass 1$|^ℹ pass 1$/m,
  ],
  [
    "bun_fake.test.mjs",
    `import { expect, jest, test } from "bun:test";
import { outcome } from "./faked.mjs";
test("fake timers", async () => {
  jest.useFakeTimers();
  expect(await outcome()).toBe("deadline");
  jest.useRealTimers();
});`,
    [runtimes.bun, "test", "--timeout=60000", "./bun_fake.test.mjs"],
    /^ 1 pass$/m,
  ],
  [
    "deno_fake.test.mjs",
    `import { outcome } from "./faked.mjs";
Deno.test("fake timers", async () => {
  const { setTimeout, setImmediate } = globalThis;
  Object.assign(globalThis, { setTimeout: () => 0, setImmediate: () => 0 });
  const end = await outcome();
  Object.assign(globalThis, { setTimeout, setImmediate });
  if (end !== "deadline") throw new Error(end);
});`,
    [runtimes.deno, "test", "--no-lock", "--node-modules-dir=manual", "--no-check", "deno_fake.test.mjs"],
    /1 passed/,
  ],
];

for (const [file, text, command, passed] of FAKE_TIMERS) {
  test(`createEmulator() works under the fake timers of ${file}`, () => {
    writeFileSync(join(place, "faked.mjs"), FAKED);
    writeFileSync(join(place, file), text);
    const { code, stdout, stderr } = runToEnd(command, { cwd: place });
    expect(stdout + stderr).toMatch(passed);
    expect(code).toBe(0);
  });
}

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
