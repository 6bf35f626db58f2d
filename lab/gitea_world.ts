/**
 * A real Gitea for experiments, with users, permissions and one repository. Records the requests and answers of the client, for tests without a
 * server.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { Fetch } from "../lib/service/transport.ts";
import { root } from "../tools/setup.mjs";
import type { Bench, Service } from "./bench.ts";
import { type Gitea, type GiteaUser, startGitea } from "./gitea.ts";
import { GITEA } from "./programs.ts";

export interface Exchange {
  asked: string;
  status: number;
  location?: string;
  body: unknown;
}

/** Origin that replaces the free port in recordings. */
export const ORIGIN = "https://git.example.com";

export interface World {
  gitea: Gitea;
  repository: string;
  owner: GiteaUser;
  writer: GiteaUser;
  reviewer: GiteaUser;
  stranger: GiteaUser;
}

export async function makeWorld(bench: Bench, hasTls = false): Promise<World> {
  const gitea = await startGitea(bench, hasTls);
  const owner = await gitea.user("acme");
  const writer = await gitea.user("kim");
  const reviewer = await gitea.user("lee");
  const stranger = await gitea.user("sam");
  const repository = await gitea.repository(owner, "web");
  await gitea.allow(repository, writer, "write");
  await gitea.allow(repository, reviewer, "write");
  return { gitea, repository, owner, writer, reviewer, stranger };
}

export async function tokenOf(gitea: Gitea, { name, password }: GiteaUser, scopes: readonly string[]): Promise<string> {
  const answer = await fetch(`${gitea.origin}/api/v1/users/${name}/tokens`, {
    method: "POST",
    headers: { "authorization": `Basic ${btoa(`${name}:${password}`)}`, "content-type": "application/json" },
    body: JSON.stringify({ name: scopes.join(), scopes }),
  });
  return ((await answer.json()) as { sha1: string }).sha1;
}

export interface Bot extends GiteaUser {
  scoped: string;
}

export async function makeBot({ gitea, repository }: World): Promise<Bot> {
  const bot = await gitea.user("mogplex-bot");
  await gitea.allow(repository, bot, "admin");
  return { ...bot, scoped: await tokenOf(gitea, bot, ["read:user", "write:issue", "write:repository"]) };
}

/** Creates the user of `respond` that docs/ask.md recommends: the user can only read, and the workflow lists who can mention the agent. */
export async function makeReader({ gitea, repository }: World): Promise<Bot> {
  const bot = await gitea.user("mogplex-reader");
  await gitea.allow(repository, bot, "read");
  return { ...bot, scoped: await tokenOf(gitea, bot, ["read:user", "write:issue", "read:repository"]) };
}

export async function notesOf({ gitea, repository }: World, thread: number, bot: GiteaUser): Promise<string[]> {
  const all = await gitea.call("GET", `/repos/${repository}/issues/${thread}/comments`);
  return all.filter((each: { user: { id: number } }) => each.user.id === bot.id)
    .map((each: { body: string }) => each.body);
}

export async function reactionsTo({ gitea, repository }: World, comment: number): Promise<string> {
  const all = await gitea.call("GET", `/repos/${repository}/issues/comments/${comment}/reactions`) ?? [];
  return all.map((each: { content: string }) => each.content).sort().join();
}

export async function work(
  bench: Bench,
  { gitea, repository }: World,
  service: Service,
  runId: string,
  agent: GiteaUser,
): Promise<string> {
  const { base, working } = await service.branch(runId);
  const folder = bench.newFolder();
  const git = async (...args: string[]) => {
    const who = ["-c", "user.name=agent", "-c", "user.email=agent@example.com"];
    const { code, stdout, stderr } = await bench.run(["git", ...who, ...args], { cwd: folder });
    if (code !== 0) throw new Error(`git ${args[0]} ended with ${code}: ${stderr}`);
    return stdout;
  };
  await git("clone", "--quiet", gitea.remote(repository, agent), ".");
  const isNew = (await git("branch", "--remotes", "--list", `origin/${working}`)).trim() === "";
  await git("checkout", "--quiet", ...(isNew ? ["-b", working, `origin/${base}`] : [working]));
  bench.writeFiles(folder, { [`${runId}.md`]: "Written by an agent.\n" });
  await git("add", "--all");
  await git("commit", "--quiet", "--message", "Do the task");
  await git("push", "--quiet", "origin", working);
  const open = await gitea.call("GET", `/repos/${repository}/pulls?state=open&limit=50`);
  const known = open.find((each: { head: { ref: string } }) => each.head.ref === working);
  const body = { head: working, base, title: "Do the task" };
  const { html_url: url } = known ?? await gitea.call("POST", `/repos/${repository}/pulls`, body, agent);
  const payload = {
    stage: "git_delivery",
    changed: true,
    pull_request_url: url,
    base_branch: base,
    working_branch: working,
  };
  await service.control("setRun", { runId, run: { status: "streaming" } });
  await service.control("appendEvents", {
    runId,
    events: [
      { type: "log", message: "Pull request ready", payload: { ...payload, auto_committed_files: [] } },
      { type: "finished", message: "Harness run finished", payload: { exit_code: 0, failure_code: null } },
    ],
  });
  await service.control("setRun", { runId, run: { status: "success" }, call: { status: "success" } });
  return url as string;
}

export function recorder(gitea: Gitea, exchanges: Exchange[]): Fetch {
  return async (input, init) => {
    const answer = await fetch(input, init);
    const text = (await answer.clone().text()).replaceAll(gitea.origin, ORIGIN);
    const location = answer.headers.get("location")?.replaceAll(gitea.origin, ORIGIN);
    exchanges.push({
      asked: `${init?.method ?? "GET"} ${String(input).replace(`${gitea.origin}/api/v1`, "")}`,
      status: answer.status,
      ...(location !== undefined && { location }),
      body: text.trimStart().startsWith("{") || text.startsWith("[") ? pruned(JSON.parse(text)) : text.slice(0, 200),
    });
    return answer;
  };
}

const KEPT: ReadonlySet<string> = new Set(
  `additions allow_merge_commits allow_rebase allow_squash_merge assignees author base block_on_outdated_branch
  body changed_files comments_count commit commit_id committer context created created_at default_branch
  deletions dismissed draft effective_branch_protection_name enable_status_check filename full_name head
  html_url id issue_url label labels login merge_base merge_commit_sha mergeable merged message name number
  official permission previous_filename protected pull_request pull_request_url repo repo_id required_approvals
  sha state status status_check_contexts statuses submitted_at team title type units_map updated_at user
  user_can_merge`
    .split(/\s+/),
);

function pruned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(pruned);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(([key]) => KEPT.has(key));
  return Object.fromEntries(kept.map(([key, each]) => [key, key === "units_map" ? each : pruned(each)]));
}

export function keepRecordings(name: string, recordings: readonly unknown[]): void {
  if (process.env.MOGPLEX_LAB_RECORD === undefined) return;
  const text = JSON.stringify({ version: GITEA.version(), origin: ORIGIN, recordings }, null, 1);
  writeFileSync(join(root, "tests/unit/forge", name), `${text}\n`);
}
