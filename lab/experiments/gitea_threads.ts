import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/error_sentence.ts";
import { ForgeClient } from "../../lib/forge/client.ts";
import { GITEA as FORGE } from "../../lib/forge/gitea.ts";
import { GiteaThreads } from "../../lib/forge/gitea/threads.ts";
import type { ForgeUser } from "../../lib/forge/findings.ts";
import type { ThreadPlace } from "../../lib/forge/threads.ts";
import type { Bench } from "../bench.ts";
import type { Experiment } from "../experiment.ts";
import type { GiteaUser } from "../gitea.ts";
import { type Exchange, keepRecordings, makeWorld, ORIGIN, recorder, tokenOf, type World } from "../gitea_world.ts";
import { GIT, GITEA } from "../programs.ts";

interface Step {
  method: Exclude<keyof GiteaThreads, "forge" | "system" | "origin">;
  args: readonly unknown[];
  expected: unknown;
  repository?: string;
  token?: string;
}

type Prepare = (world: World) => Promise<Step>;

const userOf = ({ id, name }: GiteaUser): ForgeUser => ({ id, name, isBot: null });

async function issue({ gitea, repository }: World, title: string, as: GiteaUser): Promise<ThreadPlace> {
  const { number } = await gitea.call("POST", `/repos/${repository}/issues`, { title, body: `Text of ${title}.` }, as);
  return { kind: "issue", number };
}

async function comment({ gitea, repository }: World, { number }: ThreadPlace, body: string, as: GiteaUser) {
  const { id, created_at: at } = await gitea.call(
    "POST",
    `/repos/${repository}/issues/${number}/comments`,
    { body },
    as,
  );
  return { id: id as number, at: at as string };
}

async function label({ gitea, repository, owner }: World, { number }: ThreadPlace, name: string, as: GiteaUser) {
  const labels = await gitea.call("GET", `/repos/${repository}/labels`);
  const known = labels.find((each: { name: string }) => each.name === name);
  const { id } = known ?? await gitea.call("POST", `/repos/${repository}/labels`, { name, color: "#00aabb" }, owner);
  await gitea.call("POST", `/repos/${repository}/issues/${number}/labels`, { labels: [id] }, as);
  return id as number;
}

async function pull({ gitea, repository, writer }: World, branch: string): Promise<ThreadPlace> {
  await gitea.commit(repository, branch, `${branch.replaceAll("/", "-")}.txt`, `${branch}\n`, writer);
  return { kind: "pull", number: await gitea.pull(repository, branch, `Change ${branch}`, writer) };
}

/** Gitea's times have a resolution of one second, so changes within the same second are not visible. */
const aSecond = () => Bun.sleep(2_100);

async function organization({ gitea, owner, writer, stranger }: World): Promise<string> {
  await gitea.call("POST", "/orgs", { username: "guild" }, owner);
  await gitea.call("POST", "/orgs/guild/repos", { name: "app", auto_init: true, private: true }, owner);
  const team = async (name: string, code: string, issues: string, member: GiteaUser) => {
    const units_map = { "repo.code": code, "repo.issues": issues, "repo.pulls": issues };
    const body = { name, permission: "read", includes_all_repositories: true, units_map };
    const { id } = await gitea.call("POST", "/orgs/guild/teams", body, owner);
    await gitea.call("PUT", `/teams/${id}/members/${member.name}`, undefined, owner);
  };
  await team("coders", "write", "read", writer);
  await team("triage", "read", "write", stranger);
  return "guild/app";
}

