/** The sources of the GitLab components against GitLab's rules and our own. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { HARNESSES, MODES } from "../../../lib/service/contract.ts";
import { flagsOf } from "../../../lib/cli/verb.ts";
import { dashboardVerb } from "../../../lib/cli/dashboard.ts";
import { runFollowVerb } from "../../../lib/cli/verbs/run_follow.ts";
import { main as dashboardMain } from "../../../lib/cli/component/dashboard.ts";
import { main as runMain } from "../../../lib/cli/component/main.ts";
import { EXIT } from "../../../lib/exit_codes.ts";
import { predictPipeline } from "../../../lib/cli/setup/gitlab_rules.ts";
import { ON_INTERRUPT, ON_TIMEOUT } from "../../../lib/run/interrupts.ts";
import { KEY_SCOPES } from "../../../lib/run/key.ts";
import { INTERRUPTED_SINCE, RETRY_WHEN, RUNNER_INTERRUPTED } from "../../../lib/ci/gitlab_retry.ts";
import { componentNames, withPieces } from "../../../tools/build/templates.ts";
import { root } from "../../../tools/setup.mjs";
import { fakeIo } from "../cli/fake_io.ts";

interface Input {
  description?: string;
  default?: unknown;
  type?: string;
  regex?: string;
  options?: unknown[];
}

interface Job extends Record<string, unknown> {
  script?: string[];
  before_script?: string[];
  after_script?: string[];
  variables?: Record<string, unknown>;
}

interface Template {
  inputs: Record<string, Input>;
  spec: Record<string, unknown>;
  jobs: Record<string, Job>;
  job: Job;
}

/** Every component, and those that carry the program: that of campaigns is in the project. */
const everyOne = new Map(componentNames().map((name) => [name, templateOf(name)]));
const all = new Map([...everyOne].filter(([name]) => name !== "campaign"));

function templateOf(name: string): Template {
  const text = withPieces(readFileSync(join(root, "components", name, "template.yml"), "utf8"));
  const [head, jobs] = parseAllDocuments(text).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS();
  });
  return { spec: head.spec, inputs: head.spec.inputs, jobs, job: jobs["$[[ inputs.job-name ]]"] };
}

const each = (check: (template: Template, name: string) => void, of: ReadonlyMap<string, Template> = all) => () => {
  expect(of.size).toBeGreaterThan(1);
  for (const [name, template] of of) check(template, name);
};

const BLOCK = /\$\[\[\s*inputs\.([\w-]+)\s*\]\]/g;
const usedIn = (value: unknown) => [...JSON.stringify(value).matchAll(BLOCK)].map((match) => match[1] as string);
const isFreeText = ({ type = "string", regex, options }: Input) =>
  type === "string" && regex === undefined && options === undefined;

test(
  "headers hold inputs only, each with a description, a type that the catalog takes, and an anchored pattern",
  each(({ spec, inputs }) => {
    expect(Object.keys(spec)).toEqual(["inputs"]);
    for (const [name, input] of Object.entries(inputs)) {
      expect(name).toMatch(/^[a-z][a-z0-9-]*$/);
      const keys = Object.keys(input).filter((key) =>
        !["description", "default", "type", "regex", "options"].includes(key)
      );
      expect({ name, keys }).toEqual({ name, keys: [] });
      expect(input.description).toMatch(/^[A-Z].*\.$/);
      const { type = "string", regex, options } = input;
      expect(["string", "number", "boolean", "array"]).toContain(type);
      // Source: catalog_resource_component_spec.json: array, boolean, integer or string; no float, no null.
      const ofType = {
        string: (value: unknown) => typeof value === "string",
        number: Number.isInteger,
        array: Array.isArray,
      };
      const fits = type === "boolean"
        ? typeof input.default === "boolean"
        : ofType[type as keyof typeof ofType](input.default);
      expect({ name, fits }).toEqual({ name, fits: true });
      if (regex !== undefined) {
        expect(type).toBe("string");
        expect(regex).toMatch(/^\^.*\$$/);
        expect(String(input.default)).toMatch(new RegExp(regex));
      }
      if (options !== undefined) {
        expect(options.length).toBeLessThanOrEqual(50);
        expect(options).toContain(input.default);
      }
    }
  }, everyOne),
);

