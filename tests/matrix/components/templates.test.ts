/** Checks the published file of each component against GitLab's rules and our own. */
import { beforeAll, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { HARNESSES, MODES } from "../../../lib/service/contract.ts";
import { flagsOf } from "../../../lib/cli/verb.ts";
import { dashboardVerb } from "../../../lib/cli/dashboard.ts";
import { runFollowVerb } from "../../../lib/cli/verbs/run_follow.ts";
import { main as dashboardMain } from "../../../lib/cli/component/dashboard.ts";
import { main as runMain } from "../../../lib/cli/component/main.ts";
import { EXIT } from "../../../lib/exit_codes.ts";
import { ON_INTERRUPT, ON_TIMEOUT } from "../../../lib/run/interrupts.ts";
import { KEY_SCOPES } from "../../../lib/run/key.ts";
import { INTERRUPTED_SINCE, RETRY_WHEN, RUNNER_INTERRUPTED } from "../../../lib/ci/gitlab_retry.ts";
import { VERSION } from "../../../lib/version.ts";
import { componentNames, splitTemplate, TEMPLATE_LIMIT, withPieces } from "../../../tools/build/templates.ts";
import { root, sha256 } from "../../../tools/setup.mjs";
import { built } from "../../built.ts";
import { fakeIo } from "../../unit/cli/fake_io.ts";

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
  text: string;
  inputs: Record<string, Input>;
  spec: Record<string, unknown>;
  jobs: Record<string, Job>;
  job: Job;
}

/** Every component, and those that carry the program. */
const everyOne = new Map<string, Template>();
const all = new Map<string, Template>();

beforeAll(() => {
  for (const name of componentNames()) {
    const text = readFileSync(built(`templates/${name}.yml`), "utf8");
    const [head, body] = parseAllDocuments(text).map((document) => {
      expect(document.errors).toEqual([]);
      return document.toJS();
    });
    const jobs = body as Record<string, Job>;
    const job = jobs["$[[ inputs.job-name ]]"] as Job;
    const template = { text, spec: head.spec, inputs: head.spec.inputs, jobs, job };
    everyOne.set(name, template);
    // The program of campaigns lies in the project.
    if (name !== "campaign") all.set(name, template);
  }
});

const each = (check: (template: Template, name: string) => void, of = all) => () => {
  expect([...everyOne.keys()].sort()).toEqual(componentNames());
  expect(all.size).toBeGreaterThan(1);
  for (const [name, template] of of) check(template, name);
};

const BLOCK = /\$\[\[\s*inputs\.([\w-]+)\s*\]\]/g;
const usedIn = (value: unknown) => [...JSON.stringify(value).matchAll(BLOCK)].map((match) => match[1] as string);
const isFreeText = ({ type = "string", regex, options }: Input) =>
  type === "string" && regex === undefined && options === undefined;

test("templates have names and a place that GitLab finds, and are at most thirty", () => {
  const names = componentNames();
  expect(names.length).toBeGreaterThan(1);
  expect(names.length).toBeLessThanOrEqual(30);
  // Source: gitlabhq, components_project.rb.
  for (const name of names) expect(`templates/${name}.yml`).toMatch(/^templates\/[\w-]+(?:\/template)?\.yml$/);
  const written = names.map((name) => `${name}.yml`);
  expect(readdirSync(join(root, "dist/templates")).sort()).toEqual(written);
  // A component that is new comes with the next release.
  expect(readdirSync(join(root, "templates")).filter((file) => !written.includes(file))).toEqual([]);
  for (const file of ["README.md", "LICENSE"]) expect(existsSync(join(root, file))).toBe(true);
});

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