const steps: readonly (readonly [name: string, prepare: Prepare])[] = [
  ["the user of the token", ({ owner }) => Promise.resolve({ method: "me", args: [], expected: userOf(owner) })],
  [
    "the repository",
    ({ repository }) =>
      Promise.resolve({ method: "repository", args: [], expected: { name: repository, defaultBranch: "main" } }),
  ],
  ["an issue that was not changed", async (world) => {
    const place = await issue(world, "one", world.stranger);
    await aSecond();
    await comment(world, place, "A comment.", world.stranger);
    await aSecond();
    await label(world, place, "other", world.writer);
    const expected = {
      ...place,
      url: `${ORIGIN}/${world.repository}/issues/${place.number}`,
      isOpen: true,
      title: "one",
      text: "Text of one.",
      author: userOf(world.stranger),
      changes: [],
      pull: null,
    };
    return { method: "thread", args: [place], expected };
  }],
  ["an issue with a reaction, an assignee and a note that was changed", async (world) => {
    const { gitea, repository, owner } = world;
    const place = await issue(world, "reactions", world.writer);
    const path = `/repos/${repository}/issues`;
    const { id } = await comment(world, place, "A note.", owner);
    await aSecond();
    await gitea.call("PATCH", `${path}/${place.number}`, { assignees: [world.reviewer.name] }, owner);
    await aSecond();
    await gitea.call("PATCH", `${path}/comments/${id}`, { body: "The note." }, owner);
    await aSecond();
    await gitea.call("POST", `${path}/${place.number}/reactions`, { content: "eyes" }, owner);
    return { method: "thread", args: [place], expected: { changes: [] } };
  }],
  ["a pull request after a push", async (world) => {
    const place = await pull(world, "pushed");
    await aSecond();
    await world.gitea.commit(world.repository, "pushed", "more.txt", "more\n", world.writer);
    await aSecond();
    return { method: "thread", args: [place], expected: { changes: [] } };
  }],
  ["an issue whose title was changed", async (world) => {
    const place = await issue(world, "two", world.writer);
    const path = `/repos/${world.repository}/issues/${place.number}`;
    await world.gitea.call("PATCH", path, { title: "three" }, world.reviewer);
    return { method: "thread", args: [place], expected: { changes: [{ by: userOf(world.reviewer) }] } };
  }],
  ["an issue whose description was changed", async (world) => {
    const place = await issue(world, "four", world.writer);
    await aSecond();
    const path = `/repos/${world.repository}/issues/${place.number}`;
    await world.gitea.call("PATCH", path, { body: "Other text." }, world.reviewer);
    return { method: "thread", args: [place], expected: { text: "Other text.", changes: [{ by: null }] } };
  }],
  ["a closed issue", async (world) => {
    const place = await issue(world, "five", world.writer);
    const path = `/repos/${world.repository}/issues/${place.number}`;
    await world.gitea.call("PATCH", path, { state: "closed" }, world.writer);
    return { method: "thread", args: [place], expected: { isOpen: false } };
  }],
  [
    "an issue that does not exist",
    () => Promise.resolve({ method: "thread", args: [{ kind: "issue", number: 999 }], expected: null }),
  ],
  ["a pull request", async (world) => {
    const place = await pull(world, "fix/one");
    const expected = { ...place, pull: { source: "fix/one", isForeign: false, target: "main" }, changes: [] };
    return { method: "thread", args: [place], expected };
  }],
  ["a pull request that is asked for as an issue", async (world) => {
    const { number } = await pull(world, "two");
    return { method: "thread", args: [{ kind: "issue", number }], expected: null };
  }],
  ["a pull request of a fork", async (world) => {
    const { gitea, repository, stranger } = world;
    await gitea.call("POST", `/repos/${repository}/forks`, { name: "fork" }, stranger);
    await gitea.commit(`${stranger.name}/fork`, "main", "fork.txt", "fork\n", stranger);
    const number = await gitea.pull(repository, `${stranger.name}:main`, "Change fork", stranger);
    return {
      method: "thread",
      args: [{ kind: "pull", number }],
      expected: { author: userOf(stranger), pull: { source: "main", isForeign: true, target: "main" } },
    };
  }],
  ["a pull request without a branch, of a user who may read", async ({ gitea, repository, stranger }) => {
    const folder = mkdtempSync(join(tmpdir(), "mogplex-agit-"));
    const git = (...args: string[]) =>
      execFileSync("git", ["-c", "user.name=sam", "-c", "user.email=sam@example.com", ...args], {
        cwd: folder,
        stdio: "pipe",
      });
    git("clone", "--quiet", gitea.remote(repository, stranger), ".");
    git("commit", "--quiet", "--allow-empty", "--message", "No branch");
    git("push", "--quiet", "origin", "HEAD:refs/for/main", "-o", "topic=none");
    rmSync(folder, { recursive: true });
    const pulls = await gitea.call("GET", `/repos/${repository}/pulls?state=open&limit=50`);
    const { number } = pulls.find(({ title }: { title: string }) => title === "No branch");
    const expected = { author: userOf(stranger), pull: { source: "", isForeign: true, target: "main" } };
    return { method: "thread", args: [{ kind: "pull", number }], expected };
  }],
  ["a comment", async (world) => {
    const place = await issue(world, "six", world.stranger);
    const { id } = await comment(world, place, "@mogplex do it", world.writer);
    await aSecond();
    const path = `/repos/${world.repository}/issues/comments/${id}`;
    await world.gitea.call("POST", `${path}/reactions`, { content: "heart" }, world.stranger);
    const author = userOf(world.writer);
    const expected = {
      ...{ kind: "comment", id, text: "@mogplex do it", author },
      ...{ editedAt: null, isEditHidden: false, isInternal: false },
    };
    return { method: "comment", args: [place, { kind: "comment", id }], expected };
  }],
  ["a comment that was changed", async (world) => {
    const place = await issue(world, "seven", world.stranger);
    const { id } = await comment(world, place, "@mogplex do it", world.writer);
    await aSecond();
    const path = `/repos/${world.repository}/issues/comments/${id}`;
    const { updated_at: editedAt } = await world.gitea.call("PATCH", path, { body: "@mogplex do more" }, world.writer);
    return {
      method: "comment",
      args: [place, { kind: "comment", id }],
      expected: { text: "@mogplex do more", editedAt },
    };
  }],
  ["a comment of another issue", async (world) => {
    const place = await issue(world, "eight", world.stranger);
    const { id } = await comment(world, place, "@mogplex do it", world.writer);
    const other = { ...place, number: place.number - 1 };
    return { method: "comment", args: [other, { kind: "comment", id }], expected: null };
  }],
  ["a comment that is gone", async (world) => {
    const place = await issue(world, "nine", world.stranger);
    return { method: "comment", args: [place, { kind: "comment", id: 99_999 }], expected: null };
  }],
  ["an event that is no comment", async (world) => {
    const place = await issue(world, "ten", world.stranger);
    await label(world, place, "other", world.writer);
    const path = `/repos/${world.repository}/issues/${place.number}/timeline`;
    const id = (await world.gitea.call("GET", path)).at(-1).id;
    return { method: "comment", args: [place, { kind: "comment", id }], expected: null };
  }],
  ["comments, on lines too", async (world) => {
    const { gitea, repository, writer, reviewer } = world;
    const place = await pull(world, "three");
    await comment(world, place, "One.", writer);
    await aSecond();
    const body = { event: "COMMENT", body: "Look.", comments: [{ path: "three.txt", body: "Two.", new_position: 1 }] };
    await gitea.call("POST", `/repos/${repository}/pulls/${place.number}/reviews`, body, reviewer);
    await aSecond();
    await comment(world, place, "Three.", writer);
    const one = (kind: string, text: string, by: GiteaUser) => ({ kind, text, author: userOf(by) });
    return {
      method: "comments",
      args: [place],
      expected: {
        isWhole: true,
        list: [one("comment", "One.", writer), one("review", "Two.", reviewer), one("comment", "Three.", writer)],
      },
    };
  }],
  ["the right of the owner", ({ owner }) => right(userOf(owner), true)],
  ["the right of a collaborator who may write", ({ writer }) => right(userOf(writer), true)],
  ["the right of a user who may read", ({ stranger }) => right(userOf(stranger), false)],
  ["the right of a user who does not exist", () => right({ id: 99, name: "nemo", isBot: null }, false)],
  ["the right of another account of that name", ({ writer }) => right({ ...userOf(writer), id: 99 }, false)],
  ["the right of a user, asked by one who is no administrator", async ({ writer, reviewer }) => ({
    ...await right(userOf(writer), "Gitea shows users' permissions only to administrators of the repository"),
    token: reviewer.token,
  })],
  ["the right of a member of a team that writes code", async (world) => ({
    ...await right(userOf(world.writer), true),
    repository: await organization(world),
  })],
  ["the right of a member of a team that writes issues alone", async ({ stranger }) => ({
    ...await right(userOf(stranger), false),
    repository: "guild/app",
  })],
  ["the right of a collaborator in an organization", async ({ gitea, reviewer }) => {
    await gitea.allow("guild/app", reviewer, "write");
    return { ...await right(userOf(reviewer), true), repository: "guild/app" };
  }],
  // Gitea refuses the push of this user, but still reports the permission of a collaborator.
  ["the right of a collaborator who is in a team without a right to the code", async ({ gitea, owner, reviewer }) => {
    const units = { units: ["repo.issues"], units_map: { "repo.issues": "write" } };
    const body = { name: "issuers", permission: "read", includes_all_repositories: true, ...units };
    const { id } = await gitea.call("POST", "/orgs/guild/teams", body, owner);
    await gitea.call("PUT", `/teams/${id}/members/${reviewer.name}`, undefined, owner);
    const { permissions } = await gitea.call("GET", "/repos/guild/app", undefined, reviewer);
    if (permissions.push !== false) throw new Error(`Gitea lets such a user push: ${JSON.stringify(permissions)}`);
    return { ...await right(userOf(reviewer), false), repository: "guild/app" };
  }],
  ["a comment that members of a team may change who write no code", async (world) => {
    const guild = { ...world, repository: "guild/app" };
    const place = await issue(guild, "two", world.owner);
    const { id } = await comment(guild, place, "@mogplex do it", world.writer);
    const expected = { text: "@mogplex do it", editedAt: null, isEditHidden: true };
    return { method: "comment", args: [place, { kind: "comment", id }], expected, repository: "guild/app" };
  }],
  ["an issue that members of a team may change who write no code", async (world) => {
    const place = await issue({ ...world, repository: "guild/app" }, "one", world.owner);
    return { method: "thread", args: [place], expected: { changes: null }, repository: "guild/app" };
  }],
  ["a label", async (world) => {
    const place = await issue(world, "eleven", world.stranger);
    await label(world, place, "other", world.writer);
    await label(world, place, "mogplex", world.reviewer);
    return { method: "labelled", args: [place, "mogplex"], expected: { by: userOf(world.reviewer) } };
  }],
  ["a label that was taken away", async (world) => {
    const place = await issue(world, "twelve", world.stranger);
    const id = await label(world, place, "mogplex", world.reviewer);
    await world.gitea.call("DELETE", `/repos/${world.repository}/issues/${place.number}/labels/${id}`);
    return { method: "labelled", args: [place, "mogplex"], expected: null };
  }],
  ["a label that was set twice", async (world) => {
    const place = await issue(world, "thirteen", world.stranger);
    const id = await label(world, place, "mogplex", world.reviewer);
    await world.gitea.call("DELETE", `/repos/${world.repository}/issues/${place.number}/labels/${id}`);
    await label(world, place, "mogplex", world.writer);
    return { method: "labelled", args: [place, "mogplex"], expected: { by: userOf(world.writer) } };
  }],
  ["the right of a member of a team, asked by a stranger who administers the repository", async (world) => {
    const { gitea, writer, reviewer } = world;
    await gitea.allow("guild/app", reviewer, "admin");
    const expected = "Gitea shows who is in a team only to owners of the organization";
    return { ...await right(userOf(writer), expected), repository: "guild/app", token: reviewer.token };
  }],
  ["that rights are hidden from a member of another team", async ({ gitea, owner, reviewer }) => {
    const [team] = (await gitea.call("GET", "/repos/guild/app/teams", undefined, owner))
      .filter(({ name }: { name: string }) => name === "triage");
    await gitea.call("PUT", `/teams/${team.id}/members/${reviewer.name}`, undefined, owner);
    const expected = "Gitea shows who is in a team only to owners of the organization";
    return { method: "hidesRights", args: [], expected, repository: "guild/app", token: reviewer.token };
  }],
  [
    "that rights are shown to an owner of the organization",
    () => Promise.resolve({ method: "hidesRights", args: [], expected: null, repository: "guild/app" }),
  ],
  // Gitea behaves in the same way: the team without code access removes the permission of a member of the team with code access.
  ["the right of a member of both a team that writes code and one without it", async ({ gitea, owner, writer }) => {
    const teams = await gitea.call("GET", "/repos/guild/app/teams", undefined, owner);
    const { id } = teams.find(({ name }: { name: string }) => name === "issuers");
    await gitea.call("PUT", `/teams/${id}/members/${writer.name}`, undefined, owner);
    const { permissions } = await gitea.call("GET", "/repos/guild/app", undefined, writer);
    if (permissions.push !== false) throw new Error(`Gitea lets such a user push: ${JSON.stringify(permissions)}`);
    return { ...await right(userOf(writer), false), repository: "guild/app" };
  }],
  ["the default branch", () => branch("main", { isProtected: false })],
  ["a branch of its own", () => branch("fix/one", { isProtected: false })],
  ["a protected branch", async ({ gitea, repository, owner }) => {
    await gitea.commit(repository, "release-1", "release.txt", "release\n", owner);
    await gitea.call("POST", `/repos/${repository}/branch_protections`, { rule_name: "release-*" }, owner);
    return branch("release-1", { isProtected: true });
  }],
  ["a branch that does not exist", () => branch("nothing", null)],
  ["the open pull requests of a branch", async (world) => {
    const { gitea, repository, owner } = world;
    const { number } = await pull(world, "six");
    await gitea.commit(repository, "next", "next.txt", "next\n", owner);
    const body = { head: "six", base: "next", title: "Six again" };
    const other = await gitea.call("POST", `/repos/${repository}/pulls`, body, owner);
    return { method: "pullsFrom", args: ["six"], expected: [other.number, number] };
  }],
  ["checks, review and conflict", async (world) => {
    const { number } = await pull(world, "four");
    return { method: "facts", args: [number], expected: { checks: "none", review: "not-requested", conflict: false } };
  }],
  ["what is new", async (world) => {
    await aSecond();
    const place = await issue(world, "fourteen", world.stranger);
    const first = await comment(world, place, "@mogplex do it", world.writer);
    const change = await pull(world, "five");
    const second = await comment(world, change, "@mogplex stop", world.writer);
    await label(world, place, "mogplex", world.writer);
    const news = (thread: ThreadPlace, id: number, text: string) => ({
      thread,
      comment: { kind: "comment", id },
      text,
    });
    return {
      method: "news",
      args: [first.at, "mogplex"],
      expected: [
        news(place, first.id, "@mogplex do it"),
        news(change, second.id, "@mogplex stop"),
        { thread: place, comment: null, text: null },
      ],
    };
  }],
  ["comments of a user", async (world) => {
    await aSecond();
    const place = await issue(world, "fifteen", world.stranger);
    const { id, at } = await comment(world, place, "A note.", world.owner);
    await comment(world, place, "Another.", world.writer);
    return {
      method: "commentsOf",
      args: [userOf(world.owner), at],
      expected: [{ id, text: "A note.", thread: place }],
    };
  }],
];

