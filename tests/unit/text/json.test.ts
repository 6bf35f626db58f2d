import { expect, test } from "bun:test";
import { jsonLine, jsonText } from "../../../lib/text/escape.ts";
import { CORPUS } from "../hostile/corpus.ts";
import { LOG_PARSERS, terminalCommands } from "../hostile/parsers/log_parsers.ts";

for (const { name, text } of CORPUS) {
  test(`jsonText() is one visible line that parses to the same value: ${name}`, () => {
    const line = jsonText({ [text]: text });
    expect(line).not.toMatch(/[\n\r]/);
    expect(terminalCommands(line)).toEqual([]);
    expect(Object.entries(JSON.parse(line))[0]?.every((read) => read === text)).toBe(true);
  });

  test(`jsonLine() is obeyed by no log, and parses to the same value: ${name}`, () => {
    const value = { [text]: [text] };
    const line = jsonLine(value);
    expect([...Object.values(LOG_PARSERS), terminalCommands].flatMap((parse) => parse(line)).slice(0, 3)).toEqual([]);
    expect(Object.entries(JSON.parse(line))[0]?.flat().every((read) => read === text)).toBe(true);
  });
}

test("jsonText() indents when asked", () => {
  expect(jsonText({ a: "\u202e" }, 2)).toBe('{\n  "a": "\\u202e"\n}');
});