test(
  "every input is used, and nothing else is",
  each(({ inputs, jobs }) => {
    expect([...new Set(usedIn(jobs))].sort()).toEqual(Object.keys(inputs).sort());
  }, everyOne),
);

test(
  "no input stands in a script but true or false",
  each(({ jobs, inputs }) => {
    for (const job of Object.values(jobs)) {
      for (const lines of [job.script, job.before_script, job.after_script]) {
        const text = JSON.stringify(lines ?? []).replace(
          BLOCK,
          (whole, name: string) => inputs[name]?.type === "boolean" ? "" : whole,
        );
        expect(text).not.toContain("$[[");
      }
    }
  }, everyOne),
);

test(
  "what people type reaches the tool as a whole variable that nothing expands, or not at all",
  each(({ inputs, job, jobs }, component) => {
    const free = Object.entries(inputs).filter(([, input]) => isFreeText(input)).map(([name]) => name);
    if (component === "run") expect(free).toContain("prompt");
    const { variables = {}, ...rest } = job;
    for (const [variable, value] of Object.entries(variables)) {
      for (const name of usedIn(value).filter((each) => free.includes(each))) {
        expect({ variable, value }).toEqual({ variable, value: { value: `$[[ inputs.${name} ]]`, expand: false } });
      }
    }
    // GitLab checks the name of an image, as it checks every other keyword.
    const elsewhere = usedIn({ ...jobs, "$[[ inputs.job-name ]]": rest }).filter((name) => free.includes(name));
    expect([...new Set(elsewhere)].sort()).toEqual(["image"]);
  }, everyOne),
);

/** The variables that the program of a component may read. */
async function permittedTo(component: string): Promise<string[]> {
  const io = fakeIo();
  expect(await (component === "dashboard" ? dashboardMain : runMain)(["permissions"], io)).toBe(0);
  return /--allow-env=(\S+)/.exec(io.text.stdout)?.[1]?.split(",") ?? [];
}

test("no variable of ours hides or loses to one that people are asked to set", async () => {
  for (const [component, { job }] of all) {
    const names = Object.keys(job.variables ?? {}).filter((name) => name.startsWith("MOGPLEX_"));
    expect(names.length).toBeGreaterThan(4);
    for (const name of names) expect(name).toStartWith("MOGPLEX_INPUT_");
    // The program would silently ignore a variable that it does not read. The script reads the runtime.
    const read = [...await permittedTo(component), "MOGPLEX_INPUT_RUNTIME"];
    expect(names.filter((name) => !read.includes(name))).toEqual([]);
  }
});

test("the run component has an input for every flag of run --follow", () => {
  const flags = flagsOf(runFollowVerb).map(({ name }) => name);
  const named: Record<string, string> = { repo: "repo-id" };
  // Output for programs is no use in a job log; the component sets the path of the state file; input follow sets --detach.
  // Input create-branch is true or false; a CI job remembers no run of its folder, and names its repository.
  // Traces belong to the command alone; a job has no browser.
  const without = [
    "json",
    "state",
    "detach",
    "no-create-branch",
    "new",
    "otel-file",
    "open",
    "forge-host",
  ];
  const inputs = Object.keys(all.get("run")?.inputs ?? {});
  expect(flags.filter((flag) => !without.includes(flag) && !inputs.includes(named[flag] ?? flag))).toEqual([]);
});

test("the dashboard component has an input for every flag of dashboard that says what is read", () => {
  const flags = flagsOf(dashboardVerb).map(({ name }) => name);
  const inputs = Object.keys(all.get("dashboard")?.inputs ?? {});
  expect(flags.filter((flag) => !inputs.includes(flag))).toEqual(["out", "json"]);
});

test("inputs that give a choice give all that the flag takes, and no more", () => {
  const inputs = all.get("run")?.inputs ?? {};
  const choices = {
    "harness": HARNESSES,
    "mode": MODES,
    "key-scope": KEY_SCOPES,
    "on-timeout": ON_TIMEOUT,
    "on-interrupt": ON_INTERRUPT,
  };
  for (const [name, values] of Object.entries(choices)) {
    expect({ name, options: inputs[name]?.options?.filter((each) => each !== "").sort() }).toEqual({
      name,
      options: [...values].sort(),
    });
  }
});

