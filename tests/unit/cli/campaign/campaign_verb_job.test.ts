import { expect, test } from "bun:test";
import { cliWorld } from "./world.ts";

const MINUTE = 60_000;

test("an internal error ends with 70, is called internal, and leaves the directory to the next call", async () => {
  const world = cliWorld({ count: 2, file: { limits: { parallel: 1 } } });
  await world.campaign("advance", ["--plan"]);
  await world.clock.sleep(MINUTE);
  const { code, stderr } = await world.campaign("advance", ["--json"], {
    before(io) {
      const { write } = io;
      io.write = (stream, text) => {
        if (text.includes('"type":"item"')) throw new RangeError("a bug");
        write(stream, text);
      };
    },
  });
  expect([code, stderr]).toEqual([
    70,
    expect.stringContaining("error: Internal error, please report it: RangeError: a bug"),
  ]);
  expect((await world.campaign("run")).code).toBe(0);
  expect(world.runs().length).toBe(2);
});

test("a terminal shows the live table, and the whole screen at the end", async () => {
  const world = cliWorld({ count: 2, runDuration: () => 2 * MINUTE });
  const { code, stdout } = await world.campaign("run", [], { terminal: true, env: { TERM: "xterm" } });
  expect(code).toBe(0);
  expect(stdout).toContain("\x1b[?7l");
  // deno-lint-ignore no-control-regex
  const plain = stdout.replace(/\x1b\[[0-9;?]*[A-Za-z]/g, "");
  expect(plain).toContain("0/2 finished");
  expect(plain).toContain("starts 2/10 a minute · 2/30 an hour · 2/150 a day · sandboxes ");
  expect(plain.slice(plain.lastIndexOf("Campaign replace-moment"))).toStartWith(
    "Campaign replace-moment is done: all 2 items succeeded\n",
  );
  // A person who presses Ctrl-C at a terminal leaves, and nothing is cancelled.
  const other = cliWorld({ count: 1, runDuration: () => 20 * MINUTE });
  const left = await other.campaign("run", [], {
    terminal: true,
    env: { TERM: "xterm" },
    before: (io) => void other.clock.sleep(MINUTE).then(() => io.signal("SIGINT")),
  });
  expect([left.code, other.runs()[0]?.endsWith("streaming")]).toEqual([130, true]);
});

test("reports are written while a campaign runs, before it has ended", async () => {
  const world = cliWorld({ count: 1, runDuration: () => 20 * MINUTE });
  const states: string[] = [];
  await world.campaign("run", [], {
    before(io) {
      const { writeFile } = io;
      io.writeFile = (path, text) => {
        if (path.endsWith("campaign.json")) states.push(JSON.parse(text).state);
        writeFile(path, text);
      };
    },
  });
  expect([states.at(0), states.at(-1)]).toEqual(["planned", "done"]);
});

test("secrets of the environment are masked in log, screen, reports and journal", async () => {
  const world = cliWorld({
    count: 1,
    scenarios: `
steps:
  - { after: 10, sandbox: up }
  - { after: 5, call: failed, error: "push with glpat-Nq4wE8rT2yU6iO0pAs3d was refused" }
  - { after: 1, fail: "push with glpat-Nq4wE8rT2yU6iO0pAs3d was refused" }`,
  });
  const env = { GITLAB_TOKEN: "glpat-Nq4wE8rT2yU6iO0pAs3d" };
  const { code, stdout, stderr } = await world.campaign("run", [], { env });
  expect(code).toBe(1);
  const files = [...world.files].filter(([path]) => path.startsWith(world.directory)).map(([, text]) => text);
  for (const text of [stdout, stderr, ...files]) expect(text).not.toContain("glpat-N");
  expect(stdout).toContain("was refused");
  // A later reader has no such variable, so it is masked in the journal as well.
  expect((await world.campaign("status")).stdout).not.toContain("glpat-N");
});
