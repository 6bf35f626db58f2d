/** This project's own `.gitlab-ci.yml`: that it tests the components at the commit, and releases only what passed, on tags. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { VERSION } from "../../../lib/version.ts";
import { writePublished } from "../../../tools/build/published.ts";
import { componentNames, defaultImage } from "../../../tools/build/templates.ts";
import { jobProblems } from "../../../tools/pipeline_jobs.ts";
import { root, sha256 } from "../../../tools/setup.mjs";
import { built } from "../../built.ts";
import { type Registry, startRegistry } from "../../programs/package/registry.ts";
import { runStage } from "../../programs/processes/world/runner.ts";
import { alpine, HAS_BUSYBOX } from "./component_job.ts";
import {
  CAN_RUN,
  commitAll,
  gitlabCiLocal,
  imageOf,
  type Pipeline,
  runPipeline,
  templateFiles,
  writeFiles,
} from "../../programs/components/project.ts";

const TAG = ["--variable", `CI_COMMIT_TAG=${VERSION}`];
const RELEASE_COMMIT = ["--variable", `CI_COMMIT_MESSAGE=release: ${VERSION}`];
const COMPONENT_JOBS = ["component-run", "component-run-fails", "component-follow"];

/** The API of a GitLab, with the jobs of one pipeline, one a page. */
interface Api {
  url: string;
  /** Status of each job of the pipeline. */
  jobs: Record<string, string>;
  /** Names and texts of the files that were uploaded. */
  uploads: Record<string, string>;
  close(): void;
}

