import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pageAssets } from "../../../tools/docs/page_assets.ts";

test("assets.ts has the texts of style.css and page.js", () => {
  const written = readFileSync(join(import.meta.dir, "../../../lib/report/assets.ts"), "utf8");
  expect(written, "Run `npm run docs`").toBe(pageAssets());
});
