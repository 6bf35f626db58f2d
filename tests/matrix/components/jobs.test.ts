/** What people do with the jobs of the components: retry, schedule, include twice, hand on, follow later; and what others try. */
import { beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { CANCEL, type Recorder, START, startRecorder } from "../../programs/processes/world/recorder.ts";
import { filesBelow, type Service, sharedService } from "../../programs/processes/world/service.ts";
import {
  CAN_RUN,
  cleanCheckout,
  commitAll,
  imageOf,
  include,
  newProject,
  type Pipeline,
  predefined,
  projectVariables,
  runPipeline,
  templateFiles,
  writeFiles,
} from "../../programs/components/project.ts";

const RUNTIMES = ["deno", "bun", "node"] as const;

let service: Service;
const files = templateFiles("templates/run.yml", "templates/follow.yml");

beforeAll(async () => {
  service = await sharedService();
});

interface Project {
  cwd: string;
  recorder: Recorder;
  /** Runs the pipeline, or one job of it again, in a clean checkout. The default image has the runtime that starts quickest. */
  run(
    options?: {
      retry?: string;
      args?: string[];
      variables?: Record<string, string>;
      /** A variable that the project does not have. */
      without?: string;
      image?: "deno" | "bun" | "node" | "none";
    },
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
    run({ retry, args, variables, without, image = "bun" } = {}) {
      cleanCheckout(cwd);
      return runPipeline(cwd, {
        image: imageOf(service.folder, image),
        variables: Object.fromEntries(Object.entries({ ...own, ...variables }).filter(([name]) => name !== without)),
        retry,
        args: args ?? [],
      });
    },
    prompts: () => recorder.of(START).map(({ body }) => JSON.parse(body).prompt),
  };
}

const run = (inputs: Record<string, unknown>) => include("run", { prompt: "<success>", ...inputs });
const runIdIn = (log: string | undefined) => /(?:started|attached to) run (\S+)/.exec(log ?? "")?.[1];

test.skipIf(!CAN_RUN).each(RUNTIMES)(
  "the run component hands a hostile prompt over byte for byte but for blanks around it, and executes nothing of it, on %s",
  async (image) => {
    const prompt =
      `<success> "it's" $(touch PWNED) \`touch PWNED\` $HOME \${CI_JOB_TOKEN} $$ \\n \\\\ %s && touch PWNED; #"'\n` +
      "second line\twith a tab, ünïcødé 🚀 and $[[ inputs.image ]]\nMOGPLEX_EOF\n";
    const { cwd, run: pipeline, prompts } = await project({
      include: [
        run({ prompt }),
        ...image === "deno" ? [run({ "job-name": "odd-branch", branch: "x/$(touch PWNED)" })] : [],
      ],
    });
    const { jobs } = await pipeline({ image });
    expect(Object.values(jobs).map(({ code }) => code)).toEqual(image === "deno" ? [0, 2] : [0]);
    expect(prompts()).toEqual([prompt.trim()]);
    expect(existsSync(join(cwd, "PWNED"))).toBe(false);
  },
);

test.skipIf(!CAN_RUN)(
  "a retried job attaches to the run of its pipeline, and a new pipeline starts one of its own",
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
);

test.skipIf(!CAN_RUN)("a job that is retried after its run failed starts afresh", async () => {
  const { run: pipeline, recorder } = await project({ include: [run({ prompt: "<agent-failure>" })] });
  const first = await pipeline();
  const retried = await pipeline({ retry: "mogplex-run" });
  expect(first.jobs["mogplex-run"]?.code).toBe(1);
  expect(retried.jobs["mogplex-run"]?.log).toMatch(/> started run /);
  expect(recorder.of(START).at(-1)?.key).toMatch(/^ci1-[0-9a-f]{40}\.2$/);
  expect(runIdIn(retried.jobs["mogplex-run"]?.log)).not.toBe(runIdIn(first.jobs["mogplex-run"]?.log));
});

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
});

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
});