function right(user: ForgeUser, expected: boolean | string): Promise<Step> {
  return Promise.resolve({ method: "mayPush", args: [user], expected });
}

function branch(name: string, expected: unknown): Promise<Step> {
  return Promise.resolve({ method: "branch", args: [name], expected });
}

/** Whether a value contains at least the expected value: all fields of objects, and lists of the same length. */
function has(found: unknown, expected: unknown): boolean {
  if (Array.isArray(expected)) {
    return Array.isArray(found) && found.length === expected.length &&
      expected.every((each, at) => has(found[at], each));
  }
  if (typeof expected !== "object" || expected === null) return found === expected;
  return typeof found === "object" && found !== null &&
    Object.entries(expected).every(([key, each]) => has((found as Record<string, unknown>)[key], each));
}

function threadsOf(
  world: World,
  exchanges: Exchange[],
  { token, repository }: Pick<Step, "token" | "repository"> = {},
) {
  const { gitea, owner } = world;
  const client = new ForgeClient(
    { clock: systemClock, fetch: recorder(gitea, exchanges) },
    FORGE,
    FORGE.api(gitea.origin),
    { token: token ?? owner.token, place: "variable GITEA_TOKEN" },
  );
  return new GiteaThreads(client, { origin: gitea.origin, repository: repository ?? world.repository });
}