test("the run component has the inputs that people know from its first draft", () => {
  // Source: GitLab reference, skeleton of the component.
  const names = [
    "job-name",
    "stage",
    "image",
    "prompt",
    "prompt-file",
    "repo-id",
    "token-variable",
    "follow",
    "key-scope",
  ];
  expect(Object.keys(all.get("run")?.inputs ?? {})).toEqual(
    expect.arrayContaining([...names, "timeout-minutes", "rules", "tags"]),
  );
});

test("repo-id takes names, ids and variables that describe the project, but no other variable", () => {
  for (const name of ["run", "respond"]) {
    const pattern = new RegExp(all.get(name)?.inputs["repo-id"]?.regex ?? "^$");
    const good = [
      "acme-gh/$CI_PROJECT_NAME",
      "acme-gh/team-${CI_PROJECT_NAME}.js",
      "acme/web",
      crypto.randomUUID(),
      "",
    ];
    // A pipeline's form can fill in the input, and messages show it.
    const bad = [
      "acme/$CI_JOB_TOKEN",
      "acme/$SECRET",
      "acme/${MOGPLEX_API_KEY}",
      "acme/$CI_PROJECT_",
      "web",
      "a/$(id)",
    ];
    expect({ name, good: good.filter((each) => !pattern.test(each)), bad: bad.filter((each) => pattern.test(each)) })
      .toEqual({ name, good: [], bad: [] });
  }
});

test(
  "keywords of the job are what the inputs of their names say",
  each(({ job }) => {
    expect(job).toMatchObject({
      stage: "$[[ inputs.stage ]]",
      image: "$[[ inputs.image ]]",
      tags: "$[[ inputs.tags ]]",
      rules: "$[[ inputs.rules ]]",
      needs: "$[[ inputs.needs ]]",
      timeout: "$[[ inputs.job-timeout ]]",
      interruptible: "$[[ inputs.interruptible ]]",
      resource_group: "$[[ inputs.resource-group ]]",
    });
  }),
);

test(
  "the script ends before GitLab drops the job, with time for after_script and artifacts",
  each(({ inputs, job }) => {
    expect(job.variables).toMatchObject({
      MOGPLEX_INPUT_TIMEOUT_MINUTES: "$[[ inputs.timeout-minutes ]]",
      RUNNER_SCRIPT_TIMEOUT: "$[[ inputs.timeout-minutes ]]m",
      RUNNER_AFTER_SCRIPT_TIMEOUT: "2m",
    });
    const whole = /^(\d+) minutes$/.exec(String(inputs["job-timeout"]?.default))?.[1];
    expect(Number(whole)).toBeGreaterThanOrEqual(Number(inputs["timeout-minutes"]?.default) + 10);
  }),
);

