import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { shellWord } from "../../../../lib/campaign/pipeline/format.ts";
import { propertyRuns } from "../../../property_runs.ts";

const word = fc.string({ unit: "binary", maxLength: 40 }).filter((text) => !text.includes("\0") && text.isWellFormed());

test("shellWord() comes out of a shell as it went in, and no CI system finds a template in it", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(word, fc.constantFrom("$[[ a ]]", "${{ b }}", "$(c)", "'", "", "-e", "~", "*")), {
        minLength: 1,
        maxLength: 20,
      }),
      (words) => {
        const line = `printf '%s\\0' ${words.map(shellWord).join(" ")}`;
        expect(line).not.toMatch(/\$(?:\[\[|\{\{)/);
        const { stdout } = spawnSync("sh", ["-c", line]);
        expect(stdout.toString("utf8").split("\0").slice(0, -1)).toEqual(words);
      },
    ),
    { numRuns: propertyRuns(30) },
  );
});
