/** What people do with the jobs of the components: retry, schedule, include twice, hand on, follow later; and what others try. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { type Recorder, startRecorder } from "../processes/recorder.ts";
import { type Service, startService } from "../processes/service.ts";
import { START } from "../processes/stage.ts";
import {
  CAN_RUN,
  cleanCheckout,
  commitAll,
  filesBelow,
  imageOf,
  include,
  newProject,
  type Pipeline,
  projectVariables,
  runPipeline,
  templates,
  writeFiles,
} from "./project.ts";

let service: Service;
let files: Record<string, string> = {};

beforeAll(async () => {
  service = await startService();
  files = Object.fromEntries(Object.entries(await templates()).map(([name, text]) => [`templates/${name}.yml`, text]));
}, 60_000);

afterAll(() => service.close());

interface Project {
  cwd: string;
  recorder: Recorder;
  /** Runs the pipeline, or one job of it again, in a clean checkout. */
  run(
    options?: { retry?: string; args?: string[]; variables?: Record<string, string>; image?: "deno" | "none" },
  ): Promise<Pipeline>;
  /** Prompts of the starts so far. */
  prompts(): string[];
}

/** A project with a pipeline that has these parts; `more` are further files. */
async function project(pipeline: Record<string, unknown>, more: Record<string, string> = {}): Promise<Project> {
  const recorder = await startRecorder(service.url);
  const cwd = newProject(service.folder, "project", { ...files, ".gitlab-ci.yml": stringify(pipeline), ...more });
  const own = projectVariables(recorder.url, service.token());
  return {
    cwd,
    recorder,
    run({ retry, args, variables, image = "deno" } = {}) {
      cleanCheckout(cwd);
      return runPipeline(cwd, {
        image: imageOf(service.folder, image),
        variables: { ...own, ...variables },
        retry,
        args,
      });
    },
    prompts: () => recorder.of(START).map(({ body }) => JSON.parse(body).prompt),
  };
}

const run = (inputs: Record<string, unknown>) => include("run", { prompt: "<success>", ...inputs });
const runIdIn = (log: string | undefined) => /(?:started|attached to) run (\S+)/.exec(log ?? "")?.[1];
/** Predefined variables as a server would set them. */
function predefined(values: Record<string, string>): string[] {
  const set = Object.entries(values).flatMap(([name, value]) => ["--variable", `${name}=${value}`]);
  return [...set, "--ignore-predefined-vars", Object.keys(values).join(",")];
}

test.skipIf(!CAN_RUN)(
  "the run component hands a hostile prompt over byte for byte, and nothing of it is executed",
  async () => {
    const prompt =
      `<success> "it's" $(touch PWNED) \`touch PWNED\` $HOME \${CI_JOB_TOKEN} $$ \\n \\\\ %s && touch PWNED; #"'\n` +
      "second line\twith a tab, ünïcødé 🚀 and $[[ inputs.image ]]\nMOGPLEX_EOF\n";
    const { cwd, run: pipeline, prompts } = await project({
      include: [run({ prompt }), run({ "job-name": "odd-branch", branch: "x/$(touch PWNED)" })],
    });
    const { jobs } = await pipeline();
    expect([jobs["mogplex-run"]?.code, jobs["odd-branch"]?.code]).toEqual([0, 2]);
    expect(prompts()).toEqual([prompt.trim()]);
    expect(existsSync(join(cwd, "PWNED"))).toBe(false);
  },
  60_000,
);

test.skipIf(!CAN_RUN)(
  "a retried job attaches to the run of its pipeline; a new pipeline starts one of its own",
  async () => {
    const { run: pipeline, recorder } = await project({ include: [run({})] });
    const first = await pipeline();
    const retried = await pipeline({ retry: "mogplex-run" });
    expect(retried.jobs["mogplex-run"]?.artifact("mogplex-ci/outputs.env")).toContain("MOGPLEX_REPLAYED=true\n");
    const next = await pipeline();
    const ids = [first, retried, next].map(({ jobs }) => runIdIn(jobs["mogplex-run"]?.log));
    expect(ids[1]).toBe(ids[0] as string);
    expect(ids[2]).not.toBe(ids[0]);
    expect(retried.jobs["mogplex-run"]?.log).toContain("> attached to run ");
    expect(new Set(recorder.of(START).map(({ key }) => key)).size).toBe(2);
  },
  60_000,
);

