import { expect, test } from "bun:test";
import { checkProgram } from "../../../../lib/cli/setup/program_check.ts";
import type { Context } from "../../../../lib/cli/verb.ts";
import { sha256Hex } from "../../../../lib/sha256.ts";
import { REPO } from "../world.ts";
import { doctor, type DoctorOptions } from "../verbs/doctor_world.ts";

const PROGRAM = "#!/usr/bin/env node\n// @mogplex/ci 0.1.0 mogplex.mjs | MIT\n";
const SUM = `${sha256Hex(PROGRAM)}  mogplex.mjs\n`;
const ADDRESS = "https://releases.example/releases.json";

/** The checks of the program, with what the address of the releases answers. */
async function checks(files: Record<string, string>, answer?: () => Response, address?: string) {
  const options: DoctorOptions = {
    files,
    args: ["--repo", REPO, ...address === undefined ? [] : ["--releases", address]],
    instead: (url) => url.host === "releases.example" ? answer?.() : undefined,
  };
  const { checks: { program, releases }, code, requests } = await doctor(options);
  return { program, releases, code, asked: requests.filter((each) => each.includes("releases.json")) };
}

const json = (value: unknown) => () => new Response(JSON.stringify(value));

test("doctor compares the committed program with its checksum, and asks nobody for it", async () => {
  const good = await checks({ "ci/mogplex.mjs": PROGRAM, "ci/mogplex.mjs.sha256": SUM });
  expect(good.program).toEqual({
    name: "program",
    state: "ok",
    finding: "ci/mogplex.mjs 0.1.0 matches its checksum",
    advice: null,
  });
  expect(good).toMatchObject({ code: 0, releases: undefined, asked: [] });
});

test("doctor ends with 70, as the job does, when the committed program differs from its checksum", async () => {
  const changed = `${PROGRAM}evil();\n`;
  const { program, code } = await checks({ "ci/mogplex.mjs": changed, "ci/mogplex.mjs.sha256": SUM });
  expect(program).toMatchObject({
    state: "failed",
    code: 70,
    finding: `ci/mogplex.mjs has the SHA-256 ${sha256Hex(changed)}, which is not in ci/mogplex.mjs.sha256`,
  });
  expect(code).toBe(70);
});

test("doctor warns when the committed program has no checksum, and has no such check where there is no program", async () => {
  expect(await checks({ "ci/mogplex.mjs": PROGRAM })).toMatchObject({ code: 0, program: { state: "warning" } });
  expect((await checks({})).program).toBeUndefined();
});

test("doctor --releases says whether a newer release exists, and never fails because of it", async () => {
  const files = { "ci/mogplex.mjs": PROGRAM, "ci/mogplex.mjs.sha256": SUM };
  const cases: [() => Response, string, string][] = [
    [json({ releases: [{ version: "0.1.0" }] }), "ok", "0.1.0 is the newest release"],
    [json({ releases: [{ version: "0.2.0" }] }), "warning", "the newest release is 0.2.0, but this program is 0.1.0"],
    [json({ releases: [{ version: "\u001b[31m" }] }), "warning", "the file does not contain a version"],
    [json({}), "warning", "the file does not contain a version"],
    [() => new Response("<html>"), "warning", "Cannot look up the newest release: "],
    [() => new Response("", { status: 404 }), "warning", "releases.example answered with HTTP 404"],
  ];
  for (const [answer, state, finding] of cases) {
    const { releases, code, asked } = await checks(files, answer, ADDRESS);
    expect({ state: releases?.state, finding: releases?.finding, code }).toEqual({
      state: state as "ok",
      finding: expect.stringContaining(finding),
      code: 0,
    });
    expect(asked).toEqual(["GET /releases.json (no token)"]);
  }
});

test("doctor --releases takes an https address, or one of this machine", async () => {
  for (const address of ["releases.json", "http://releases.example/releases.json", "file:///etc/passwd"]) {
    const { code } = await checks({}, undefined, address).catch((error: { exit: string }) => ({ code: error.exit }));
    expect<unknown>(code).toBe("usage");
  }
});

test("checkProgram() asks for Deno's permission when it is not allowed to read the program", async () => {
  const denied = Object.assign(new Error('Requires read access to "ci/mogplex.mjs"'), { name: "NotCapable" });
  const io = {
    readFile() {
      throw denied;
    },
  };
  const context = { io, option: () => undefined } as unknown as Context;
  expect(await checkProgram(context)).toMatchObject([
    { state: "failed", advice: "Allow Deno to read it: --allow-read" },
  ]);
});
