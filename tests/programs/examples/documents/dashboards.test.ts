/** `docs/dashboards.md`: the commands for a laptop make the page that the document describes. */
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { root, runtimes } from "../../../../tools/setup.mjs";
import { readHistory } from "../../../../lib/report/history.ts";
import { textsOf } from "../../../unit/report/page_parser.ts";
import { built } from "../../../built.ts";
import { CAN_RUN, git, imageOf, newProject, predefined, runPipeline } from "../../components/project.ts";
import { blocksOf, readPage } from "./pages.ts";

/** Runs the block of docs/dashboards.md that has this word. @returns The page that it made. */
function pageOf(cwd: string, bin: string, word: string): { page: string; stderr: string } {
  const [block] = blocksOf(readPage("docs/dashboards.md")).filter(({ text }) => text.includes(word));
  const { stderr } = spawnSync("bash", ["-c", block?.text ?? "false"], {
    cwd,
    env: { PATH: `${bin}:${process.env.PATH}`, HOME: cwd, USER: "alice", NO_COLOR: "1" },
    encoding: "utf8",
  });
  return { stderr, page: readFileSync(join(cwd, "public/index.html"), "utf8") };
}

test("docs/dashboards.md makes a page of the sample history, with all of its lines and what needs attention", () => {
  const cwd = mkdtempSync(join(tmpdir(), "mogplex-sample-"));
  try {
    symlinkSync(dirname(built("mogplex.mjs")), join(cwd, "dist"));
    symlinkSync(join(root, "examples"), join(cwd, "examples"));
    const bin = mkdtempSync(join(cwd, "bin-"));
    symlinkSync(runtimes.node, join(bin, "node"));
    const { page, stderr } = pageOf(cwd, bin, "sample-history.mjs");
    const { records, skippedCount } = readHistory(readFileSync(join(cwd, "sample.ndjson"), "utf8"));
    const days = records.map(({ at }) => (Date.now() - Date.parse(at)) / 86_400_000);
    expect([skippedCount, new Set(records.map(({ runId }) => runId)).size]).toEqual([0, records.length]);
    expect([Math.max(...days) > 80, Math.min(...days) > 0, Math.min(...days) < 1], stderr).toEqual([true, true, true]);
    const text = textsOf(page, "li").join("\n");
    expect(text).toMatch(/acme\/billing \(mogplex-nightly\): no run for 10 days/);
    expect(text).toMatch(/acme\/mobile: \d+ of \d+ runs in the last 7 days failed/);
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
});

test("docs/dashboards.md makes a page of three runs on a laptop, one of which has failed", () => {
  const cwd = mkdtempSync(join(tmpdir(), "mogplex-dashboards-"));
  try {
    for (const file of ["mogplex.mjs", "mogplex-emulator.mjs"]) copyFileSync(built(file), join(cwd, file));
    const bin = mkdtempSync(join(cwd, "bin-"));
    symlinkSync(runtimes.node, join(bin, "node"));
    const { stderr, page } = pageOf(cwd, bin, "project-0013");
    expect(textsOf(page, "h1"), stderr).toEqual([expect.stringMatching(/^1 thing needs attention as of \d/)]);
    expect(textsOf(page, "header")[0]).toContain("3 runs in the last 7 days, 2 of 3 succeeded.");
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
});

test.skipIf(!CAN_RUN)(
  "the job of docs/dashboards.md for GitLab pushes the history of a failed agent to the branch",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "mogplex-history-"));
    try {
      const [block] = blocksOf(readPage("docs/dashboards.md")).filter(({ text }) => text.includes("mogplex-history:"));
      const agent = `mogplex-run:
  script: [mkdir mogplex-ci, "echo '{}' > mogplex-ci/runs.ndjson", exit 1]
  artifacts: { when: always, paths: [mogplex-ci/] }
`;
      const cwd = newProject(folder, "web", {
        ".gitlab-ci.yml": agent + block?.text,
        "ci/push-history.sh": readFileSync(join(root, "examples/dashboards/push-history.sh"), "utf8"),
      });
      git(folder, "init", "-q", "--bare", "dashboard.git");
      const { text, jobs } = await runPipeline(cwd, {
        image: imageOf(folder, "node"),
        variables: { HISTORY_REMOTE: join(folder, "dashboard.git"), MOGPLEX_SCHEDULE: "run" },
        args: predefined({ CI_PIPELINE_SOURCE: "schedule", CI_PROJECT_PATH: "acme/web" }),
      });
      expect([jobs["mogplex-run"]?.code, jobs["mogplex-history"]?.code], text).toEqual([1, 0]);
      expect(git(join(folder, "dashboard.git"), "show", "mogplex-history:runs/acme-web.ndjson")).toBe("{}");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
