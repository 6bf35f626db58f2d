import { expect, test } from "bun:test";
import fc from "fast-check";
import { parse } from "yaml";
import { checkCarriedPath } from "../../../../lib/campaign/pipeline/format.ts";

test("checkCarriedPath() takes paths below the working directory alone", () => {
  expect(checkCarriedPath("it", "./a/b c.md")).toBe("a/b c.md");
  expect(checkCarriedPath("it", "campaign.yml")).toBe("campaign.yml");
  for (const path of ["/a", "../a", "a/../../b", "a//b", "a/./b", "", "a/"]) {
    expect(() => checkCarriedPath("it", path)).toThrow("is not below the working directory");
  }
  for (
    const path of ["a\nb", "a\\b", "-a", "*a", " a", "a ", "a\u2028b", "a\u0085b", "\ufeffa", "a\u202eb", "\ud800"]
  ) {
    expect(() => checkCarriedPath("it", path)).toThrow("has a name that jobs cannot use");
  }
});

test("checkCarriedPath() lets nothing through that a line of YAML or of sha256sum would show otherwise", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", minLength: 1, maxLength: 20 }), (path) => {
    let checked: string;
    try {
      checked = checkCarriedPath("it", path);
    } catch {
      return;
    }
    // deno-lint-ignore no-control-regex
    expect(checked).not.toMatch(/[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\\]/);
    expect(parse(`a: |\n  x  ${checked}\n`)).toEqual({ a: `x  ${checked}\n` });
  }));
});
