/** `docs/dashboards.md`: the commands for a laptop make the page that the document describes. */
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { runtimes } from "../../../../tools/setup.mjs";
import { textsOf } from "../../../unit/report/page_parser.ts";
import { built } from "../../../built.ts";
import { blocksOf, readPage } from "./pages.ts";

test("docs/dashboards.md makes a page of three runs on a laptop, one of which has failed", () => {
  const cwd = mkdtempSync(join(tmpdir(), "mogplex-dashboards-"));
  try {
    for (const file of ["mogplex.mjs", "mogplex-emulator.mjs"]) copyFileSync(built(file), join(cwd, file));
    const bin = mkdtempSync(join(cwd, "bin-"));
    symlinkSync(runtimes.node, join(bin, "node"));
    const [block] = blocksOf(readPage("docs/dashboards.md")).filter(({ text }) =>
      text.includes("mogplex-emulator.mjs")
    );
    const { stderr } = spawnSync("bash", ["-c", block?.text ?? "false"], {
      cwd,
      env: { PATH: `${bin}:${process.env.PATH}`, HOME: cwd, USER: "alice", NO_COLOR: "1" },
      encoding: "utf8",
    });
    const page = readFileSync(join(cwd, "public/index.html"), "utf8");
    expect(textsOf(page, "h1"), stderr).toEqual(["1 thing needs attention"]);
    expect(textsOf(page, "header")[0]).toContain("3 runs in the last 7 days, 2 of 3 succeeded.");
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
});