test("the catalog page names the inputs that a variable of the project can replace", () => {
  const empty = Object.entries(all.get("run")?.inputs ?? {}).filter(([, input]) => input.default === "").map(([name]) =>
    name
  );
  // A key, a state file, a follow-up and a result belong to one run, so no variable of the project sets them.
  const ofResult = ["result", "schema", "result-retries", "history"];
  const named = empty.filter((name) => ![...ofResult, "idempotency-key", "resume", "after", "fix"].includes(name));
  const page = readFileSync(join(root, "components/README.md"), "utf8");
  const list = /The inputs ([^.]*) are empty by default/.exec(page)?.[1] ?? "";
  expect([...list.matchAll(/`([^`]+)`/g)].map((match) => match[1]).sort()).toEqual(named.sort());
});

test("no component's job starts on a push by default, because agents push", () => {
  for (const [name, { inputs }] of everyOne) {
    const pipeline = JSON.stringify({ job: { script: [], rules: inputs["rules"]?.default } });
    const read = (path: string) => path === ".gitlab-ci.yml" ? pipeline : undefined;
    const jobs = ["push", "merge_request_event"].map((source) => predictPipeline({ read, source }).jobs);
    expect([name, ...jobs]).toEqual([name, [], []]);
  }
});

test("allow-failure is false by default, and allows only infrastructure exit codes", () => {
  for (const { jobs, job, inputs } of all.values()) {
    expect(inputs["allow-failure"]?.default).toBe(false);
    // By default no failure of the agent and no mistake of the caller is allowed to fail.
    expect(inputs["allow-failure-exit-codes"]?.default).toEqual([EXIT.unavailable, EXIT.rateLimited, EXIT.deadline]);
    expect(job.extends).toContain(".mogplex-allow-failure-$[[ inputs.allow-failure ]]:$[[ inputs.job-name ]]");
    expect(jobs[".mogplex-allow-failure-false:$[[ inputs.job-name ]]"]).toEqual({ allow_failure: false });
    expect(jobs[".mogplex-allow-failure-true:$[[ inputs.job-name ]]"]).toEqual({
      allow_failure: { exit_codes: "$[[ inputs.allow-failure-exit-codes ]]" },
    });
  }
});

test(
  "a job is shielded from the pipeline around it, and adds nothing to it but itself",
  each(({ job, jobs }) => {
    expect(Object.keys(jobs).every((name) => name.endsWith("$[[ inputs.job-name ]]"))).toBe(true);
    const visible = ["$[[ inputs.job-name ]]", "waves-$[[ inputs.job-name ]]"];
    const hidden = Object.keys(jobs).filter((name) => !visible.includes(name));
    expect(hidden.every((name) => name.startsWith(".mogplex-"))).toBe(true);
    expect(job.inherit).toEqual({ default: false });
    expect(job).not.toHaveProperty("before_script");
  }, everyOne),
);

test(
  "a job is retried for what another try can change, never for a verdict",
  each(({ job, jobs, inputs }) => {
    expect(job.retry).toEqual({ max: 2, exit_codes: [EXIT.unavailable, EXIT.rateLimited] });
    expect([job.extends].flat()).toContain(
      ".mogplex-retry-interrupted-$[[ inputs.retry-interrupted ]]:$[[ inputs.job-name ]]",
    );
    // GitLab merges `retry` of a job with that of the job that it extends.
    const words = (value: boolean) => jobs[`.mogplex-retry-interrupted-${value}:$[[ inputs.job-name ]]`]?.retry;
    expect(words(false)).toEqual({ when: RETRY_WHEN });
    expect(words(true)).toEqual({ when: [...RETRY_WHEN, RUNNER_INTERRUPTED] });
    expect(inputs["retry-interrupted"]).toMatchObject({ type: "boolean", default: false });
    expect(inputs["retry-interrupted"]?.description).toContain(`GitLab ${INTERRUPTED_SINCE}`);
  }, everyOne),
);

test(
  "artifacts are kept whatever the verdict, and the state is not among them",
  each(({ job }, component) => {
    const artifacts = job.artifacts as Record<string, unknown>;
    // What GitLab Pages publishes, of a job that has succeeded. It starts no run.
    if (component === "dashboard") return expect(artifacts).toMatchObject({ paths: ["public/"], access: "developer" });
    expect(artifacts).toMatchObject({ when: "always", expose_as: "Mogplex run", paths: ["$[[ inputs.out ]]/"] });
    expect(Object.keys(artifacts.reports as object).sort()).toEqual(["annotations", "dotenv", "junit", "metrics"]);
    const out = all.get("run")?.inputs.out?.regex ?? "";
    // Paths of the program and of the state file.
    expect(".mogplex-ci").not.toMatch(new RegExp(out));
  }),
);

test(
  "the log of a job does not show the program, unless a variable of the project asks for it",
  each(({ job }) => {
    // Source: GitLab Runner, "Feature flags", FF_SCRIPT_SECTIONS: each line of the script is shown in full.
    expect(job.variables).toMatchObject({ FF_SCRIPT_SECTIONS: "false" });
  }),
);

test("nothing is fetched when a job runs", () => {
  for (const name of ["unpack", "launch", "finish", "campaign"]) {
    const script = readFileSync(join(root, `components/shared/${name}.sh`), "utf8");
    expect(script).not.toMatch(/\b(curl|wget|npx)\b|https?:|jsr:|(?<!--no-)\bnpm\b/);
  }
  expect(readFileSync(join(root, "components/shared/launch.sh"), "utf8")).toContain("--no-remote --no-npm");
  for (const { job } of all.values()) expect(job.variables).toMatchObject({ DENO_NO_UPDATE_CHECK: "1" });
});
