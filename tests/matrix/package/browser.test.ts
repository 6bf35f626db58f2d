/** The library in a browser: `EXIT`, the errors, `mask` and `render`, by a bundler. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { build } from "esbuild";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { chromium } from "playwright-core";
import { createMogplex, exitCodeFor, mask, render } from "../../../mod.ts";
import { createEmulator } from "../../../testing.ts";
import { root } from "../../../tools/setup.mjs";
import { built } from "../../built.ts";

const FORMATS = ["markdown", "json", "html", "junit", "openmetrics"] as const;
const executablePath = ["chromium", "chromium-browser"].map((name) => Bun.which(name)).find((path) => path !== null);
let folder: string;
let script: string;

const PAGE = `
import { EXIT, escapeText, exitCodeFor, mask, MogplexError, render, UsageError } from "@mogplex/ci";
globalThis.answer = (result) => ({
  exits: [EXIT.deadline, exitCodeFor(new UsageError("x")), new UsageError("x") instanceof MogplexError],
  masked: mask({ text: "mog_abcdefgh12345678abcdefgh" }),
  escaped: escapeText.html("<b>"),
  reports: ${JSON.stringify(FORMATS)}.map((format) => render(result, format)),
});
`;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "mogplex-browser-"));
  const pack = join(folder, "node_modules/@mogplex/ci");
  mkdirSync(pack, { recursive: true });
  cpSync(dirname(built("mod.mjs")), join(pack, "dist"), { recursive: true });
  cpSync(join(root, "package.json"), join(pack, "package.json"));
  writeFileSync(join(folder, "page.js"), PAGE);
  const result = await build({
    absWorkingDir: folder,
    entryPoints: ["page.js"],
    bundle: true,
    platform: "browser",
    format: "iife",
    write: false,
    logLevel: "silent",
  });
  expect(result.warnings).toEqual([]);
  script = result.outputFiles[0]?.text ?? "";
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a page with the library imports nothing of Node", () => {
  expect(script.match(/["']node:\w+["']|require\("/g)).toBeNull();
});

test.skipIf(executablePath === undefined)("Chromium renders and masks as Node does", async () => {
  const service = createEmulator({ repos: ["acme/web"] });
  const result = await createMogplex(service.options).run({ repo: "acme/web", prompt: "Fix the flaky tests" });
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
  try {
    const page = await browser.newPage();
    const problems: string[] = [];
    page.on("pageerror", (error) => problems.push(error.message));
    await page.addScriptTag({ content: script });
    const plain = JSON.parse(JSON.stringify(result));
    const given = await page.evaluate(
      (value) => (globalThis as unknown as { answer(v: unknown): unknown }).answer(value),
      plain,
    );
    expect([problems, given]).toEqual([[], {
      exits: [124, exitCodeFor({ name: "x", message: "x", exitCode: 2 }), true],
      masked: mask({ text: "mog_abcdefgh12345678abcdefgh" }),
      escaped: "&lt;b&gt;",
      reports: FORMATS.map((format) => render(plain, format, { env: () => undefined })),
    }]);
  } finally {
    await browser.close();
  }
});
