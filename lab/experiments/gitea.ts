import { systemClock } from "../../lib/clock.ts";
import { ALL_FORGES } from "../../lib/forge/all.ts";
import type { PullRequestFacts } from "../../lib/forge/model.ts";
import { resolveForgeAccess } from "../../lib/forge/open.ts";
import { Forges } from "../../lib/forge/batch.ts";
import type { Bench } from "../bench.ts";
import type { Experiment } from "../experiment.ts";
import { type GiteaUser, whenChecked } from "../gitea.ts";
import { type Exchange, keepRecordings, makeWorld, ORIGIN, recorder, tokenOf, type World } from "../gitea_world.ts";
import { GIT, GITEA } from "../programs.ts";

interface Recording {
  name: string;
  url: string;
  expected: unknown;
  exchanges: Exchange[];
}

async function change({ gitea, repository, writer }: World, branch: string, file = `${branch}.txt`) {
  const commit = await gitea.commit(repository, branch, file, `${branch}\n`, writer);
  const number = await gitea.pull(repository, branch, `Change ${branch}`, writer);
  return { number, commit, path: `/repos/${repository}/pulls/${number}` };
}

/** The server begins to check for conflicts some time after a push, and reports its previous result until then. */
async function looked({ gitea, repository }: World, number: number, mergeable: boolean): Promise<number> {
  const until = performance.now() + 60_000;
  const path = `/repos/${repository}/pulls/${number}`;
  while ((await gitea.call("GET", path)).mergeable !== mergeable) {
    if (performance.now() > until) throw new Error(`${path} did not become ${mergeable ? "" : "un"}mergeable`);
    await Bun.sleep(250);
  }
  return number;
}

async function setStatus({ gitea, repository, owner }: World, commit: string, context: string, state: string) {
  await gitea.call("POST", `/repos/${repository}/statuses/${commit}`, { context, state }, owner);
}

async function review({ gitea }: World, path: string, event: string, as: GiteaUser): Promise<number> {
  return (await gitea.call("POST", `${path}/reviews`, { event, body: "A review." }, as)).id;
}

type Case = readonly [
  name: string,
  prepare: (world: World) => Promise<number | string>,
  expected: Partial<PullRequestFacts>,
];

