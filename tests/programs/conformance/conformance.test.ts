/** The emulator as a program answers as the service was recorded. On other runtimes: tests/matrix/runtimes/emulator.test.ts. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { runtimes } from "../../../tools/setup.mjs";
import { serve, type Served } from "../emulator/served.ts";
import { FIXTURE, replay, SCENARIOS } from "./replayer.ts";

let served: Served;

beforeAll(async () => {
  served = await serve([runtimes.node], ["--control", "--fixture", FIXTURE]);
});

afterAll(() => served.stop());

test("every recorded scenario has a name of its own", () => {
  const names = SCENARIOS.map(({ name }) => name);
  expect(names.length).toBeGreaterThan(200);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});

for (const scenario of SCENARIOS) {
  test(`the emulator answers as recorded: ${scenario.name}`, async () => {
    expect(await replay(served.ready.url, scenario)).toBeUndefined();
  });
}

test("the emulator ends with 0 on SIGTERM, having written one line", async () => {
  const other = await serve([runtimes.node], []);
  expect(await other.stop()).toBe(0);
  expect(other.stdout().split("\n")).toHaveLength(2);
});
