/**
 * A checked result on a real Gitea. Git commits the file, which is read by the API, by Git over HTTPS with a password, and without a token. Covers
 * valid and invalid files, and existing files that prevent a start.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { runtimes } from "../../tools/setup.mjs";
import { type Bench, COMMAND, type Service } from "../bench.ts";
import type { Experiment } from "../experiment.ts";
import type { GiteaUser } from "../gitea.ts";
import { makeBot, makeWorld, tokenOf, type World } from "../gitea_world.ts";
import type { Ended } from "../processes.ts";
import { GIT, GITEA } from "../programs.ts";

const SCHEMA = JSON.stringify({
  type: "object",
  required: ["safe"],
  properties: { safe: { type: "boolean" }, version: { type: "string" } },
});
const GOOD = '{ "safe": true, "version": "1.2.3" }\n';

type Put = (folder: string, path: string) => Promise<void>;

interface Job {
  end: Promise<Ended>;
  folder: string;
}

function environment({ gitea, repository }: World, service: Service, more: Record<string, string>) {
  return {
    CI: "true",
    GITEA_ACTIONS: "true",
    GITHUB_ACTIONS: "true",
    GITHUB_SERVER_URL: gitea.origin,
    GITHUB_API_URL: `${gitea.origin}/api/v1`,
    GITHUB_REPOSITORY: repository,
    GITHUB_RUN_ID: String(Math.floor(Math.random() * 1e9)),
    GITHUB_RUN_ATTEMPT: "1",
    GITHUB_JOB: "review",
    MOGPLEX_URL: service.url,
    MOGPLEX_DEV: "1",
    MOGPLEX_API_KEY: service.token,
    ...more,
  };
}

async function openService(bench: Bench): Promise<Service> {
  const service = await bench.service(undefined);
  await service.control("filesMode", { mode: "hidden" });
  return service;
}

function start(bench: Bench, env: Record<string, string>, path = ".mogplex/result-{id}.json", repo = "acme/web"): Job {
  const folder = bench.newFolder();
  bench.writeFiles(folder, { "schema.json": SCHEMA });
  const what = ["--result", path, "--schema", "schema.json", "--timeout", "120"];
  const line = [runtimes.node, COMMAND, "run", "--follow", "Is it safe?", "--repo", repo, ...what];
  return { folder, end: bench.start(line, { cwd: folder, env }).ended };
}

async function stateOf({ folder }: Job): Promise<{ runId: string; path: string }> {
  for (;;) {
    const file = join(folder, "mogplex-ci/run.json");
    // The command empties the file of an earlier job before it removes it.
    const text = existsSync(file) ? readFileSync(file, "utf8") : "";
    const state = text === "" ? {} : JSON.parse(text);
    if (typeof state.runId === "string") return { runId: state.runId, path: state.result.path };
    await Bun.sleep(200);
  }
}

async function answer(
  bench: Bench,
  { gitea, repository }: World,
  service: Service,
  job: Job,
  agent: GiteaUser,
  put: Put,
  isDeleted = false,
): Promise<string> {
  const { runId, path } = await stateOf(job);
  const { base, working } = await service.branch(runId);
  const folder = bench.newFolder();
  const git = async (...args: string[]) => {
    const who = ["-c", "user.name=agent", "-c", "user.email=agent@example.com", "-c", "http.sslVerify=false"];
    const { code, stdout, stderr } = await bench.run(["git", ...who, ...args], { cwd: folder });
    if (code !== 0) throw new Error(`git ${args[0]} ended with ${code}: ${stderr}`);
    return stdout.trim();
  };
  await git("clone", "--quiet", gitea.remote(repository, agent), ".");
  await git("checkout", "--quiet", "-b", working, `origin/${base}`);
  bench.writeFiles(folder, { [`${runId}.md`]: "Looked at.\n" });
  await put(folder, path);
  await git("add", "--all", "--force");
  await git("commit", "--quiet", "--message", "Add the result");
  await git("push", "--quiet", "origin", working);
  const body = { head: working, base, title: "Is it safe?" };
  const { html_url: url } = await gitea.call("POST", `/repos/${repository}/pulls`, body, agent);
  if (isDeleted) await git("push", "--quiet", "origin", "--delete", working);
  const delivery = { stage: "git_delivery", changed: true, pull_request_url: url, base_branch: base };
  const payload = { ...delivery, working_branch: working, auto_committed_files: [] };
  await service.control("setRun", { runId, run: { status: "streaming" } });
  await service.control("appendEvents", { runId, events: [{ type: "log", message: "Pull request ready", payload }] });
  await service.control("setRun", { runId, run: { status: "success" }, call: { status: "success" } });
  return await git("rev-parse", "HEAD");
}

const seen = ({ code, stdout, stderr }: Ended) => `${code}: ${stdout.slice(-500)} ${stderr.slice(-500)}`;

const resultOf = ({ folder }: Job) => JSON.parse(readFileSync(join(folder, "mogplex-ci/result.json"), "utf8"));

function write(bench: Bench, text: string): Put {
  // deno-lint-ignore require-await
  return async (folder, path) => bench.writeFiles(folder, { [path]: text });
}

async function byApi(bench: Bench): Promise<void> {
  const world = await makeWorld(bench);
  const { gitea, repository, writer, owner } = world;
  const service = await openService(bench);
  const bot = await makeBot(world);
  const GITEA_TOKEN = await tokenOf(gitea, bot, ["read:repository"]);
  const env = () => environment(world, service, { GITEA_TOKEN });

  const good = start(bench, env());
  const commit = await answer(bench, world, service, good, writer, write(bench, GOOD));
  const end = await good.end;
  const { value, resultFile, pullRequest } = end.code === 0
    ? resultOf(good)
    : { value: null, resultFile: {}, pullRequest: {} };
  bench.check(
    "the file of the branch becomes the value, with its commit",
    end.code === 0 && value?.version === "1.2.3" && resultFile.commit === commit,
    seen(end),
  );
  const copy = readFileSync(join(good.folder, "mogplex-ci/value.json"), "utf8");
  bench.check("the copy holds the value", JSON.parse(copy).safe === true, copy);

  // The merge adds a file with the same path to the base branch.
  await gitea.call("POST", `/repos/${repository}/pulls/${pullRequest.number ?? 1}/merge`, { Do: "merge" }, owner);
  const merged = await start(bench, env(), resultFile.path).end;
  bench.check(
    "a path that exists on the base ends with 2",
    merged.code === 2 && /because the result file already exists on/.test(merged.stderr),
    seen(merged),
  );

  const link: Put = async (folder, path) => {
    bench.writeFiles(folder, { ".mogplex/other.json": GOOD });
    await bench.run(["ln", "-s", "other.json", path], { cwd: folder });
  };
  const folderLink: Put = async (folder) => {
    bench.writeFiles(folder, { "elsewhere/none.json": GOOD });
    await bench.run(["sh", "-c", "rm -rf .mogplex && ln -s elsewhere .mogplex"], { cwd: folder });
  };
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 12345\n`;
  const bad: [what: string, put: Put, cause: string, words: RegExp][] = [
    ["no file", () => Promise.resolve(), "result-missing", /does not contain it/],
    ["another value", write(bench, '{ "safe": "yes" }'), "result-invalid", /must be of type boolean/],
    ["no JSON", write(bench, "yes"), "result-not-json", /line 1/],
    ["a link", link, "result-invalid", /a symbolic link/],
    ["a link above it", folderLink, "result-invalid", /a symbolic link/],
    ["a pointer of LFS", write(bench, pointer), "result-invalid", /a Git LFS pointer/],
    [
      "a file of 2 MB",
      write(bench, JSON.stringify({ safe: true, version: "x".repeat(2e6) })),
      "result-invalid",
      /1 MB/,
    ],
  ];
  for (const [what, put, cause, words] of bad) {
    const job = start(bench, env());
    await answer(bench, world, service, job, writer, put);
    const ended = await job.end;
    const { resultFile: file } = resultOf(job);
    bench.check(
      `${what} ends with 1 and ${cause}`,
      ended.code === 1 && file.cause === cause && words.test(file.mistakes.join()),
      `${JSON.stringify(file)} ${seen(ended)}`,
    );
  }

  const gone = start(bench, env());
  await answer(bench, world, service, gone, writer, write(bench, GOOD), true);
  const lost = await gone.end;
  bench.check("a branch that was deleted ends with 69", lost.code === 69, seen(lost));

  await gitea.call("PATCH", `/repos/${repository}`, { private: true }, owner);
  const before = await service.runs();
  const wrong = await start(bench, environment(world, service, { GITEA_TOKEN: "0".repeat(40) })).end;
  const isNamed = wrong.stderr.includes("variable GITEA_TOKEN") && wrong.stderr.includes("read:repository");
  bench.check(
    "a repository that the token cannot read ends with 65, and nothing is started",
    wrong.code === 65 && isNamed && await service.runs() === before,
    seen(wrong),
  );
}

async function byGit(bench: Bench): Promise<void> {
  const world = await makeWorld(bench, true);
  const { gitea, repository, owner, writer } = world;
  await gitea.call("PATCH", `/repos/${repository}`, { private: true }, owner);
  const service = await openService(bench);
  const bot = await gitea.user("mogplex-bot");
  await gitea.allow(repository, bot, "read");
  const { host, certificate } = gitea.front;
  const env = {
    CI: "true",
    MOGPLEX_CI_JOB: "elsewhere",
    MOGPLEX_URL: service.url,
    MOGPLEX_DEV: "1",
    MOGPLEX_API_KEY: service.token,
    GIT_SSL_CAINFO: certificate,
    NODE_EXTRA_CA_CERTS: certificate,
    MOGPLEX_GIT_TOKEN: await tokenOf(gitea, bot, ["read:repository"]),
  };
  const job = start(bench, env, ".mogplex/result-{id}.json", `https://${host}/acme/web`);
  const commit = await answer(bench, world, service, job, writer, write(bench, GOOD));
  const end = await job.end;
  const file = end.code === 0 ? resultOf(job).resultFile : {};
  bench.check(
    "a private repository is read by Git, with a part of its files, and a token for Git alone",
    end.code === 0 && file.commit === commit,
    seen(end),
  );
  const { MOGPLEX_GIT_TOKEN: _, ...without } = env;
  const refused = await start(
    bench,
    { ...without, MOGPLEX_CI_JOB: "stranger" },
    "a-{id}.json",
    `https://${host}/acme/web`,
  ).end;
  bench.check("without the token it ends with 65", refused.code === 65, seen(refused));
}

export const GITEA_RESULT: readonly Experiment[] = [
  {
    name: "gitea-result",
    system: "Gitea, Forgejo",
    programs: [GITEA, GIT],
    tried:
      "a run commits a result file, and the job passes the checked value to later jobs; missing, wrong, linked and large files, a deleted branch, a private repository",
    limitSeconds: 300,
    run: byApi,
  },
  {
    name: "gitea-result-git",
    system: "Gitea, Forgejo",
    programs: [GITEA, GIT],
    tried: "a job outside Gitea reads the result file in a private repository with Git over HTTPS",
    limitSeconds: 120,
    run: byGit,
  },
];
