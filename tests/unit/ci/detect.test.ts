import { readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { expect, test } from "bun:test";
import { detectProvider } from "std-env";
import { detectPlatform, platformVariables } from "../../../lib/ci/detect.ts";
import { readTextVariable, systemName } from "../../../lib/ci/platform.ts";
import { VARIABLES } from "../../../lib/variables.ts";

// Systems that have another name here than in std-env.
const OWN_NAMES: Record<string, string> = { github_actions: "github" };
// Marks of systems that std-env does not tell from GitHub, or does not know.
const OWN_MARKS = ["FORGEJO_ACTIONS", "GITEA_ACTIONS"];
const DETECTED_BY = platformVariables().filter((name) => {
  const { name: found } = detectPlatform((asked) => asked === name ? "1" : undefined);
  return found !== "none" && found !== "ci";
});

/** Asks std-env, which reads the environment of the process. */
function stdEnvName(variable: string): string {
  const saved = { ...process.env };
  try {
    for (const name of Object.keys(saved)) delete process.env[name];
    process.env[variable] = "1";
    return detectProvider().name;
  } finally {
    delete process.env[variable];
    Object.assign(process.env, saved);
  }
}

test("detectPlatform() agrees with std-env on every variable that marks a system", () => {
  expect(DETECTED_BY.length).toBeGreaterThanOrEqual(20);
  for (const variable of DETECTED_BY.filter((each) => !OWN_MARKS.includes(each))) {
    const { name, isCi } = detectPlatform((asked) => asked === variable ? "1" : undefined);
    const theirs = stdEnvName(variable);
    expect([variable, name, isCi]).toEqual([variable, OWN_NAMES[theirs] ?? theirs, true]);
  }
});

test("detectPlatform() knows every system of std-env by its name, except platforms that only run programs", () => {
  const source = readFileSync(fileURLToPath(import.meta.resolve("std-env")), "utf8");
  const table = source.slice(source.indexOf('[["APPVEYOR"]'));
  const rows = [...table.matchAll(/\["([A-Z_-]+)"(?:,"([A-Za-z_]+)")?(?:,\{ci:(!\d)\})?\]/g)]
    .map(([, name = "", variable = name, ci]) => ({ variable, ci }));
  expect(rows.length).toBeGreaterThan(50);
  const unknown = rows.filter(({ variable, ci }) => ci !== "!1" && !DETECTED_BY.includes(variable));
  expect(unknown.map(({ variable }) => variable).sort()).toEqual([
    // A step on GitHub, whose variable holds a token; a part of GitLab's environment; runtimes of the web.
    ...["CI_MERGE_REQUEST_ID", "CLOUD_RUN_JOB", "DENO_DEPLOY", "DENO_DEPLOYMENT_ID"],
    ...["INPUT_AZURE_STATIC_WEB_APPS_API_TOKEN", "K_SERVICE", "RAILWAY_PROJECT_ID", "RAILWAY_SERVICE_ID", "STACKBLITZ"],
  ]);
});

test("detectPlatform() answers `ci` for an unknown system and `none` outside", () => {
  const detect = (env: Record<string, string>) => {
    const { name, isCi } = detectPlatform((variable) => env[variable]);
    return [name, isCi];
  };
  expect(detect({ CI: "true" })).toEqual(["ci", true]);
  expect(detect({ CI: "yes" })).toEqual(["ci", true]);
  expect(detect({ MOGPLEX_CI_JOB: "nightly" })).toEqual(["ci", true]);
  for (
    const env of [{}, { CI: "" }, { CI: "false" }, { CI: "0" }, { GITHUB_ACTIONS: "" }] as Record<string, string>[]
  ) {
    expect(detect(env)).toEqual(["none", false]);
  }
});

test("systemName() gives the name of the system that detectPlatform() finds", () => {
  for (const variable of ["CI", "MOGPLEX_CI_JOB", "NOBODY", ...DETECTED_BY]) {
    const read = (asked: string) => asked === variable ? "1" : undefined;
    expect([variable, systemName(read)]).toEqual([variable, detectPlatform(read).name]);
  }
});

test("identity() is null outside CI, whatever is set", () => {
  const none = detectPlatform(() => undefined);
  expect([none.identity(() => "x"), none.files(() => "x"), none.jobState(() => undefined)]).toEqual([
    null,
    {},
    "unknown",
  ]);
  expect<string>(none.escapeLine("::error::x")).toBe(": :error::x");
});

test("platformVariables() lists every variable that a platform reads, except our own", () => {
  const listed = new Set([...platformVariables(), ...VARIABLES]);
  for (const variable of ["CI", ...DETECTED_BY]) {
    const asked = new Set<string>();
    const platform = detectPlatform((name) => {
      asked.add(name);
      return name === variable ? "1" : undefined;
    });
    const spy = (name: string) => void asked.add(name);
    platform.identity(spy);
    platform.jobState(spy);
    platform.files(spy);
    platform.links((name) => (spy(name), "https://ci.example"));
    expect([...asked].filter((name) => !listed.has(name))).toEqual([]);
  }
  const own = new Set<string>(VARIABLES);
  expect(platformVariables().filter((name) => own.has(name))).toEqual([]);
});

test("readTextVariable() refuses a variable of type File, and names the one that may be a file where there is one", () => {
  const env = (name: string) => `/builds/acme/web.tmp/${name}`;
  const read = (name: string, forFile?: string) => () => readTextVariable(env, name, forFile);
  expect(read("MOGPLEX_PROMPT", "MOGPLEX_PROMPT_FILE")).toThrow(
    "so its value is the path of a file; rename it to MOGPLEX_PROMPT_FILE, or change its type to Variable",
  );
  expect(read("MOGPLEX_MODE")).toThrow("so its value is the path of a file; change its type to Variable");
  expect(read("MOGPLEX_PROMPT_FILE")()).toBe("/builds/acme/web.tmp/MOGPLEX_PROMPT_FILE");
});