test.skipIf(!CAN_RUN)(
  "an empty input uses the variable of the project, and a given input wins over that variable",
  async () => {
    const { run: pipeline, recorder } = await project({
      include: [include("run", {}), run({ "job-name": "given", root: "web" })],
    });
    const variables = { MOGPLEX_PROMPT: "<success> from the project", MOGPLEX_ROOT: "api" };
    await pipeline({ variables });
    expect(
      recorder.of(START).map(({ body }) => JSON.parse(body)).map((
        { prompt, rootDirectory },
      ) => [prompt, rootDirectory]),
    ).toEqual([
      ["<success> from the project", "api"],
      ["<success>", "web"],
    ]);
  },
);

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
    `> reason        Cannot read prompt: file "stolen.md" is outside the working directory`,
  );
  expect(jobs["job-2"]?.log).toContain(
    `> error: Cannot read prompt because input prompt-file must be a path inside the project`,
  );
  expect(prompts()).toEqual(["<success> from a file"]);
});

test.skipIf(!CAN_RUN)("a hostile checkout neither changes what runs nor where it writes", async () => {
  const evil = `console.log("EVIL", Object.keys(process.env)); process.exit(0);\n`;
  const outside = mkdtempSync(join(service.folder, "outside-"));
  const { cwd } = await project({
    include: (["deno", "bun", "node"] as const).map((runtime) => run({ "job-name": runtime, runtime })),
  }, {
    "evil.mjs": evil,
    ".env": "MOGPLEX_URL=https://evil.example\n",
    "bunfig.toml": `preload = ["./evil.mjs"]\n`,
    "deno.json": `{"imports":{"node:process":"./evil.mjs"}}\n`,
    "tsconfig.json": `{"compilerOptions":{"baseUrl":".","paths":{"*":["./evil.mjs"],"node:process":["./evil.mjs"]}}}\n`,
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
});

test.skipIf(!CAN_RUN)("reports that a checkout brings along are never published as those of the job", async () => {
  const forged =
    "MOGPLEX_OUTCOME=success\nMOGPLEX_URL=https://evil.example\nNODE_OPTIONS=--require=./mogplex-ci/evil.js\n";
  const { run: pipeline } = await project({
    stages: ["test", "deploy"],
    include: [
      run({ "job-name": "no-token", "token-variable": "EMPTY_TOKEN" }),
      run({ "job-name": "no-runtime", runtime: "node" }),
      run({ "job-name": "one-report", report: "junit" }),
    ],
    show: { stage: "deploy", when: "always", script: ['echo "got $NODE_OPTIONS"'] },
  }, { "mogplex-ci/outputs.env": forged, "mogplex-ci/junit.xml": "<testsuites/>", "mogplex-ci/evil.js": "" });
  const { jobs } = await pipeline({ variables: { EMPTY_TOKEN: "" } });
  const published = Object.entries(jobs).flatMap(([name, { artifacts }]) =>
    Object.entries(filesBelow(artifacts)).filter(([path, text]) =>
      text.includes("evil.example") || path.endsWith("evil.js")
    )
      .map(([path]) => `${name}: ${path}`)
  );
  expect(published).toEqual([]);
  expect(filesBelow(jobs["one-report"]?.artifacts ?? "")["mogplex-ci/junit.xml"]).toContain("Verdict");
  expect(jobs.show?.log).not.toContain("evil");
});

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
      "> error: Cannot start the tool: its checksum does not match this component",
    );
    expect(text).not.toContain("EVIL");
    expect(recorder.requests).toEqual([]);
  },
);

test.skipIf(!CAN_RUN)(
  "an image without a runtime, and a text that is not an address, end with 2 before anything is sent",
  async () => {
    const { run: pipeline, recorder } = await project({ include: [run({})] });
    const bare = await pipeline({ image: "none" });
    expect(bare.jobs["mogplex-run"]?.code).toBe(2);
    expect(bare.jobs["mogplex-run"]?.log).toContain(
      "> error: Cannot run the tool because the image has neither deno nor bun nor node",
    );
    const urls = [
      "https://good.example,evil.example",
      "https://good.example --allow-all",
      "https://user:pw@evil.example",
      "ftp://x",
    ];
    // A variable of the project would win over those of its jobs.
    const odd = await project({
      include: urls.map((_, index) => run({ "job-name": `url-${index}` })),
      ...Object.fromEntries(urls.map((url, index) => [`url-${index}`, { variables: { MOGPLEX_URL: url } }])),
    });
    // Deno would take a list of hosts for its permissions.
    const { jobs } = await odd.run({ image: "deno", without: "MOGPLEX_URL" });
    expect(Object.values(jobs).map(({ code }) => code)).toEqual(urls.map(() => 2));
    expect(odd.recorder.requests).toEqual([]);
    expect(recorder.requests).toEqual([]);
  },
);

