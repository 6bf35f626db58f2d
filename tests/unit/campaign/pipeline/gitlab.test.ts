/** What the pipeline for GitLab says. That it runs is a test of the components. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import type { PipelineFile, PipelineInput } from "../../../../lib/campaign/pipeline/format.ts";
import { renderGitlab } from "../../../../lib/campaign/pipeline/gitlab.ts";
import { RETRY_WHEN, RUNNER_INTERRUPTED } from "../../../../lib/ci/gitlab_retry.ts";
import { campaignAdvanceVerb } from "../../../../lib/cli/campaign/advance.ts";
import { EXIT } from "../../../../lib/exit_codes.ts";
import { root } from "../../../../tools/setup.mjs";
import { carriedFile, sampleInput } from "./sample_input.ts";

const MINUTE_MS = 60_000;

const DAY_MS = 1_440 * MINUTE_MS;

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

const waves = (count: number, ms = 15 * MINUTE_MS) => ({
  delaysMs: Array.from({ length: count }, (_, index) => index === 0 ? 0 : ms),
  gate: null,
});

test("renderGitlab() makes a stage for the plan, each wave and the report, and says the same again for the same input", () => {
  const document = only(sampleInput());
  expect(document.stages).toEqual(["plan", "wave-1", "wave-2", "wave-3", "wave-4", "report"]);
  expect(document.workflow).toEqual({ auto_cancel: { on_new_commit: "none" } });
  const delays = [1, 2, 3, 4].map((number) => {
    const { when, start_in, dependencies, before_script } = job(document, `wave-${number}`);
    return { when, start_in, dependencies, before_script };
  });
  expect(delays).toEqual([
    { when: undefined, start_in: undefined, dependencies: ["plan"], before_script: ["mogplex_wave=1"] },
    { when: "delayed", start_in: "15 minutes", dependencies: ["plan", "wave-1"], before_script: ["mogplex_wave=2"] },
    { when: "delayed", start_in: "90 minutes", dependencies: ["plan", "wave-2"], before_script: ["mogplex_wave=3"] },
    { when: "delayed", start_in: "15 minutes", dependencies: ["plan", "wave-3"], before_script: ["mogplex_wave=4"] },
  ]);
  expect(job(document, "report")).toMatchObject({
    when: "always",
    dependencies: ["plan", "wave-1", "wave-2", "wave-3", "wave-4"],
    artifacts: { reports: { junit: "mogplex-pipeline/mogplex-campaign/ci/junit.xml" } },
  });
  expect(renderGitlab(sampleInput())).toEqual(renderGitlab(sampleInput()));
});

test("renderGitlab() keeps lock and journal beyond the end, makes one wave at a time, and goes on after an outage", () => {
  const document = only(sampleInput({ waves: waves(20, DAY_MS) }));
  expect(job(document, ".mogplex-wave")).toMatchObject({
    resource_group: "mogplex-default",
    allow_failure: { exit_codes: [69, 75] },
    artifacts: { when: "always", access: "developer", expire_in: "68 days" },
  });
  expect(job(document, ".mogplex-wave").artifacts?.paths).toEqual(
    ["lock.json", "journal/", "campaign.json"].map((name) => `mogplex-pipeline/mogplex-waves/*/${name}`),
  );
  // All reports once in 24 hours.
  expect(job(document, "wave-2").artifacts?.paths).toEqual(["mogplex-pipeline/mogplex-waves/"]);
  expect(job(document, "report")).not.toHaveProperty("allow_failure");
});

test("renderGitlab() lets a person release the wave that opens a gate, and blocks until then", () => {
  const document = only(sampleInput({ waves: { ...waves(4), gate: 2 } }));
  expect(job(document, "wave-3")).toMatchObject({ when: "manual", allow_failure: false });
  expect(job(document, "wave-3")).not.toHaveProperty("start_in");
  expect(scriptOf(document, "wave-3")).toContain("campaign approve campaign.yml --dir");
  expect(scriptOf(document, "wave-3")).toContain("a file has changed since this pipeline was made");
  expect(job(document, "wave-4")).not.toHaveProperty("allow_failure");
});

test("renderGitlab() divides a delay above a week, and shortens all of them for a rehearsal", () => {
  const long = { delaysMs: [0, 16 * DAY_MS, MINUTE_MS], gate: 2 };
  const document = only(sampleInput({ waves: long }));
  expect([2, 3, 4].map((number) => job(document, `wave-${number}`).start_in)).toEqual([
    "10080 minutes",
    "10080 minutes",
    "2880 minutes",
  ]);
  expect(job(document, "wave-5").when).toBe("manual");
  const rehearsal = only(sampleInput({ waves: long, settings: { rehearsalMs: 1_500 } }));
  expect(job(rehearsal, "wave-2").start_in).toBe("2 seconds");
});

test("renderGitlab() takes image, tags, a command of the image, and a job whose artifacts hold everything", () => {
  const document = only(sampleInput({
    program: { kind: "command", name: "mogplex-ci" },
    settings: {
      image: "registry.example.com/ci/mogplex:1@sha256:0",
      tags: ["linux", "team: a"],
      source: { pipeline: "77", job: "yes" },
    },
  }));
  expect(job(document, ".mogplex-job")).toMatchObject({
    image: "registry.example.com/ci/mogplex:1@sha256:0",
    tags: ["linux", "team: a"],
  });
  expect(job(document, "plan").needs).toEqual([{ pipeline: "77", job: "yes" }]);
  expect(scriptOf(document, ".mogplex-wave")).toContain("mogplex-ci campaign advance");
  expect(scriptOf(document, "plan")).not.toContain("mogplex.mjs");
  const elsewhere = sampleInput({ directory: "/tmp/d", settings: { source: { pipeline: "77", job: "a" } } });
  expect(() => renderGitlab(elsewhere)).toThrow("the directory of the campaign is not below the working directory");
});

test("renderGitlab() refuses more than 200 waves without a home in Git and a directory, and makes several pipelines with them", () => {
  expect(only(sampleInput({ waves: waves(200) })).stages.length).toBe(202);
  expect(() => renderGitlab(sampleInput({ waves: waves(201) }))).toThrow("at most 200 waves");
  expect(() => renderGitlab(sampleInput({ waves: waves(201), output: "d" }))).toThrow("at most 200 waves");
  const home = "git:origin#mogplex-campaign/codemod";
  expect(() => renderGitlab(sampleInput({ waves: waves(201), home }))).toThrow("at most 200 waves");
  const files = renderGitlab(sampleInput({ waves: { ...waves(450), gate: 210 }, home, output: "ci/waves" }));
  expect(files.map(({ path }) => path)).toEqual(["campaign.gitlab-ci.yml", "part-1.yml", "part-2.yml", "part-3.yml"]);
  const [parent, first, second, third] = files.map(read) as [Document, Document, Document, Document];
  expect(parent.stages).toEqual(["plan", "part-1", "part-2", "part-3", "report"]);
  expect(scriptOf(parent, "plan")).toContain("cp ci/waves/part-2.yml mogplex-pipeline/part-2.yml");
  expect(job(parent, "part-2").trigger).toEqual({
    include: [{ artifact: "mogplex-pipeline/part-2.yml", job: "plan" }],
    strategy: "depend",
  });
  expect([first, second, third].map(({ stages }) => [stages[1], stages.at(-1)])).toEqual([
    ["wave-1", "wave-200"],
    ["wave-201", "wave-400"],
    ["wave-401", "wave-450"],
  ]);
  expect(job(second, "wave-201")).toMatchObject({ when: "delayed", dependencies: ["plan"] });
  expect(job(second, "wave-211").when).toBe("manual");
  expect(scriptOf(third, ".mogplex-wave")).toContain("--home 'git:origin#mogplex-campaign/codemod'");
});

test("renderGitlab() refuses a file that GitLab would not take, and files whose names the jobs need", () => {
  const includes = Array.from(
    { length: 40_000 },
    (_, index) => carriedFile(`tasks/${String(index).padStart(60, "0")}`),
  );
  expect(() => renderGitlab(sampleInput({ includes }))).toThrow("at most 5000000 bytes");
  for (const path of ["mogplex.mjs", "mogplex-waves/1/lock.json", "mogplex-campaign/x"]) {
    expect(() => renderGitlab(sampleInput({ includes: [carriedFile(path)] }))).toThrow(
      "has a name that is reserved for the jobs",
    );
  }
});

test("renderGitlab() has each job tried again after the failures of a runner, and after a stopped one in GitLab's newer word when asked", () => {
  const words = (retryInterrupted: boolean) => {
    const { retry } = job(only(sampleInput({ settings: { retryInterrupted } })), ".mogplex-job") as Job & {
      retry: { max: number; when: string[] };
    };
    expect(retry.max).toBe(2);
    return retry.when;
  };
  expect(words(false)).toEqual([...RETRY_WHEN, "stuck_or_timeout_failure", "scheduler_failure", "stale_schedule"]);
  expect(words(false)).not.toContain(RUNNER_INTERRUPTED);
  expect(words(true)).toEqual([...words(false), RUNNER_INTERRUPTED]);
});

test("the documents say what to do for every code of a wave that is not green, killed and stopped ones included", () => {
  const document = readFileSync(join(root, "docs/campaigns.md"), "utf8");
  const table = /### When a wave is not green\n([^]*?)\n\n[A-Z]/.exec(document)?.[1] ?? "";
  const told = [...table.matchAll(/^\| (?:red|yellow), ([^|]*)\|/gm)].flatMap(([, codes = ""]) =>
    codes.match(/\d+/g) ?? []
  );
  const codes = (campaignAdvanceVerb.codes ?? []).flat().map((name) => EXIT[name]).filter((code) =>
    code !== EXIT.success
  );
  expect([137, ...codes].map(String).filter((code) => !told.includes(code))).toEqual([]);
});
