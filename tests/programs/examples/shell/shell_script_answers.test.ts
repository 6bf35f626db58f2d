/** `examples/shell/mogplex-run.sh`: which answers it accepts. */
import { expect, test } from "bun:test";
import type { Ended } from "../../processes/world/service.ts";
import { LOOK, START } from "../../processes/world/recorder.ts";
import { inShell, runAnswer } from "./shell_world.ts";
import { INCOMPLETE } from "./shells.ts";

const shell = test.skipIf(INCOMPLETE);

function last({ stdout }: Ended): string {
  return stdout.trimEnd().split("\n").at(-1) ?? "";
}

/** The answer to every request, and the expected exit code. */
const STRANGERS: [string, () => Response, number][] = [
  ["a login page", () => new Response("", { status: 307, headers: { location: "/login?next=%2F" } }), 64],
  [
    "another redirect",
    () => new Response("", { status: 308, headers: { location: "https://evil.example/login.html" } }),
    69,
  ],
  ["a page with 200", () => new Response("<html>Welcome</html>", { headers: { "content-type": "text/html" } }), 69],
  ["a page with 404", () => new Response("<html>Not found</html>", { status: 404 }), 69],
  ["405 without a body", () => new Response("", { status: 405 }), 69],
  ["501", () => new Response("{}", { status: 501 }), 69],
  ["an empty object", () => Response.json({}), 69],
  ["ok as a word", () => Response.json({ ok: "true", data: { runId: crypto.randomUUID(), status: "success" } }), 69],
  [
    "two values",
    () => new Response('{"ok":true,"data":{"runId":"8f3a2b1c-1234-4abc-9def-1234567890ab","status":"success"}}{}'),
    69,
  ],
  [
    "a NUL in a word",
    () => new Response('{"ok":true,"data":{"runId":"8f3a2b1c-1234-4abc-9def-1234567890ab","status":"succ\0ess"}}'),
    69,
  ],
  [
    "400",
    () => Response.json({ ok: false, error: { code: "BAD_REQUEST", message: "Invalid base branch" } }, { status: 400 }),
    2,
  ],
  [
    "409",
    () => Response.json({ ok: false, error: { code: "IDEMPOTENCY_CONFLICT", message: "used" } }, { status: 409 }),
    2,
  ],
];

shell.each(STRANGERS)(
  "mogplex-run.sh believes no answer that is not the API's: %s",
  (_name, answer, code) =>
    inShell({}, async (stand) => {
      stand.intercept = answer;
      const end = await stand.run(["Fix the tests"]);
      expect({ code: end.code, verdict: /^mogplex-run: verdict/m.test(end.stdout) }).toEqual({ code, verdict: false });
      expect(stand.received.every(({ what }) => START.test(what))).toBe(true);
    }),
);

/** Bodies of reads that say `success` but are not an answer about this run. */
const FORGERIES: [string, (id: string) => string][] = [
  ["another run", () => runAnswer("5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11", `"success"`)],
  ["no run", () => `{"ok":true,"data":{"status":"success"}}`],
  ["a status in a list", (id) => runAnswer(id, `["success"]`)],
  ["a status in an object", (id) => runAnswer(id, `{"status":"success"}`)],
  ["a status that is no text", (id) => runAnswer(id, "true")],
  ["a status with a blank", (id) => runAnswer(id, `"success "`)],
  ["a status in capitals", (id) => runAnswer(id, `"SUCCESS"`)],
  ["a status with a NUL", (id) => runAnswer(id, `"success\\u0000"`)],
  ["not ok", (id) => runAnswer(id, `"success"`).replace("true", "false")],
  ["cut before the end", (id) => runAnswer(id, `"success"`).slice(0, -1)],
  ["something after it", (id) => `${runAnswer(id, `"success"`)}]`],
  ["a comma too many", (id) => runAnswer(id, `"success",`)],
  ["a missing comma", (id) => runAnswer(id, `"success" "error":null`)],
  ["a line break in a text", (id) => runAnswer(id, `"success","error":"a\nb"`)],
  ["an unknown escape", (id) => runAnswer(id, `"success","error":"\\x"`)],
  ["digits that are not a number", (id) => runAnswer(id, `"success","n":01`)],
  ["an unknown word", (id) => runAnswer(id, `"success","n":True`)],
  ["an open text", (id) => runAnswer(id, `"success","error":"`)],
  ["overwritten by a later field", (id) => runAnswer(id, `"success","status":"streaming"`)],
  [
    "overwritten by a later object",
    (id) =>
      `{"ok":true,"data":{"run":{"runId":"${id}","status":"success"},"run":{"runId":"${id}","status":"streaming"}}}`,
  ],
  ["deeper than it should be", (id) => runAnswer(id, `"streaming","data":{"run":{"status":"success"}}`)],
  ["in the name of a field", (id) => runAnswer(id, `"streaming","a\\",\\"status\\":\\"success":1`)],
  [
    "in a dotted name",
    (id) => `{"ok":true,"data.run.status":"success","data":{"run":{"runId":"${id}","status":"streaming"}}}`,
  ],
];

shell(
  "mogplex-run.sh takes no forgery for the verdict",
  () =>
    inShell({ scenario: "agent-failure" }, async (stand) => {
      let next = 0;
      stand.intercept = ({ what }) => {
        const forgery = FORGERIES[next];
        if (!LOOK.test(what) || forgery === undefined) return undefined;
        next++;
        return new Response(forgery[1](what.split("/").at(-1) ?? ""));
      };
      const end = await stand.run(["Fix the tests"]);
      expect({ code: end.code, next, said: last(end) }).toEqual({
        code: 1,
        next: FORGERIES.length,
        said: expect.stringContaining("verdict failed (exit code 1)"),
      });
    }),
);

shell("mogplex-run.sh reads JSON that is written unusually", () =>
  inShell({}, async (stand) => {
    stand.intercept = ({ what }) => {
      if (!LOOK.test(what)) return undefined;
      const id = what.split("/").at(-1)?.toUpperCase();
      return new Response(
        ` \r\n{ "z" : [ [ ] , { } , -1.5e+3 , null , "\\\\" , "\\\\\\"}" ] ,\t"data" : {"run":{"error": "a\\/b \\u00e9\\n\\"c\\" \\\\d é" ,` +
          `"status" :"failed","runId":"${id}"},"status":"success"},"ok":true}\n`,
      );
    };
    const end = await stand.run(["Fix the tests"]);
    expect(end.code).toBe(1);
    expect(last(end)).toContain('verdict failed (exit code 1): a/b ? "c" \\d ?; run ');
  }));

shell(
  "mogplex-run.sh waits on when it does not know the status",
  () =>
    inShell({ scenario: "success" }, async (stand) => {
      stand.intercept = ({ what }) => {
        if (!LOOK.test(what) || stand.of(LOOK).length > 3) return undefined;
        return new Response(runAnswer(what.split("/").at(-1) ?? "", `"compacting"`));
      };
      const end = await stand.run(["Fix the tests"]);
      expect(end.code).toBe(0);
      expect(end.stdout.match(/run is compacting/g)).toHaveLength(1);
    }),
);
