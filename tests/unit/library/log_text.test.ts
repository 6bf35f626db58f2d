import { expect, test } from "bun:test";
import { createLogText } from "../../../lib/library/report.ts";
import { CORPUS } from "../hostile/corpus.ts";
import { LOG_PARSERS, terminalCommands } from "../hostile/parsers/log_parsers.ts";

const TOKEN = "mog_hostileTestToken";
const { line, json } = createLogText({ env: (name) => name === "MOGPLEX_API_KEY" ? TOKEN : undefined });
const parsers = [...Object.values(LOG_PARSERS), terminalCommands];

function obeyed(log: string): string[] {
  return parsers.flatMap((parse) => parse(log)).slice(0, 3);
}

for (const { name, text } of CORPUS) {
  test(`line() makes one inert line, at the start and in the middle of a line, of: ${name}`, () => {
    const [alone, long] = [line(text), line(text, Infinity)];
    for (const log of [alone, long, `event ${alone} (tool)`]) expect(obeyed(`${log}\n`)).toEqual([]);
    expect(`${alone}${long}`).not.toMatch(/[\n\r]/);
    expect(alone.length).toBeLessThan(1_100);
  });

  test(`json() makes one inert line of JSON, which parses to the same value, of: ${name}`, () => {
    const log = json({ message: text, [text.slice(0, 100)]: [text] });
    expect(obeyed(`${log}\n`)).toEqual([]);
    expect(log).not.toMatch(/[\n\r]/);
    if (!name.startsWith("url: password")) expect(JSON.parse(log).message).toBe(text);
  });
}

test("createLogText() masks the token, also over several lines, and the secrets in its options", () => {
  const text = createLogText({ token: TOKEN, env: () => undefined, secrets: ["correct horse"] });
  expect(text.line(`a ${TOKEN} b\ncorrect\nhorse correct horse`)).toBe("a [redacted] b correct horse [redacted]");
  expect(text.json({ [TOKEN]: [`x${TOKEN}`], n: 1 })).toBe('{"[redacted]":["x[redacted]"],"n":1}');
});

test("createLogText() needs no token, and cuts with a mark", () => {
  const text = createLogText({ env: () => undefined });
  expect(text.line("0123456789", 4)).toBe("012…");
  expect(text.line("0123456789".repeat(10), 60)).toBe(`${"0123456789".repeat(4)}01…[+58 characters]`);
});
