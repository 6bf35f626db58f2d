import { expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runtimes } from "../../../tools/setup.mjs";

const root = join(import.meta.dir, "../../..");

interface DocSymbol {
  name: string;
  declarations: { kind: string }[];
}

test("mod.ts exports exactly what exports.txt lists", () => {
  const text = execFileSync(runtimes.deno, ["doc", "--json", "mod.ts"], {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    maxBuffer: 64 * 1024 * 1024,
  });
  const modules: { symbols?: DocSymbol[] }[] = Object.values(JSON.parse(text).nodes);
  const found = modules.flatMap(({ symbols = [] }) => symbols).map(({ name, declarations }) =>
    `${declarations[0]?.kind} ${name}`
  );
  const listed = readFileSync(join(root, "tests/unit/architecture/exports.txt"), "utf8").trim().split("\n");
  const advice = "A public name that comes or goes is a decision: change exports.txt and CHANGELOG.md with it";
  expect(found.sort(), advice).toEqual(listed);
});