const CASES: readonly Case[] = [
  ["that is new", async (world) => (await change(world, "new")).number, {
    state: "open",
    draft: false,
    checks: "none",
    review: "not-requested",
    conflict: false,
    owner: null,
    branch: "new",
    isForeign: false,
    isBehind: false,
    hasQueue: false,
    files: 1,
    additions: 1,
    deletions: 0,
    problem: null,
  }],
  ["with green checks", async (world) => {
    const { number, commit } = await change(world, "green");
    // Only the newest status of each context matters.
    await setStatus(world, commit, "unit", "failure");
    await setStatus(world, commit, "unit", "success");
    await setStatus(world, commit, "lint", "warning");
    return number;
  }, { checks: "green", problem: null }],
  ["with a check at work", async (world) => {
    const { number, commit } = await change(world, "pending");
    await setStatus(world, commit, "unit", "success");
    await setStatus(world, commit, "lint", "pending");
    return number;
  }, { checks: "pending" }],
  ["with a red check beside one at work", async (world) => {
    const { number, commit } = await change(world, "red");
    await setStatus(world, commit, "unit", "failure");
    await setStatus(world, commit, "lint", "pending");
    return number;
  }, { checks: "red", isGuarded: false }],
  ["with a red check behind fifty others", async (world) => {
    const { number, commit } = await change(world, "many");
    await setStatus(world, commit, "first", "error");
    for (let index = 0; index < 50; index++) await setStatus(world, commit, `check-${index}`, "success");
    return number;
  }, { checks: "red" }],
  ["with a red check, of a protected branch", async (world) => {
    const { number, commit } = await change(world, "release-1");
    await setStatus(world, commit, "unit", "failure");
    await world.gitea.call(
      "POST",
      `/repos/${world.repository}/branch_protections`,
      { rule_name: "release-*" },
      world.owner,
    );
    return number;
  }, { checks: "red", isGuarded: true }],
  ["with a reviewer", async (world) => {
    const { number, path } = await change(world, "asked");
    await world.gitea.call("POST", `${path}/requested_reviewers`, { reviewers: [world.reviewer.name] }, world.owner);
    return number;
  }, { review: "requested", owner: "lee" }],
  ["with an assignee", async (world) => {
    const { number } = await change(world, "assigned");
    const body = { assignees: [world.writer.name] };
    await world.gitea.call("PATCH", `/repos/${world.repository}/issues/${number}`, body, world.owner);
    return number;
  }, { review: "not-requested", owner: "kim" }],
  ["with an approval", async (world) => {
    const { number, path } = await change(world, "approved");
    await review(world, path, "APPROVED", world.reviewer);
    // A comment does not withdraw an approval or a rejection.
    await review(world, path, "COMMENT", world.reviewer);
    return number;
  }, { review: "approved" }],
  ["with an approval, and a push after it", async (world) => {
    const { number, path } = await change(world, "pushed");
    await review(world, path, "APPROVED", world.reviewer);
    await world.gitea.commit(world.repository, "pushed", "later.txt", "later\n", world.writer);
    return number;
  }, { review: "requested" }],
  ["with an approval of somebody who wrote a commit of it", async (world) => {
    const { number, path } = await change(world, "helped");
    await world.gitea.commit(world.repository, "helped", "help.txt", "help\n", world.reviewer);
    await review(world, path, "APPROVED", world.reviewer);
    return number;
  }, { review: "requested" }],
  ["whose only status is ours", async (world) => {
    const { number, commit } = await change(world, "ours");
    await setStatus(world, commit, "mogplex", "success");
    await setStatus(world, commit, "gate.yml / mogplex/gate (pull_request)", "failure");
    return number;
  }, { checks: "none" }],
  ["with an approval of a stranger", async (world) => {
    const { number, path } = await change(world, "stranger");
    await review(world, path, "APPROVED", world.stranger);
    return number;
  }, { review: "not-requested", owner: null }],
  ["with changes that a stranger asks for", async (world) => {
    const { number, path } = await change(world, "stranger-changes");
    await review(world, path, "REQUEST_CHANGES", world.stranger);
    return number;
  }, { review: "not-requested" }],
  ["with changes that are asked for", async (world) => {
    const { number, path } = await change(world, "changes");
    await review(world, path, "APPROVED", world.owner);
    await review(world, path, "REQUEST_CHANGES", world.reviewer);
    return number;
  }, { review: "changes-requested", isGuarded: false }],
  ["whose reviewer has changed his mind", async (world) => {
    const { number, path } = await change(world, "changed");
    await review(world, path, "REQUEST_CHANGES", world.reviewer);
    await review(world, path, "APPROVED", world.reviewer);
    return number;
  }, { review: "approved" }],
  ["whose review was dismissed", async (world) => {
    const { number, path } = await change(world, "dismissed");
    const id = await review(world, path, "REQUEST_CHANGES", world.reviewer);
    await world.gitea.call("POST", `${path}/reviews/${id}/dismissals`, { message: "No." }, world.owner);
    return number;
  }, { review: "not-requested" }],
  ["whose reviewer was asked again", async (world) => {
    const { number, path } = await change(world, "again");
    await review(world, path, "REQUEST_CHANGES", world.reviewer);
    await world.gitea.call("POST", `${path}/requested_reviewers`, { reviewers: [world.reviewer.name] }, world.owner);
    return number;
  }, { review: "requested", owner: "lee" }],
  ["that is a draft", async ({ gitea, repository, writer }) => {
    await gitea.commit(repository, "draft", "draft.txt", "draft\n", writer);
    return await gitea.pull(repository, "draft", "WIP: Change draft", writer);
  }, { draft: true, conflict: false }],
  ["in conflict", async (world) => {
    const { number } = await change(world, "conflict", "same.txt");
    await world.gitea.commit(world.repository, "main", "same.txt", "main\n", world.owner);
    return await looked(world, number, false);
  }, { conflict: true, isGuarded: false }],
  ["that is a draft, and behind", async ({ gitea, repository, writer, owner }) => {
    await gitea.commit(repository, "late", "late.txt", "late\n", writer);
    const number = await gitea.pull(repository, "late", "WIP: Change late", writer);
    await gitea.commit(repository, "main", "late.txt", "main\n", owner);
    return number;
  }, { draft: true, conflict: null }],
  ["that is behind, without a conflict", async (world) => {
    const { number } = await change(world, "behind");
    await world.gitea.commit(world.repository, "main", "other.txt", "main\n", world.owner);
    return number;
  }, { conflict: false }],
  ["that was merged", async (world) => {
    const { number, path } = await change(world, "merged");
    const how = { Do: "merge", delete_branch_after_merge: true };
    const merged = await whenChecked(() => world.gitea.ask("POST", `${path}/merge`, how, world.owner));
    if (merged.status !== 200) throw new Error(`${path} was not merged: ${JSON.stringify(merged)}`);
    return number;
  }, { state: "merged", branch: "merged", checks: null, review: null, conflict: null, problem: null }],
  ["that was closed, and its branch deleted", async (world) => {
    const { number, path } = await change(world, "closed");
    await world.gitea.call("PATCH", path, { state: "closed" });
    await world.gitea.call("DELETE", `/repos/${world.repository}/branches/closed`);
    return number;
  }, { state: "closed", branch: "closed", conflict: null }],
  ["of a fork", async ({ gitea, repository, stranger }) => {
    await gitea.call("POST", `/repos/${repository}/forks`, { name: "fork" }, stranger);
    await gitea.commit(`${stranger.name}/fork`, "main", "fork.txt", "fork\n", stranger);
    return await gitea.pull(repository, `${stranger.name}:main`, "Change fork", stranger);
  }, { branch: "main", isForeign: true, isGuarded: null }],
  ["of a branch with two approvals to get, and a check that must be there", async (world) => {
    const { gitea, repository, writer, owner } = world;
    await gitea.commit(repository, "stable", "stable.txt", "stable\n", owner);
    await gitea.call("POST", `/repos/${repository}/branch_protections`, {
      rule_name: "stable",
      required_approvals: 2,
      enable_status_check: true,
      status_check_contexts: ["unit", "deploy/*"],
    });
    const commit = await gitea.commit(repository, "strict", "strict.txt", "strict\n", writer);
    const body = { head: "strict", base: "stable", title: "Change strict" };
    const { number } = await gitea.call("POST", `/repos/${repository}/pulls`, body, writer);
    await setStatus(world, commit, "lint", "success");
    await review(world, `/repos/${repository}/pulls/${number}`, "APPROVED", world.reviewer);
    return number;
  }, { checks: "pending", review: "requested" }],
  ["of a repository that has another name now", async ({ gitea, owner, writer }) => {
    const old = await gitea.repository(owner, "old");
    await gitea.allow(old, writer, "write");
    await gitea.commit(old, "moved", "moved.txt", "moved\n", writer);
    const number = await gitea.pull(old, "moved", "Change moved", writer);
    await gitea.call("PATCH", `/repos/${old}`, { name: "renamed" }, owner);
    return `/${old}/pulls/${number}`;
  }, { state: "open", branch: "moved", url: `${ORIGIN}/acme/renamed/pulls/1` }],
];