async function threads(bench: Bench): Promise<void> {
  const world = await makeWorld(bench);
  const recordings: unknown[] = [];
  for (const [name, prepare] of steps) {
    const step = await prepare(world);
    const { method, args, expected, repository = world.repository } = step;
    const exchanges: Exchange[] = [];
    const asked = threadsOf(world, exchanges, step);
    let found: unknown;
    try {
      found = await (asked[method] as (...all: unknown[]) => Promise<unknown>).apply(asked, [...args]);
      if (found instanceof Error) throw found;
      found = JSON.parse(JSON.stringify(found).replaceAll(world.gitea.origin, ORIGIN));
    } catch (error) {
      found = messageOf(error);
    }
    const holds = typeof expected === "string" ? String(found).includes(expected) : has(found, expected);
    bench.check(name, holds, JSON.stringify(found));
    recordings.push({ name, repository, method, args, expected, exchanges });
  }
  await writes(bench, world);
  keepRecordings("gitea_threads_answers.json", recordings);
}

async function writes(bench: Bench, world: World): Promise<void> {
  const { gitea, repository, owner, writer, stranger } = world;
  const rights = ["read:user", "write:issue", "write:repository"];
  const asked = threadsOf(world, [], { token: await tokenOf(gitea, owner, rights) });
  const place = await issue(world, "sixteen", stranger);
  const { id } = await comment(world, place, "@mogplex do it", writer);
  const contents = async (path: string) => {
    const found = await gitea.call("GET", `/repos/${repository}/issues/${path}/reactions`) ?? [];
    return found.map(({ content, user }: { content: string; user: { login: string } }) => `${user.login} ${content}`);
  };
  for (const reaction of ["seen", "done", "failed", "seen"] as const) {
    await asked.react(place, { kind: "comment", id }, reaction);
    await asked.react(place, null, reaction);
  }
  const [onComment, onIssue] = [await contents(`comments/${id}`), await contents(String(place.number))];
  const all = ["acme confused", "acme eyes", "acme rocket"];
  bench.check("reactions on a comment", has(onComment.sort(), all), JSON.stringify(onComment));
  bench.check("reactions on an issue", has(onIssue.sort(), all), JSON.stringify(onIssue));
  const commit = await gitea.commit(repository, "status", "status.txt", "status\n", writer);
  await asked.setStatus(commit, { url: "https://ci.example.com/page", text: "All good" });
  const [status] = await gitea.call("GET", `/repos/${repository}/commits/${commit}/statuses`);
  const wanted = { status: "success", context: "mogplex", target_url: "https://ci.example.com/page" };
  bench.check("a commit status", has(status, wanted), JSON.stringify(status));
  const own = await comment(world, place, "A note.", owner);
  for (const what of ["a comment is removed", "a comment that is gone is no failure"]) {
    await asked.remove(place, { kind: "comment", id: own.id });
    const { status: code } = await gitea.ask("GET", `/repos/${repository}/issues/comments/${own.id}`);
    bench.check(what, code === 404, String(code));
  }
}

export const GITEA_THREADS: readonly Experiment[] = [
  {
    name: "gitea-threads",
    system: "Gitea, Forgejo",
    programs: [GITEA, GIT],
    tried: "issues, comments, labels, permissions, branches and events are read; reactions and statuses are set",
    limitSeconds: 300,
    run: threads,
  },
];
