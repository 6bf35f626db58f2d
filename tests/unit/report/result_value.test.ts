import { expect, test } from "bun:test";
import { renderMarkdown } from "../../../lib/report/markdown.ts";
import { renderRunPage } from "../../../lib/report/run_page.ts";
import { renderJson } from "../../../lib/report/json.ts";
import { cleanResult } from "../../../lib/run/clean.ts";
import type { RunResult } from "../../../lib/run/result.ts";
import { sampleResult } from "./sample.ts";

const same = (text: string) => text;
const VALUE = { "<b>": "```\n\u001b[31mred\u202e</script>", ok: true };

function withValue(): RunResult {
  const resultFile = {
    ...{ path: "a.json", branch: "b", commit: "c".repeat(40), blob: "d".repeat(40), cause: null, mistakes: [] },
    ...{ outputs: { ok: true }, value: VALUE },
  };
  return cleanResult(sampleResult({ value: VALUE, resultFile }), same, same);
}

test("renderMarkdown() shows the value as code that it cannot leave, and without a command of a terminal", () => {
  const text = renderMarkdown(withValue(), { redact: same });
  expect(text).toContain("### Result\n\n`a.json` at `cccccccccccc`\n");
  // The fence is longer than the one in the value.
  expect(text).toMatch(/````text\n[^]*"ok": true[^]*````/);
  // deno-lint-ignore no-control-regex
  expect(text).not.toMatch(/[\u001b\u202e]/);
});

test("renderRunPage() shows the value as text", () => {
  const page = renderRunPage(withValue());
  // The answer comes first.
  const sections = [...page.matchAll(/<section aria-labelledby="([a-z]+)"/g)].map(([, id]) => id);
  expect(sections.slice(0, 3)).toEqual(["why", "result", "time"]);
  expect(page).toContain(" contains the result file<");
  expect(page).toContain("&lt;b&gt;");
  expect(page).not.toContain("red</script>");
});

test("renderJson() keeps the value as it is, in escapes that are harmless on a terminal", () => {
  const text = renderJson(withValue());
  expect(JSON.parse(text).value).toEqual(VALUE);
  // deno-lint-ignore no-control-regex
  expect(text).not.toMatch(/[\u001b\u202e]/);
});