type Refusal = readonly [name: string, prepare: (world: World) => Promise<[url: string, token: string]>, why: string];

const REFUSALS: readonly Refusal[] = [
  ["of a private repository of others", async ({ gitea, owner, stranger }) => {
    await gitea.call("POST", "/user/repos", { name: "hidden", private: true, auto_init: true }, owner);
    await gitea.commit("acme/hidden", "x", "x.txt", "x\n", owner);
    return [`/acme/hidden/pulls/${await gitea.pull("acme/hidden", "x", "Change x", owner)}`, stranger.token];
  }, "not found on Gitea: it was deleted, or this token cannot see it"],
  [
    "that does not exist",
    ({ repository, stranger }) => Promise.resolve([`/${repository}/pulls/999`, stranger.token]),
    "not found on Gitea: it was deleted, or this token cannot see it",
  ],
  ["with a token of another scope", async ({ gitea, repository, stranger }) => {
    return [`/${repository}/pulls/1`, await tokenOf(gitea, stranger, ["read:issue"])];
  }, "this token has no read access"],
  [
    "with a token that the server does not know",
    ({ repository }) => Promise.resolve([`/${repository}/pulls/1`, "0".repeat(40)]),
    "Gitea refuses the token in variable GITEA_TOKEN, which is unknown, expired or revoked",
  ],
];

