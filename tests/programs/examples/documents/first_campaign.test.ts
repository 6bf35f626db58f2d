/** `docs/first-campaign.md`: each command is run, and has the output that stands there. */
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { runtimes } from "../../../../tools/setup.mjs";
import { built } from "../../../built.ts";
import { blocksOf, readPage, withoutChance, writeOutputs, WRITES } from "./pages.ts";

const PAGE = "docs/first-campaign.md";
/** Separates the outputs of the blocks. */
const MARK = "=== end of block ===";

test("docs/first-campaign.md shows what its commands print, and its campaign ends as it says", () => {
  const cwd = mkdtempSync(join(tmpdir(), "mogplex-first-campaign-"));
  try {
    for (const file of ["mogplex.mjs", "mogplex-emulator.mjs"]) copyFileSync(built(file), join(cwd, file));
    const bin = mkdtempSync(join(cwd, "bin-"));
    symlinkSync(runtimes.node, join(bin, "node"));
    const blocks = blocksOf(readPage(PAGE));
    const commands = blocks.filter(({ language }) => language === "sh").map(({ text }) => text);
    // A block may end with another code than 0. The log of the service is not read.
    const script = commands.map((text) => `{ ${text.trimEnd()}\n}; echo "${MARK} $?"`).join("\n");
    const PATH = `${bin}:${process.env.PATH}`;
    const { stdout, stderr } = spawnSync("bash", ["-c", script], {
      cwd,
      env: { PATH, HOME: cwd, USER: "alice", NO_COLOR: "1" },
      encoding: "utf8",
    });
    const ended = stdout.split(new RegExp(`^${MARK} `, "m"));
    // The code of a block stands at the beginning of what the next one prints.
    const codes = ended.slice(1).map((text) => Number(text.split("\n")[0]));
    const outputs = ended.map((text, index) => index === 0 ? text : text.replace(/^.*\n/, ""));
    expect({ codes, stderr: stderr.replace(/^note: .*\n/gm, "") }).toEqual({
      codes: [0, 0, 0, 0, 1, 0, 0, 0],
      stderr: "",
    });
    const shown = blocks.filter(({ language }) => language === "text").map(({ text }) => text);
    const found = outputs.filter((text) => text.trim() !== "");
    expect(found).toHaveLength(5);
    if (WRITES) return writeOutputs(PAGE, found);
    const advice =
      "Run MOGPLEX_WRITE_PAGES=1 npm test -- tests/programs/examples/documents/first_campaign.test.ts, and read the page";
    expect(shown.map(withoutChance), advice).toEqual(found.map(withoutChance));
    expect(existsSync(join(cwd, "mogplex-campaign/campaign.md"))).toBe(true);
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
});
