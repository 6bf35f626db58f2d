/** `docs/first-campaign.md`: each command runs, and prints the output in the page. */
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { runtimes } from "../../../../tools/setup.mjs";
import { built } from "../../../built.ts";
import { blocksOf, readPage, withoutChance, writeOutputs, WRITES } from "./pages.ts";

const PAGE = "docs/first-campaign.md";
/** Separates the outputs of the blocks. */
const MARK = "=== end of block ===";
/** The blocks below this heading have no output in the page. */
const MORE = "## More to try";
/** Run before it is run to the end, with Ctrl-C in between. */
const INTERRUPTED = "node mogplex.mjs campaign run campaign.yml --dir second";
/** Takes minutes, because of the limit of requests. */
const LONG = "node mogplex.mjs campaign run forty.yml";

/** What a reader does with the blocks below the heading. */
function withHands(text: string): string {
  const started = `${INTERRUPTED} > second.log & until grep -qs running second.log; do sleep 0.2; done`;
  return text
    .replace(INTERRUPTED, `( ${started}; kill -INT $!; wait $!; echo $? > interrupted )\n${INTERRUPTED}`)
    .replace(LONG, LONG.replace("run", "advance"));
}

test("docs/first-campaign.md shows what its commands print, and its campaign ends as it says", () => {
  const cwd = mkdtempSync(join(tmpdir(), "mogplex-first-campaign-"));
  try {
    for (const file of ["mogplex.mjs", "mogplex-emulator.mjs"]) copyFileSync(built(file), join(cwd, file));
    const bin = mkdtempSync(join(cwd, "bin-"));
    symlinkSync(runtimes.node, join(bin, "node"));
    const [guide = "", more = ""] = readPage(PAGE).split(MORE);
    const blocks = blocksOf(guide);
    const shell = (page: string) => blocksOf(page).filter(({ language }) => language === "sh").map(({ text }) => text);
    const commands = [...shell(guide), ...shell(more).map(withHands)];
    expect([INTERRUPTED, LONG].every((command) => more.includes(command))).toBe(true);
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
      // Of the guide; then of a lost directory, a new round, 40 items, and the end of the service.
      codes: [...[0, 0, 0, 0, 1, 0, 0], 1, 1, 0, 0],
      stderr: "",
    });
    expect(readFileSync(join(cwd, "interrupted"), "utf8")).toBe("130\n");
    const shown = blocks.filter(({ language }) => language === "text").map(({ text }) => text);
    const campaigns = outputs.slice(-5).flatMap((text) => /^Campaign \S+(?:, round \w+,)? is .*$/m.exec(text) ?? []);
    expect(campaigns.map((line) => line.replace(/ is (?!done).*/, ""))).toEqual([
      "Campaign first-campaign is done: 3 of 4 items succeeded or needed no change, 1 did not succeed",
      "Campaign first-campaign, round second, is done: 3 of 4 items succeeded or needed no change, 1 did not succeed",
      "Campaign forty",
    ]);
    const found = outputs.slice(0, shell(guide).length).filter((text) => text.trim() !== "");
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