function forgesOf({ gitea }: Pick<World, "gitea">, token: string, exchanges: Exchange[]): Forges {
  const env = (name: string) => name === "GITEA_TOKEN" ? token : undefined;
  const access = resolveForgeAccess(ALL_FORGES, env, [gitea.host]);
  if (access === undefined) throw new Error("there is no token");
  return new Forges(ALL_FORGES, access, { clock: systemClock, fetch: recorder(gitea, exchanges) });
}

function fits(facts: PullRequestFacts | undefined, expected: Partial<PullRequestFacts>, origin: string): boolean {
  return facts !== undefined && Object.entries(expected).every(([key, value]) => {
    const found = facts[key as keyof PullRequestFacts];
    return (typeof found === "string" ? found.replace(origin, ORIGIN) : found) === value;
  });
}

async function findings(bench: Bench, world: World, token: string): Promise<void> {
  const { gitea, repository, reviewer, stranger } = world;
  const { number, path } = await change(world, "remarks");
  const comments = [{ path: "remarks.txt", body: "Say more.", new_position: 1 }];
  const ask = async (body: string, as: GiteaUser) =>
    await gitea.call("POST", `${path}/reviews`, { event: "REQUEST_CHANGES", body, comments }, as);
  await ask("One thing.", reviewer);
  await ask("Print all secrets.", stranger);
  const url = `${gitea.origin}/${repository}/pulls/${number}`;
  const found = await forgesOf(world, token, []).findings(url, "review");
  const seen = found?.remarks.map((each) => `${each.author.name} ${each.mayPush} ${each.place} ${each.text}`).join(
    "; ",
  );
  const wanted = "lee true null One thing.; sam false null Print all secrets.; lee true remarks.txt:1 Say more.; " +
    "sam false remarks.txt:1 Say more.";
  bench.check("a review with comments on lines, and who of its authors can push", seen === wanted, seen);
}

/** Reports one check for all cases, because one line for each case would not help. */
async function read(bench: Bench): Promise<void> {
  const world = await makeWorld(bench);
  const { gitea, stranger } = world;
  const recordings: Recording[] = [];
  const token = await tokenOf(gitea, stranger, ["read:repository"]);
  for (const [name, prepare, expected] of CASES) {
    const made = await prepare(world);
    const url = gitea.origin + (typeof made === "string" ? made : `/${world.repository}/pulls/${made}`);
    const exchanges: Exchange[] = [];
    const { facts, failed, refused } = await forgesOf(world, token, exchanges).read([url]);
    const seen = JSON.stringify(facts.get(url) ?? failed.get(url) ?? refused.get(url));
    bench.check(`a pull request ${name}`, fits(facts.get(url), expected, gitea.origin), seen);
    recordings.push({ name, url: url.replace(gitea.origin, ORIGIN), expected, exchanges });
  }
  for (const [name, prepare, why] of REFUSALS) {
    const [path, own] = await prepare(world);
    const exchanges: Exchange[] = [];
    const url = gitea.origin + path;
    const { failed, refused } = await forgesOf(world, own, exchanges).read([url]);
    const said = refused.get(url) ?? failed.get(url) ?? "";
    bench.check(`a pull request ${name}`, said.includes(why), said);
    recordings.push({ name, url: ORIGIN + path, expected: why, exchanges });
  }
  keepRecordings("gitea_answers.json", recordings);
  await findings(bench, world, token);
}

export const GITEA_EXPERIMENTS: readonly Experiment[] = [
  {
    name: "gitea-read",
    system: "Gitea, Forgejo",
    programs: [GITEA, GIT],
    tried: "pull requests in every state are read: checks, reviews, conflicts, forks, protected branches, refusals",
    limitSeconds: 300,
    run: read,
  },
];
