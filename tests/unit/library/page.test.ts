/** Every block of `docs/library.md`, on the emulator. That with OpenTelemetry runs in the lab. */
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as campaigns from "../../../campaigns.ts";
import * as library from "../../../mod.ts";
import * as testing from "../../../testing.ts";

const TEXT = readFileSync(join(import.meta.dir, "../../../docs/library.md"), "utf8");
const BLOCKS = [...TEXT.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code = ""]) => code);

/** What each block prints, by a part of the block. */
const PRINTED: readonly (readonly [part: string, lines: RegExp])[] = [
  ["await main(", /^success \S+$/],
  ["createLogText()", /\w+\n.*\n[0-9a-f-]{36} success 0$/s],
  // The built-in scenario commits no such file.
  ["result: {", /^result-missing$/],
  ["mogplex.resume(", /^job-1 success 0$/],
  ["createEmulator(", /^failed true$/],
  ["createCampaigns(", /^1\/2 acme\/\w+\n2\/2 acme\/\w+$/],
  ["exitCodeFor(", /^124$/],
];

/** Runs a block with a client of the emulator, in its own folder. @returns What it prints. */
async function printedBy(code: string): Promise<string> {
  const service = testing.createEmulator({ repos: ["acme/web", "acme/api"], scenario: "success" });
  const createMogplex = (options: library.MogplexOptions = {}) =>
    library.createMogplex({ ...service.options, ...options, logger: undefined });
  const lines: string[] = [];
  const console = { log: (...values: unknown[]) => void lines.push(values.join(" ")) };
  // The real one sets the exit code of the process; it has its own tests.
  const main = async (work: (context: Partial<library.MainContext>) => unknown) =>
    await work({ signal: new AbortController().signal });
  const names = { ...testing, ...campaigns, ...library, createMogplex, console, main };
  const body = new Bun.Transpiler({ loader: "ts" }).transformSync(code.replace(/^import .*$/gm, ""));
  const folder = mkdtempSync(join(tmpdir(), "mogplex-page-"));
  const cwd = process.cwd();
  process.chdir(folder);
  try {
    await new Function(...Object.keys(names), `return (async () => {${body}})()`)(...Object.values(names));
  } finally {
    process.chdir(cwd);
    rmSync(folder, { recursive: true });
  }
  return lines.join("\n");
}

test("docs/library.md has these blocks and no others", () => {
  expect(BLOCKS.map((code) => PRINTED.findIndex(([part]) => code.includes(part)))).toEqual(
    PRINTED.map((_, index) => index),
  );
});

test.each(PRINTED)("the block with %s of docs/library.md runs", async (part, lines) => {
  expect(await printedBy(BLOCKS.find((code) => code.includes(part)) ?? "")).toMatch(lines);
});
