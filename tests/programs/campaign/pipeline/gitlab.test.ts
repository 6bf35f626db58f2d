/** What the pipeline for GitLab says. That it runs is a test of the components. */
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import type { PipelineFile, PipelineInput } from "../../../../lib/campaign/pipeline/format.ts";
import { renderGitlab } from "../../../../lib/campaign/pipeline/gitlab.ts";
import { sha256Hex } from "../../../../lib/sha256.ts";
import { sampleInput } from "../../../unit/campaign/pipeline/sample_input.ts";

interface Job {
  extends?: string;
  stage: string;
  script: string[];
  before_script?: string[];
  dependencies?: string[];
  needs?: unknown;
  when?: string;
  start_in?: string;
  tags?: string[];
  image?: string;
  allow_failure?: unknown;
  resource_group?: string;
  trigger?: unknown;
  artifacts?: { when: string; access: string; expire_in: string; paths: string[]; reports?: Record<string, string> };
}

type Document = Record<string, Job> & { stages: string[]; workflow: unknown };

/** Both versions of YAML have to say the same: GitLab's parser knows the older one. */
function read({ text }: PipelineFile): Document {
  const [older, newer] = ["1.1", "1.2"].map((version) => parse(text, { version: version as "1.1" }));
  expect(older).toEqual(newer);
  return newer;
}

function only(input: PipelineInput): Document {
  const [file, ...others] = renderGitlab(input);
  expect(others).toEqual([]);
  return read(file as PipelineFile);
}

const job = (document: Document, name: string) => document[name] as Job;

const scriptOf = (document: Document, name: string) => job(document, name).script.join("\n");

const HOSTILE = [
  "tasks/$(touch PWNED).md",
  "tasks/`touch PWNED`.md",
  `tasks/it's "quoted".md`,
  "tasks/$[[ inputs.x ]] ${{ job.inputs.y }} ${HOME}.md",
  "tasks/- a: &b *c !d | > # {e} [f] %g @h.md",
  "tasks/; touch PWNED; #.md",
  "tasks/ünïcødé 🚀.md",
  "tasks/MOGPLEX_EOF",
  "tasks/%s %n $$ $1 '\"'.md",
];

test("renderGitlab() carries files with hostile names as they are, and its scripts execute nothing of them", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-pipeline-"));
  const files = await Promise.all(
    ["campaign.yml", ...HOSTILE].map(async (path) => {
      const text = `text of ${path}`;
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
      return { path, text, sha256: await sha256Hex(text) };
    }),
  );
  const [file, ...includes] = files as unknown as [PipelineInput["file"], ...PipelineInput["includes"]];
  const document = only(
    sampleInput({ file, includes, program: { kind: "command", name: "true" }, directory: "/none" }),
  );
  const [whole] = renderGitlab(sampleInput({ file, includes }));
  // No server finds its own template in it.
  expect(whole?.text).not.toMatch(/\$\[\[|\$\{\{/);
  for (const shell of ["sh", "bash"]) {
    const script = job(document, "plan").script.join("\n");
    const { status, stderr } = spawnSync(shell, ["-euc", `rm -rf mogplex-pipeline\n${script}`], {
      cwd: folder,
      encoding: "utf8",
    });
    expect({ shell, status, stderr }).toEqual({ shell, status: 0, stderr: "" });
    for (const { path, text } of files) {
      expect(readFileSync(join(folder, "mogplex-pipeline", path), "utf8")).toBe(text);
    }
  }
  expect(existsSync(join(folder, "PWNED"))).toBe(false);
  expect(existsSync(join(folder, "mogplex-pipeline/PWNED"))).toBe(false);
  // A byte of difference, and nothing is used.
  writeFileSync(join(folder, "mogplex-pipeline", HOSTILE[0] as string), "other");
  const { status, stderr } = spawnSync("sh", ["-euc", scriptOf(document, "report")], { cwd: folder, encoding: "utf8" });
  expect({ status, stderr: stderr.split("\n").filter((line) => line.startsWith("error")) }).toEqual({
    status: 2,
    stderr: ["error: a file has changed since this pipeline was made"],
  });
});
