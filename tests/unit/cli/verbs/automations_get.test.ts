import { expect, test } from "bun:test";
import { world } from "../world.ts";
import { AUTOMATION, DRAFT, JOB, lines, named, TRIGGER } from "./automation_texts.ts";

test("automations list prints a table, newest first, and JSON lines of the same fields", async () => {
  const { cli } = world();
  const { code, stdout, stderr } = await cli(["automations", "list"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toBe(
    [
      "f1000000-0000-4000-8000-00000000000b  inactive  never published  Tie B",
      "f1000000-0000-4000-8000-00000000000a  inactive  never published  Tie A",
      `${DRAFT}  inactive  never published  Draft only`,
      "f1000000-0000-4000-8000-000000000002  inactive  published        Paused flow",
      `${AUTOMATION}  active    published        Nightly review`,
      "",
    ].join("\n"),
  );
  const listed = lines((await cli(["automations", "list", "--json"])).stdout);
  expect(listed.at(-1)).toEqual({
    id: AUTOMATION,
    name: "Nightly review",
    description: "Reviews pushes",
    status: "active",
    publishedVersionId: "fe000000-0000-4000-8000-000000000001",
    installationId: 101,
    createdAt: "2026-03-01T09:00:00+00:00",
    updatedAt: "2026-03-01T10:00:00+00:00",
  });
});

test("automations list stops at the limit and says that there are more; with --all it reads every page", async () => {
  const { cli, emulator, requests } = world();
  emulator.control("cursorFix");
  emulator.control("bulk", { what: "automations", user: "alice", count: 250 });
  const few = await cli(["automations", "list", "--limit", "3"]);
  expect(few.stdout.trimEnd().split("\n").length).toBe(3);
  expect(few.stderr).toBe("note: there are more automations than the 3 shown: see --limit and --all\n");
  expect(requests.length).toBe(1);
  expect((await cli(["automations", "list"])).stdout.trimEnd().split("\n").length).toBe(50);
  expect(requests.length).toBe(2);
  const some = await cli(["automations", "list", "--limit", "120", "--json"]);
  expect([lines(some.stdout).length, requests.length]).toEqual([120, 4]);
  const all = await cli(["automations", "list", "--all", "--json"]);
  expect([new Set(lines(all.stdout).map(({ id }) => id)).size, requests.length, all.stderr]).toEqual([255, 7, ""]);
});

test("automations get prints the version, which the record has in another place than the list", async () => {
  const { cli } = world();
  const { code, stdout } = await cli(["automations", "get", AUTOMATION]);
  expect(code).toBe(0);
  expect(stdout).toBe(
    [
      `automation    ${AUTOMATION}`,
      "name          Nightly review",
      "description   Reviews pushes",
      "status        active",
      "version       3 (fe000000-0000-4000-8000-000000000001)",
      "installation  101",
      "runs          none",
      "created       2026-03-01T09:00:00+00:00",
      "updated       2026-03-01T10:00:00+00:00",
      "",
    ].join("\n"),
  );
  const draft = await cli(["automations", "get", DRAFT]);
  expect(draft.stdout).toContain("status        inactive: it cannot be triggered\n");
  expect(draft.stdout).toContain("version       never published: it cannot be triggered\n");
  const [shown] = lines((await cli(["automations", "get", AUTOMATION, "--json"])).stdout);
  expect(shown).toMatchObject({ publishedVersionId: "fe000000-0000-4000-8000-000000000001" });
  expect(Object.keys(shown ?? {}).sort()).toEqual([
    "createdAt",
    "description",
    "id",
    "installationId",
    "name",
    "publishedVersion",
    "publishedVersionId",
    "runSummary",
    "status",
    "updatedAt",
  ]);
});

test("automations get counts the newest runs, since the service's own summary is never filled", async () => {
  const works = world("automation-slot");
  await works.cli(TRIGGER, { env: JOB });
  const text = await works.cli(["automations", "get", AUTOMATION]);
  expect(named(works, text.stdout)).toContain(
    "runs          0 running, 1 waiting, 0 failed in 24 hours (of the newest 50 runs), last <job> (pending)\n",
  );
  const [shown] = lines((await works.cli(["automations", "get", AUTOMATION, "--json"])).stdout);
  expect(shown?.runSummary).toMatchObject({ lastRunStatus: "pending", pendingCount: 1 });
});

test("automations get shows no counts when the runs cannot be read, and says so", async () => {
  const { cli, emulator } = world();
  emulator.control("fault", { kind: "500", route: "GET /automations/*/runs", times: 99 });
  const { code, stdout, stderr } = await cli(["automations", "get", AUTOMATION]);
  expect([code, stdout.includes("runs  ")]).toEqual([0, false]);
  expect(stderr).toContain("note: the automation's runs are not shown: Cannot list runs of automation");
});

test("automations trigger sends JSON after :=, and text after =", async () => {
  const { cli, emulator } = world();
  const values = ["count:=3", 'paths:=["a=b","c"]', "on:=true", "text=3", "url=http://x/?a:=b", "odd:name=x"];
  const { code } = await cli([...TRIGGER, ...values.flatMap((value) => ["--input", value])]);
  expect(code).toBe(0);
  const [job] = emulator.world.store.automationRuns.values();
  const { count, paths, on, text, url, "odd:name": odd } = job?.metadata ?? {};
  expect({ count, paths, on, text, url, odd }).toEqual({
    count: 3,
    paths: ["a=b", "c"],
    on: true,
    text: "3",
    url: "http://x/?a:=b",
    odd: "x",
  });
});

test("automations trigger shows the name of an input that is no JSON, and not its value", async () => {
  const { cli, requests } = world();
  const { code, stderr } = await cli([...TRIGGER, "--input", "count:=hunter2"]);
  expect({ code, requests }).toEqual({ code: 2, requests: [] });
  expect(stderr).toContain('"count"');
  expect(stderr).not.toContain("hunter2");
});

test("automations trigger refuses a whole number whose digits JSON does not keep, and sends every other one as it is", async () => {
  const { cli, requests, emulator } = world();
  const lost = ["9007199254740993", "-9007199254740993", "12345678901234567890", '[[1, {"a\\"": 9007199254740993 }]]'];
  for (const value of lost) {
    const one = await cli([...TRIGGER, "--input", `count:=${value}`]);
    expect({ value, code: one.code, stderr: one.stderr }).toEqual({
      value,
      code: 2,
      stderr:
        'error: Cannot use --input because it has a whole number with more digits than a JSON number can hold: "count"; write name=value to send text\n',
    });
    const file = await cli([...TRIGGER, "--input-file", "-"], { stdin: `{"count":${value}}` });
    expect([file.code, file.stderr]).toEqual([2, expect.stringContaining("write that number as text")]);
  }
  expect(requests).toEqual([]);
  const kept = ["9007199254740991", "9007199254740992", "-9007199254740994", "1" + "0".repeat(22), "1e21", "0.5"];
  const text = '"9007199254740993 \\" 9007199254740993 \\\\"';
  const list = `[${[...kept, text].join()}]`;
  expect((await cli([...TRIGGER, "--input", `list:=${list}`])).code).toBe(0);
  expect([...emulator.world.store.automationRuns.values()].at(-1)?.metadata.list).toEqual(JSON.parse(list));
});

test("automations trigger sends the input of a file and of single values, which win", async () => {
  const { cli, emulator } = world();
  const files = { "input.json": '\ufeff{"depth":"shallow","paths":["a","b"]}' };
  const more = ["--input-file", "input.json", "--input", "depth=full", "--input", "note=a=b", "--input", "__proto__=x"];
  const { code } = await cli([...TRIGGER, ...more], { files });
  expect(code).toBe(0);
  const [job] = emulator.world.store.automationRuns.values();
  const { depth, paths, note } = job?.metadata ?? {};
  expect({ depth, paths, note }).toEqual({ depth: "full", paths: ["a", "b"], note: "a=b" });
  expect(Object.hasOwn(job?.metadata ?? {}, "__proto__")).toBe(true);
  await cli([...TRIGGER, "--input-file", "-"], { stdin: '{"from":"stdin"}' });
  expect([...emulator.world.store.automationRuns.values()].at(-1)?.metadata).toMatchObject({ from: "stdin" });
});