test.skipIf(!CAN_RUN)(
  "a wait that is too long for the script's limit ends with 2 before anything is sent",
  async () => {
    const { run: pipeline, recorder } = await project({
      include: [
        run({ timeout: 600, "timeout-minutes": 10 }),
        run({ "job-name": "fits", timeout: 480, "timeout-minutes": 10 }),
      ],
    });
    const { jobs } = await pipeline();
    expect(jobs["mogplex-run"]?.code).toBe(2);
    expect(jobs["mogplex-run"]?.log).toContain("Wait at most 480 seconds, or allow more time");
    expect(jobs.fits?.code).toBe(0);
    expect(recorder.of(START)).toHaveLength(1);
  },
);

test.skipIf(!CAN_RUN)(
  "allow-failure turns a deadline yellow, but no failure of the agent; without, both are red",
  async () => {
    const late = { prompt: "<stuck-pending>", timeout: 1 };
    const failed = { prompt: "<agent-failure>", "allow-failure": true };
    const { run: pipeline } = await project({
      include: [
        run({ ...late, "job-name": "late-allowed", "allow-failure": true }),
        run({ ...late, "job-name": "late" }),
        run({ ...failed, "job-name": "failed-allowed" }),
        run({ ...failed, "job-name": "failed-chosen", "allow-failure-exit-codes": [1] }),
      ],
    });
    const { jobs } = await pipeline();
    expect(Object.fromEntries(Object.entries(jobs).map(([name, { code, color }]) => [name, `${code} ${color}`])))
      .toEqual({
        "late-allowed": "124 yellow",
        "late": "124 red",
        "failed-allowed": "1 red",
        "failed-chosen": "1 yellow",
      });
  },
);

test.skipIf(!CAN_RUN)(
  "inputs reach the service, and decide what becomes of the run",
  async () => {
    const { run: pipeline, recorder } = await project({
      include: [
        run({
          "job-name": "chosen",
          harness: "claude-code",
          mode: "SAFE",
          "base-branch": "release/1.x",
          branch: "agent/fix",
          "create-branch": false,
          root: "apps/web",
          "idempotency-key": "mine-1",
        }),
        run({ "job-name": "late", prompt: "<stuck-pending>", timeout: 1, "on-timeout": "cancel" }),
      ],
    });
    const { jobs } = await pipeline();
    expect([jobs.chosen?.code, jobs.late?.code]).toEqual([0, 124]);
    const [chosen, late] = recorder.of(START);
    expect(JSON.parse(chosen?.body ?? "")).toEqual({
      repoId: expect.any(String),
      prompt: "<success>",
      harness: "claude-code",
      mode: "SAFE",
      baseBranch: "release/1.x",
      workingBranch: "agent/fix",
      createBranch: false,
      rootDirectory: "apps/web",
    });
    expect([chosen?.key, jobs.chosen?.code]).toEqual(["mine-1", 0]);
    expect(JSON.parse(late?.body ?? "")).toMatchObject({ createBranch: true });
    expect(recorder.of(CANCEL)).toHaveLength(1);
    expect(await service.status(runIdIn(jobs.late?.log) ?? "")).toBe("cancelled");
  },
);

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
});

test.skipIf(!CAN_RUN)("a runtime that the image does not have is named, and ends with 2", async () => {
  const { run: pipeline, recorder } = await project({ include: [run({ runtime: "node" })] });
  const { jobs } = await pipeline();
  expect(jobs["mogplex-run"]?.code).toBe(2);
  expect(jobs["mogplex-run"]?.log).toContain("> error: Cannot run the tool because the image has no node: ");
  expect(recorder.requests).toEqual([]);
});