test.skipIf(!CAN_RUN)("a job that is retried after its run failed starts afresh", async () => {
  const { run: pipeline } = await project({ include: [run({ prompt: "<agent-failure>" })] });
  const first = await pipeline();
  const retried = await pipeline({ retry: "mogplex-run" });
  expect(first.jobs["mogplex-run"]?.code).toBe(1);
  expect(retried.jobs["mogplex-run"]?.log).toMatch(/> started run .*\n(?:.*\n)*?> key ci1-[0-9a-f]{40}\.2$/m);
  expect(runIdIn(retried.jobs["mogplex-run"]?.log)).not.toBe(runIdIn(first.jobs["mogplex-run"]?.log));
}, 60_000);

test.skipIf(!CAN_RUN)(
  "a schedule with key-scope day starts one run a day, whatever number of pipelines it makes",
  async () => {
    const rules = [{ if: '$CI_PIPELINE_SOURCE == "schedule"' }];
    const { run: pipeline } = await project({
      include: [run({ "key-scope": "day", rules })],
      always: { script: ["true"] },
    });
    const ends = [];
    for (const created of ["2026-11-24T00:01:00Z", "2026-11-24T23:59:00Z", "2026-11-25T00:01:00Z"]) {
      const args = predefined({ CI_PIPELINE_SOURCE: "schedule", CI_PIPELINE_CREATED_AT: created });
      ends.push(await pipeline({ args }));
    }
    const ids = ends.map(({ jobs }) => runIdIn(jobs["mogplex-run"]?.log));
    expect(ids[1]).toBe(ids[0] as string);
    expect(ids[2]).not.toBe(ids[0]);
    expect((await pipeline()).jobs["mogplex-run"]).toBeUndefined();
  },
  60_000,
);

test.skipIf(!CAN_RUN)("the component can be included twice, and a later job reads what a job hands on", async () => {
  const { run: pipeline, prompts } = await project({
    stages: ["test", "deploy"],
    include: [
      run({ prompt: "<success> one" }),
      run({ "job-name": "second-agent", prompt: "<success> two", out: "other" }),
    ],
    show: {
      stage: "deploy",
      needs: ["mogplex-run"],
      script: ['echo "got $MOGPLEX_RUN_ID $MOGPLEX_OUTCOME $MOGPLEX_BRANCH"'],
    },
  });
  const { jobs } = await pipeline();
  const id = runIdIn(jobs["mogplex-run"]?.log);
  expect(jobs.show?.log).toMatch(new RegExp(`^> got ${id} success mogplex/external/\\S+$`, "m"));
  expect(prompts().sort()).toEqual(["<success> one", "<success> two"]);
  expect(Object.keys(filesBelow(jobs["second-agent"]?.artifacts ?? ""))).toContain("other/result.json");
}, 60_000);

test.skipIf(!CAN_RUN)(
  "the follow component ends with the verdict of the run that an earlier job only started",
  async () => {
    const { run: pipeline, recorder } = await project({
      include: [run({ follow: false, prompt: "<agent-failure>" }), include("follow", {})],
    });
    const { jobs } = await pipeline();
    expect(jobs["mogplex-run"]?.code).toBe(0);
    expect(jobs["mogplex-run"]?.log).toContain("> verdict       started, not followed (exit code 0)");
    expect(jobs["mogplex-follow"]?.code).toBe(1);
    expect(jobs["mogplex-follow"]?.log).toContain("> reason        Agent run exited with code 1.");
    expect(recorder.of(START)).toHaveLength(1);
  },
  60_000,
);