test.skipIf(spawnSync("mkfifo", ["--version"]).error !== undefined)(
  "after_script does not wait for a pipe in the tool's place",
  () => {
    const folder = mkdtempSync(join(tmpdir(), "mogplex-finish-"));
    mkdirSync(join(folder, ".mogplex-ci"));
    writeFileSync(join(folder, ".mogplex-ci/run.json"), "{}");
    spawnSync("mkfifo", [join(folder, ".mogplex-ci/cli.mjs")]);
    const finish = `mogplex_tool=$PWD/.mogplex-ci/cli.mjs\n${
      readFileSync(join(root, "components/shared/finish.sh"), "utf8")
    }`;
    const { stdout, status } = spawnSync("sh", ["-c", finish], { cwd: folder, encoding: "utf8" });
    rmSync(folder, { recursive: true });
    expect([stdout, status]).toEqual(["nothing was cleaned up: the tool of this component is not here\n", 0]);
  },
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
  // Input create-branch is true or false; a CI job remembers no run of its folder.
  // Traces and history belong to the command alone; a job has no browser.
  const without = ["json", "state", "detach", "no-create-branch", "new", "history", "otel-file", "open"];
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
  // A key, a state file and a follow-up belong to one run, so no variable of the project sets them.
  const named = empty.filter((name) => !["idempotency-key", "resume", "after", "fix"].includes(name));
  const page = readFileSync(join(root, "components/README.md"), "utf8");
  const list = /The inputs ([^.]*) are empty by default/.exec(page)?.[1] ?? "";
  expect([...list.matchAll(/`([^`]+)`/g)].map((match) => match[1]).sort()).toEqual(named.sort());
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
  "a template carries the program whose checksum it names, under this version, within the limit of GitLab",
  each(({ text }, component) => {
    const { bundle = "" } = splitTemplate(text) ?? {};
    const sum = sha256(bundle);
    expect([...text.matchAll(/[0-9a-f]{64}/g)].map(String).filter((found) => found !== sum)).toEqual([]);
    // Cleaning up checks it once more, and a dashboard has nothing to clean up.
    expect(text.split(sum)).toHaveLength(component === "dashboard" ? 2 : 3);
    expect(text).toStartWith(`# Mogplex CI ${VERSION}, component `);
    expect(bundle).toContain(`@mogplex/ci ${VERSION} `);
    expect(new TextEncoder().encode(text).length).toBeLessThanOrEqual(TEMPLATE_LIMIT);
  }),
);

test("the program is run by the first of deno, bun and node that is there, or by the one that was chosen", () => {
  const launch = withPieces("# include watch\n# include launch");
  const folder = mkdtempSync(join(tmpdir(), "mogplex-launch-"));
  const ranBy = (there: readonly string[], chosen = "auto") => {
    const bin = mkdtempSync(join(folder, "bin-"));
    for (const name of there) writeFileSync(join(bin, name), `#!/bin/sh\necho ${name}\n`, { mode: 0o755 });
    for (const name of ["sh", "rm", "sleep"]) symlinkSync(`/bin/${name}`, join(bin, name));
    const env = { PATH: bin, MOGPLEX_INPUT_RUNTIME: chosen };
    const cwd = mkdtempSync(join(folder, "project-"));
    mkdirSync(join(cwd, ".mogplex-ci"));
    const { stdout, status } = spawnSync("/bin/sh", ["-c", `${launch}\nmogplex run`], { cwd, env, encoding: "utf8" });
    return status === 0 ? stdout.trim() : status;
  };
  expect(ranBy(["deno", "bun", "node"])).toBe("deno");
  expect(ranBy(["bun", "node"])).toBe("bun");
  expect(ranBy(["node"])).toBe("node");
  expect(ranBy(["deno", "bun", "node"], "node")).toBe("node");
  expect([ranBy([]), ranBy(["deno"], "bun")]).toEqual([2, 2]);
  // In this version of Bun a tsconfig.json can replace the program.
  const old = mkdtempSync(join(folder, "old-"));
  writeFileSync(join(old, "bun"), "#!/bin/sh\necho 1.2.18\n", { mode: 0o755 });
  expect(spawnSync("/bin/sh", ["-c", `${launch}\nmogplex run`], { env: { PATH: old } }).status).toBe(2);
  rmSync(folder, { recursive: true });
});

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

const HAS_SHELLCHECK = spawnSync("shellcheck", ["--version"]).status === 0;

test.skipIf(!HAS_SHELLCHECK)("the scripts of the jobs are clean to shellcheck", () => {
  const pieces = ["unpack", "watch", "launch", "finish", "campaign"].map((name) => `# include ${name}`).join("\n");
  const input = `#!/bin/sh\n${withPieces(pieces)}`.replace("@@BUNDLE@@", "H4sI").replaceAll(
    "@@SHA256@@",
    "0".repeat(64),
  );
  // The shell must split the flags into words here: sh has no arrays.
  const { stdout } = spawnSync("shellcheck", ["--shell=sh", "--exclude=SC2086", "-"], { input, encoding: "utf8" });
  expect(stdout).toBe("");
});
