import { expect, test } from "bun:test";
import { escapeWorkflowData, escapeWorkflowProperty } from "../../../lib/text/escape.ts";
import { CORPUS } from "../hostile/corpus.ts";
import { githubCommands } from "../hostile/parsers/log_parsers.ts";

for (const { name, text } of CORPUS) {
  test(`escapeWorkflowData() keeps a command to its line: ${name}`, () => {
    const log = `::add-mask::${escapeWorkflowData(text)}`;
    expect(log.split(/[\r\n]/).length).toBe(1);
    expect(githubCommands(`${log}\n`).length).toBe(1);
  });
}

test("escapeWorkflowProperty() also escapes what ends a property", () => {
  expect(escapeWorkflowProperty("a:b,c%d\ne")).toBe("a%3Ab%2Cc%25d%0Ae");
});
