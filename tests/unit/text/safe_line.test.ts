/** What can be printed in a log, by what must compile and what must not: `npm test` and the gate check the types of this file. */
import { expect, test } from "bun:test";
import { detectPlatform } from "../../../lib/ci/detect.ts";
import { printRows } from "../../../lib/cli/log/terminal.ts";
import { Writer } from "../../../lib/cli/log/writer.ts";
import { cutCells, fitCells } from "../../../lib/text/cells.ts";
import { escapeLogLine } from "../../../lib/text/escape.ts";
import { joinLines, own, type SafeLine } from "../../../lib/text/safe_line.ts";
import { createRedactor } from "../../../lib/text/redact.ts";
import { fakeIo } from "../cli/fake_io.ts";

/** Never called: the compiler reads it. */
export function refused(writer: Writer, untrusted: string) {
  // @ts-expect-error: text that was not made safe
  writer.out(untrusted);
  // @ts-expect-error: as above, although it is ours
  writer.out("done");
  // @ts-expect-error: a template takes any text
  writer.out(`status: ${writer.untrusted(untrusted)}`);
  // @ts-expect-error: our own text takes safe parts only
  writer.out(own`status: ${untrusted}`);
  // @ts-expect-error: the second line
  writer.out(own`status`, untrusted);
  // @ts-expect-error: the end of a safe line may begin like a command
  writer.out(writer.untrusted(untrusted).slice(3));
  // @ts-expect-error: the lines at the bottom of a terminal are printed as well
  writer.transient(untrusted);
  // @ts-expect-error: colors make no text safe
  writer.paint("red", untrusted);
  // @ts-expect-error: cutting makes no text safe
  const cut: SafeLine = fitCells(untrusted, 20);
  return cut;
}

test("own() takes safe lines and numbers between its own words", () => {
  const io = fakeIo();
  const writer = new Writer(io, detectPlatform(io.env), createRedactor());
  const status: SafeLine = writer.untrusted("running\n::error::x");
  writer.out(
    own`status: ${status}, ${2} of ${3}`,
    own`${writer.paint("red", status)}`,
    joinLines([own`a`, own`b`], ", "),
    fitCells(own`c`, 3),
    cutCells(own`defg`, 3).padEnd(5).trimEnd(),
    escapeLogLine("::error::y"),
  );
  printRows(writer, [["::warning::z", "1"]]);
  expect(io.text.stdout.split("\n")).toEqual([
    "status: running ::error::x, 2 of 3",
    "running ::error::x",
    "a, b",
    "c  ",
    "de…",
    ": :error::y",
    ": :warning::z  1",
    "",
  ]);
});