async function startApi(): Promise<Api> {
  const api: Api = { url: "", jobs: {}, uploads: {}, close: () => server.close() };
  const server = createServer(async (incoming, outgoing) => {
    const { pathname, searchParams } = new URL(incoming.url ?? "/", "http://localhost");
    let body = "";
    for await (const chunk of incoming.setEncoding("utf8")) body += chunk;
    if (incoming.method === "PUT") {
      api.uploads[pathname.replace(/^.*\/packages\/generic\//, "")] = body;
      outgoing.writeHead(201).end("{}");
      return;
    }
    const page = Number(searchParams.get("page"));
    const all = Object.entries(api.jobs).map(([name, status]) => ({ name, status }));
    const isJobs = /^\/api\/v4\/projects\/\d+\/pipelines\/\d+\/jobs$/.test(pathname);
    outgoing.writeHead(isJobs ? 200 : 404, { "x-next-page": page < all.length ? String(page + 1) : "" });
    outgoing.end(JSON.stringify(all.slice(page - 1, page)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  api.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v4`;
  return api;
}

let folder = "";
let cwd = "";
let api: Api;
let registry: Registry;

/** A clone of this project as `npm run release` leaves it, with the image of a registry on this machine, and with what `package` hands on. */
function clone(): string {
  const own = [
    ".gitlab-ci.yml",
    "package.json",
    "package-lock.json",
    "deno.json",
    "lib/version.ts",
  ]
    .concat(
      ["pipeline_jobs", "registry", "release", "build/published", "build/pins", "build/templates", "publish/places"]
        .map((name) => `tools/${name}.ts`),
    ).concat("tools/publish/released.ts", "tools/setup.mjs");
  const { image, tag, digest } = registry;
  const texts = Object.entries(templateFiles(...componentNames().map((name) => `templates/${name}.yml`))).map(
    ([path, text]) => {
      return [`dist/${path}`, text.replace(defaultImage(), `${image}:${tag}@${digest}`)];
    },
  );
  const files = ["mogplex.mjs", "mogplex-emulator.mjs"].flatMap((
    file,
  ) => [file, `${file}.sha256`, `${file}.licenses.txt`]).concat(
    "SHA256SUMS",
    "mogplex-component.mjs.licenses.txt",
    "action/action.yml",
    "action/main.mjs",
    "action/LICENSES.txt",
  );
  const made = mkdtempSync(join(folder, "own-"));
  writeFiles(made, {
    ...Object.fromEntries(own.map((path) => [path, readFileSync(join(root, path), "utf8")])),
    ...Object.fromEntries(files.map((file) => [`dist/${file}`, readFileSync(built(file), "utf8")])),
    ...Object.fromEntries(texts),
    "components/image.json": JSON.stringify({ image, tag, digest }),
    "docs/install.md": `MOGPLEX_CI_VERSION=${VERSION}\nMOGPLEX_CI_SHA256=${"0".repeat(64)}\n`,
    "CHANGELOG.md": `# Changelog\n\n## Unreleased\n\n## ${VERSION} (2026-12-01)\n\n- The first release.\n`,
    "releases.json": JSON.stringify({
      releases: [{
        version: VERSION,
        digest: sha256(readFileSync(built("mogplex.mjs"), "utf8")),
        releaseTimestamp: "",
      }],
    }),
  });
  for (const path of ["templates", "action", "examples"]) mkdirSync(join(made, path));
  writePublished(made);
  commitAll(made);
  return made;
}

beforeAll(async () => {
  if (!CAN_RUN) return;
  folder = mkdtempSync(join(tmpdir(), "mogplex-own-"));
  [api, registry] = await Promise.all([startApi(), startRegistry("denoland/deno", "alpine-9.9.9")]);
  cwd = clone();
});

afterAll(() => {
  api?.close();
  registry?.close();
  if (folder !== "") rmSync(folder, { recursive: true, force: true });
});

function run(jobs: readonly string[], args: readonly string[] = [], isChecked = false): Promise<Pipeline> {
  const predefined = ["--variable", `CI_API_V4_URL=${api.url}`, "--ignore-predefined-vars", "CI_API_V4_URL"];
  return runPipeline(cwd, {
    image: imageOf(folder, "deno"),
    variables: {},
    args: [...predefined, ...args, ...jobs],
    isChecked,
  });
}

/** Jobs that a pipeline would have, and what each waits for. */
async function list(args: readonly string[]): Promise<Record<string, string[]>> {
  const options = { image: imageOf(folder, "deno"), variables: {}, args: ["--list-json", ...args] };
  const text = await gitlabCiLocal(cwd, options);
  const jobs: { name: string; when: string; needs?: { job: string }[] }[] = JSON.parse(
    text.slice(text.search(/^\[\s*\{/m)),
  );
  const made = jobs.filter(({ when }) => when !== "never");
  return Object.fromEntries(made.map(({ name, needs = [] }) => [name, needs.map(({ job }) => job)]));
}

test.skipIf(!CAN_RUN)(
  "the pipeline of a release commit runs the components with the emulator of that commit",
  async () => {
    const { jobs, text } = await run(COMPONENT_JOBS, RELEASE_COMMIT, true);
    const codes = Object.fromEntries(COMPONENT_JOBS.map((name) => [name, jobs[name]?.code]));
    expect({ codes, text: Object.values(codes).includes(undefined) ? text : "" }).toEqual({
      codes: { "component-run": 0, "component-run-fails": 1, "component-follow": 0 },
      text: "",
    });
    for (const name of COMPONENT_JOBS) expect(jobs[name]?.log).toContain(`Mogplex CI ${VERSION}: `);
    expect(jobs["component-run-fails"]?.log).toMatch(/^> verdict +failed: the agent failed \(exit code 1\)$/m);

    api.jobs = {
      gate: "success",
      "component-run": "success",
      "component-run-fails": "failed",
      "component-follow": "success",
    };
    expect((await run(["component-jobs"], RELEASE_COMMIT)).jobs["component-jobs"]?.code).toBe(0);
    const { "component-follow": _, ...others } = api.jobs;
    api.jobs = others;
    expect((await run(["component-jobs"], RELEASE_COMMIT)).jobs["component-jobs"]?.code).toBe(1);
  },
);

test("jobProblems() names what is missing or of another status, on whatever page", async () => {
  const api = await startApi();
  const where = { api: api.url, project: "1", pipeline: "2" };
  api.jobs = { gate: "success", green: "success", red: "success" };
  expect(await jobProblems(where, { green: "success" })).toEqual([]);
  expect(await jobProblems(where, { green: "success", red: "failed", gone: "success" })).toEqual([
    'Job "red" is not "failed": "success"',
    'Cannot find job "gone": the pipeline has 0 of that name',
  ]);
  await expect(jobProblems({ ...where, project: "private" }, {})).rejects.toThrow(
    "Cannot list jobs of pipeline 2: GitLab answered 404 (a project that is not public needs PIPELINE_TOKEN",
  );
  api.close();
});

test.skipIf(!CAN_RUN || !HAS_BUSYBOX)(
  "before_script starts the emulator and a run in the shell of an Alpine image",
  async () => {
    const { before_script } = parse(readFileSync(join(root, ".gitlab-ci.yml"), "utf8"))["component-follow"];
    const env = { PATH: alpine(folder, "deno"), HOME: folder };
    const items = [...before_script, 'echo "run $MOGPLEX_RUN_ID of $MOGPLEX_URL"'];
    const { code, stdout } = await runStage(items, { cwd, env, shell: "sh" }).ended;
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^run [0-9a-f-]{36} of http:\/\/127\.0\.0\.1:\d+\n$/),
    });
    const broken = await runStage([before_script[0].replace("--speed", "--spede"), "echo went on"], {
      cwd,
      env,
      shell: "sh",
    });
    expect(await broken.ended).toMatchObject({ code: 1, stdout: expect.stringMatching(/^error: .*--spede/) });
  },
);

test.skipIf(!CAN_RUN)("a release is made on tags of versions only, after the components and the checks", async () => {
  const needs = await list(TAG);
  const always = ["gate", "package"];
  const checks = [...COMPONENT_JOBS, "component-jobs", "release-check"];
  expect(Object.keys(needs).sort()).toEqual([...always, ...checks, "sign", "create-release"].sort());
  expect(Object.keys(await list(RELEASE_COMMIT)).sort()).toEqual([...always, ...checks].sort());
  for (const args of [[], ["--variable", "CI_COMMIT_TAG=nightly"], ["--variable", "CI_COMMIT_MESSAGE=fix: x"]]) {
    expect(Object.keys(await list(args)).sort()).toEqual(always);
  }
  const before = new Set<string>();
  const follow = (name: string): void =>
    needs[name]?.forEach((each) => {
      before.add(each);
      follow(each);
    });
  follow("create-release");
  expect([...before].sort()).toEqual([...always, ...checks, "sign"].sort());
});

test.skipIf(!CAN_RUN)(
  "the pipeline of a tag checks it, hands its files on, and releases it by the keyword",
  async () => {
    // Signing asks a service that cannot be reached here. A program in its place writes what it was told.
    const go = join(imageOf(folder, "deno"), "go");
    rmSync(go, { force: true });
    const cosign = `echo '#!/bin/sh\necho "$@" > SHA256SUMS.sigstore.json'`;
    writeFileSync(go, `#!/bin/sh\nmkdir -p "$GOBIN"\n${cosign} > "$GOBIN/cosign"\nchmod 755 "$GOBIN/cosign"\n`, {
      mode: 0o755,
    });
    const { jobs, text } = await run(["release-check", "sign", "create-release"], TAG);
    const codes = Object.fromEntries(Object.entries(jobs).map(([name, { code }]) => [name, code]));
    expect({ codes, text: text.includes("FAIL") ? text : "" }).toEqual({
      codes: { "release-check": 0, "sign": 0, "create-release": 0 },
      text: "",
    });
    expect(jobs["release-check"]?.artifact("release-notes.md")).toBe("- The first release.\n");
    const uploaded = ["SHA256SUMS", "SHA256SUMS.sigstore.json"].map((name) => `mogplex-ci/${VERSION}/${name}`);
    expect(Object.keys(api.uploads).sort()).toEqual(uploaded);
    expect(api.uploads[uploaded[0] ?? ""]).toBe(readFileSync(built("SHA256SUMS"), "utf8"));
    expect(api.uploads[uploaded[1] ?? ""]).toBe("sign-blob dist/SHA256SUMS --bundle SHA256SUMS.sigstore.json\n");

    for (const path of ["templates/run.yml", "action/main.mjs", "docs/install.md"]) {
      const text = readFileSync(join(cwd, path), "utf8");
      // A digit of a version, of a checksum, or of code.
      writeFileSync(
        join(cwd, path),
        text.replace(/(?<=SHA256=|^# Mogplex CI |^\/\/ @mogplex\/ci )[0-9a-f]/, (digit) => digit === "7" ? "8" : "7"),
      );
      const refused = await run(["release-check"], RELEASE_COMMIT);
      writeFileSync(join(cwd, path), text);
      expect(refused.jobs["release-check"]?.code).toBe(1);
      expect(refused.text).toContain(`- ${path} is not what this commit builds: run "npm run release"`);
    }

    registry.fault = { status: 404 };
    const refused = await run(["release-check"], TAG);
    registry.fault = {};
    expect(refused.jobs["release-check"]?.code).toBe(1);
  },
);

test("the release is one of the keyword, links what was uploaded, and no image floats", () => {
  const pipeline = parse(readFileSync(join(root, ".gitlab-ci.yml"), "utf8"));
  const { release, image } = pipeline["create-release"];
  expect(release).toMatchObject({ tag_name: "$CI_COMMIT_TAG", description: "release-notes.md" });
  for (const { name, url } of release.assets.links) {
    expect(url).toBe(`$CI_API_V4_URL/projects/$CI_PROJECT_ID/packages/generic/mogplex-ci/$CI_COMMIT_TAG/${name}`);
    expect(pipeline.sign.script.at(-1)).toContain(name);
  }
  expect(pipeline.sign.id_tokens).toEqual({ SIGSTORE_ID_TOKEN: { aud: "sigstore" } });
  expect(pipeline.sign.image).toMatch(/:\d+\.\d+\.\d+-/);
  expect(image).toMatch(/^registry\.gitlab\.com\/gitlab-org\/cli:v\d+\.\d+\.\d+$/);
  expect(pipeline.default.image).toMatch(/:\d+\.\d+\.\d+-/);
  expect(defaultImage().replace(/@.*/, "")).toBe(pipeline[".deno"].image);
});