test.skipIf(!CAN_RUN)("what an earlier job hands on never becomes a setting of a later run", async () => {
  const { run: pipeline, recorder } = await project({
    include: [
      run({}),
      run({ "job-name": "next", needs: ["mogplex-run"], prompt: "<success> next" }),
    ],
  });
  await pipeline();
  const [first, second] = recorder.of(START).map(({ body }) => JSON.parse(body));
  expect(Object.keys(second).sort()).toEqual(Object.keys(first).sort());
  expect(second.workingBranch).toBeUndefined();
}, 60_000);

test.skipIf(!CAN_RUN)("an empty input leaves it to the variable of the project; a given one wins over it", async () => {
  const { run: pipeline, recorder } = await project({
    include: [include("run", {}), run({ "job-name": "given", root: "web" })],
  });
  const variables = { MOGPLEX_PROMPT: "<success> from the project", MOGPLEX_ROOT: "api" };
  await pipeline({ variables });
  expect(
    recorder.of(START).map(({ body }) => JSON.parse(body)).map(({ prompt, rootDirectory }) => [prompt, rootDirectory]),
  ).toEqual([
    ["<success> from the project", "api"],
    ["<success>", "web"],
  ]);
}, 60_000);

test.skipIf(!CAN_RUN)("the task can be a file of the project, but no link out of it", async () => {
  const { cwd, run: pipeline, prompts } = await project({
    include: ["task.md", "stolen.md", "../outside.md", "/etc/hostname"].map((file, index) =>
      include("run", { "job-name": `job-${index}`, "prompt-file": file })
    ),
  }, { "task.md": "<success> from a file\n" });
  symlinkSync("/etc/hostname", join(cwd, "stolen.md"));
  commitAll(cwd);
  const { jobs } = await pipeline();
  expect(Object.values(jobs).map(({ code }) => code)).toEqual([0, 2, 2, 2]);
  expect(jobs["job-1"]?.log).toContain(
    `> error: Cannot read prompt: file "stolen.md" leads out of the working directory`,
  );
  expect(jobs["job-2"]?.log).toContain(
    `> error: Cannot read prompt: input prompt-file must be a path inside the project`,
  );
  expect(prompts()).toEqual(["<success> from a file"]);
}, 60_000);

test.skipIf(!CAN_RUN)("a hostile checkout neither changes what runs nor where it writes", async () => {
  const evil = `console.log("EVIL", Object.keys(process.env)); process.exit(0);\n`;
  const outside = mkdtempSync(join(service.folder, "outside-"));
  const { cwd, run: pipeline } = await project({
    include: (["deno", "bun", "node"] as const).map((runtime) => run({ "job-name": runtime, runtime })),
  }, {
    "evil.mjs": evil,
    ".env": "MOGPLEX_URL=https://evil.example\n",
    "bunfig.toml": `preload = ["./evil.mjs"]\n`,
    "deno.json": `{"imports":{"node:process":"./evil.mjs"}}\n`,
    "tsconfig.json": `{"compilerOptions":{"paths":{"node:process":["./evil.mjs"]}}}\n`,
  });
  symlinkSync(outside, join(cwd, ".mogplex-ci"));
  commitAll(cwd);
  for (const runtime of ["deno", "bun", "node"] as const) {
    cleanCheckout(cwd);
    const image = imageOf(service.folder, runtime);
    const variables = projectVariables(service.url, service.token());
    const { jobs, text } = await runPipeline(cwd, { image, variables, retry: runtime });
    expect({ runtime, code: jobs[runtime]?.code }).toEqual({ runtime, code: 0 });
    expect(text).not.toContain("EVIL");
  }
  expect(filesBelow(outside)).toEqual({});
  expect(typeof pipeline).toBe("function");
}, 90_000);

