import { expect, test } from "bun:test";
import { jsonLine, Writer } from "../../lib/cli/writer.ts";
import { detectPlatform } from "../../lib/platforms/detect.ts";
import { createRedactor } from "../../lib/redact.ts";
import { fakeIo } from "./fake_io.ts";

const TOKEN = "mog_writerTestToken0001";

function writer(env: Record<string, string> = {}) {
  const io = fakeIo({ env });
  return { io, writer: new Writer(io, detectPlatform(io.env), createRedactor({ token: TOKEN })) };
}

test("jsonLine() keeps the value, and is one line without commands and control characters", () => {
  const value = { text: "##[error] ###vso[x] \u2028 \u202e \x9b31m \x1b[2J section_start:1:a \n", "##[k": 1 };
  const line = jsonLine(value);
  expect(JSON.parse(line)).toEqual(value);
  // deno-lint-ignore no-control-regex
  expect(line).not.toMatch(/##|section_start:|[\x00-\x1f\x7f-\x9f\u2028\u202e]/);
});

test("Writer masks the token even in lines of ours", () => {
  const { io, writer: out } = writer();
  out.out(`a ${TOKEN}`);
  out.json({ id: TOKEN });
  out.transient(TOKEN);
  out.note(TOKEN);
  out.error(TOKEN);
  expect(io.text).toEqual({
    stdout: `a [redacted]\n{"id":"[redacted]"}\n\r\x1b[K[redacted]`,
    stderr: "note: [redacted]\nerror: [redacted]\n",
  });
});

test("Writer.untrusted() makes one line of many", () => {
  expect(writer().writer.untrusted("a\r\n  b\u2028c\x07")).toBe("a b c");
});

test("Writer.untrustedLines() redacts before it cuts, so that no half of a secret is left", () => {
  expect(writer().writer.untrustedLines(`1234567890${TOKEN}`, 20)).toEqual(["1234567890[redacted]"]);
});

test("Writer.error() cannot be made to print a workflow command", () => {
  const { io, writer: out } = writer({ GITHUB_ACTIONS: "true" });
  out.error("x\n::error::forged\n##[error]forged");
  expect(io.text.stderr).not.toMatch(/^::|##\[/m);
});
