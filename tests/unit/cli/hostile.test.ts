import { expect, test } from "bun:test";
import { COMPACT_WIDTH, CompactLog, FULL_WIDTH, fullEvent } from "../../../lib/report/event_text.ts";
import { eventLine } from "../../../lib/cli/log/lists.ts";
import { noticeText, verdictText } from "../../../lib/cli/log/live_log.ts";
import { commandVocabulary } from "../../../lib/cli/verb.ts";
import { Writer } from "../../../lib/cli/log/writer.ts";
import type { RunEvent } from "../../../lib/model.ts";
import { detectPlatform } from "../../../lib/ci/detect.ts";
import { createRedactor } from "../../../lib/text/redact.ts";
import { CORPUS } from "../hostile/corpus.ts";
import { LOG_PARSERS, type LogParser, terminalCommands } from "../hostile/parsers/log_parsers.ts";
import { fakeIo } from "./fake_io.ts";
import { automationResultOf, resultOf } from "../hostile/hostile_result.ts";
import { SYSTEMS } from "../hostile/systems.ts";

/** The words of the block that come from a run. */
const VERDICT = (text: string) => ({
  reports: [{ format: "json" as const, path: text }],
  cancel: commandVocabulary().cancel,
});

/** Everything that the command prints of untrusted text, in every form. */
function printed(text: string, variable: string): { text: string; json: string } {
  const io = fakeIo({ env: { [variable]: "1" } });
  const writer = new Writer(io, detectPlatform(io.env), createRedactor({ token: "mog_hostileTestToken" }));
  const event: RunEvent = {
    id: text,
    type: text,
    toolName: text,
    message: text,
    payload: { [text]: text },
    createdAt: text,
  };
  writer.out(writer.untrusted(eventLine(event)));
  const compact = new CompactLog(writer.redact);
  const kinds = ["", "assistant_delta", "assistant_final", "tool"].map((kind) => ({ ...event, payload: { kind } }));
  const tools = ["tool_started", "tool_finished", "tool_started"].map((type) => {
    return { ...event, type, payload: { kind: "tool", toolCallId: text } };
  });
  for (const each of [...kinds, ...tools]) {
    for (const line of compact.lines(each)) writer.out(...writer.untrustedLines(line, COMPACT_WIDTH));
  }
  writer.out(writer.untrusted(compact.running.join(" ")));
  for (const line of compact.end()) writer.out(...writer.untrustedLines(line, COMPACT_WIDTH));
  writer.out(...writer.untrustedLines(fullEvent(event), FULL_WIDTH));
  for (const result of [resultOf(text), automationResultOf(text)]) {
    writer.out(...writer.untrustedLines(verdictText({ ...result, origin: text }, VERDICT(text))));
  }
  writer.note(noticeText({ kind: "unknown_status", status: text }));
  writer.error(text);
  const shown = io.text.stdout + io.text.stderr;
  io.text.stdout = "";
  writer.json(event);
  return { text: shown, json: io.text.stdout };
}

for (const { name, text } of CORPUS) {
  test(`the command prints nothing that a CI system or a terminal obeys: ${name}`, () => {
    // Long texts are there to find slow patterns, which the tests of plainText do.
    const short = text.slice(0, 5_000);
    for (const [system, variable] of Object.entries(SYSTEMS)) {
      const output = printed(short, variable);
      const parsers: LogParser[] = [LOG_PARSERS[system] ?? terminalCommands, terminalCommands];
      const found = parsers.flatMap((parse) => [...parse(output.text), ...parse(output.json)]);
      expect([system, found.slice(0, 3)]).toEqual([system, []]);
      expect(output.json.trimEnd().split("\n").length).toBe(1);
    }
  });
}