test.skipIf(!CAN_RUN)(
  "nothing runs when the program does not have its checksum, not even in after_script",
  async () => {
    const { cwd, run: pipeline, recorder } = await project({ include: [run({})] });
    const path = join(cwd, "templates/run.yml");
    const template = readFileSync(path, "utf8");
    // Another program, packed as well as ours.
    const body = /MOGPLEX_EOF'[^\n]*\n( *)([\s\S]*?)\n *MOGPLEX_EOF$/m.exec(template);
    const evil = Buffer.from(Bun.gzipSync(new TextEncoder().encode(`console.log("EVIL");`))).toString("base64");
    writeFiles(cwd, { "templates/run.yml": template.replace(body?.[2] ?? "?", evil) });
    commitAll(cwd);
    const { jobs, text } = await pipeline();
    expect(jobs["mogplex-run"]?.code).toBe(70);
    expect(jobs["mogplex-run"]?.log).toContain(
      "> error: Cannot start the tool: its checksum is not the one of this component",
    );
    expect(text).not.toContain("EVIL");
    expect(recorder.requests).toEqual([]);
  },
  60_000,
);

test.skipIf(!CAN_RUN)(
  "an image without a runtime, and an address that is none, end with 2 before anything is sent",
  async () => {
    const { run: pipeline, recorder } = await project({ include: [run({})] });
    const bare = await pipeline({ image: "none" });
    expect(bare.jobs["mogplex-run"]?.code).toBe(2);
    expect(bare.jobs["mogplex-run"]?.log).toContain(
      "> error: Cannot run the tool as the image has neither deno nor bun nor node",
    );
    for (
      const url of [
        "https://good.example,evil.example",
        "https://good.example --allow-all",
        "https://user:pw@evil.example",
        "ftp://x",
      ]
    ) {
      const { jobs } = await pipeline({ variables: { MOGPLEX_URL: url } });
      expect({ url, code: jobs["mogplex-run"]?.code }).toEqual({ url, code: 2 });
    }
    expect(recorder.requests).toEqual([]);
  },
  90_000,
);

test.skipIf(!CAN_RUN)(
  "a wait that the script's limit leaves no time for ends with 2 before anything is sent",
  async () => {
    const { run: pipeline, recorder } = await project({
      include: [
        run({ timeout: 600, "timeout-minutes": 10 }),
        run({ "job-name": "fits", timeout: 480, "timeout-minutes": 10 }),
      ],
    });
    const { jobs } = await pipeline();
    expect(jobs["mogplex-run"]?.code).toBe(2);
    expect(jobs["mogplex-run"]?.log).toContain("give at most 480, or more time");
    expect(jobs.fits?.code).toBe(0);
    expect(recorder.of(START)).toHaveLength(1);
  },
  60_000,
);

test.skipIf(!CAN_RUN)("allow-failure turns the job yellow; without, the pipeline is red", async () => {
  const { run: pipeline } = await project({
    include: [run({ "job-name": "yellow", prompt: "<stuck-pending>", timeout: 1, "allow-failure": true })],
  });
  const { text } = await pipeline();
  expect(text).toMatch(/^ WARN {2}yellow\b/m);
}, 60_000);

test.skipIf(!CAN_RUN)("a before_script that goes elsewhere takes neither reports nor clean-up with it", async () => {
  const { cwd, run: pipeline } = await project({
    include: [run({})],
    "mogplex-run": { before_script: ["mkdir -p sub", "cd sub"] },
  });
  const { jobs } = await pipeline({
    variables: { CI_PROJECT_DIR: cwd },
    args: ["--ignore-predefined-vars", "CI_PROJECT_DIR"],
  });
  expect(jobs["mogplex-run"]?.code).toBe(0);
  expect(jobs["mogplex-run"]?.artifact("mogplex-ci/outputs.env")).toContain("MOGPLEX_OUTCOME=success\n");
  expect(jobs["mogplex-run"]?.log).toContain("> nothing to clean up: the run has ended, or none was started");
}, 60_000);

test.skipIf(!CAN_RUN)("a runtime that the image does not have is named, and ends with 2", async () => {
  const { run: pipeline, recorder } = await project({ include: [run({ runtime: "node" })] });
  const { jobs } = await pipeline();
  expect(jobs["mogplex-run"]?.code).toBe(2);
  expect(jobs["mogplex-run"]?.log).toContain("> error: Cannot run the tool as the image has no node: ");
  expect(recorder.requests).toEqual([]);
}, 60_000);
