import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { systemClock } from "../../lib/clock.ts";
import { judgeApprovals, type NotCounted } from "../../lib/forge/approvals.ts";
import { ForgeClient } from "../../lib/forge/client.ts";
import { isUnread } from "../../lib/forge/model.ts";
import { GITEA as FORGE } from "../../lib/forge/gitea.ts";
import { parsePullRequest } from "../../lib/forge/all.ts";
import type { MergeReading } from "../../lib/forge/merging.ts";
import { root, runtimes } from "../../tools/setup.mjs";
import { type Bench, COMMAND, programFiles } from "../bench.ts";
import type { Experiment } from "../experiment.ts";
import { type GiteaUser, whenChecked } from "../gitea.ts";
import {
  type Bot,
  type Exchange,
  keepRecordings,
  makeBot,
  makeWorld,
  ORIGIN,
  recorder,
  type World,
} from "../gitea_world.ts";
import { GIT, GITEA } from "../programs.ts";

interface Change {
  number: number;
  path: string;
}

async function change({ gitea, repository, writer }: World, branch: string): Promise<Change> {
  await gitea.commit(repository, branch, `${branch}.txt`, `${branch}\n`, writer);
  const number = await gitea.pull(repository, branch, `Change ${branch}`, writer);
  return { number, path: `/repos/${repository}/pulls/${number}` };
}

async function review({ gitea }: World, { path }: Change, event: string, as: GiteaUser): Promise<number> {
  return (await gitea.call("POST", `${path}/reviews`, { event, body: "A review." }, as)).id;
}

async function approved(world: World, branch: string, as: GiteaUser): Promise<Change> {
  const pull = await change(world, branch);
  await review(world, pull, "APPROVED", as);
  return pull;
}

async function protect({ gitea, repository }: World, branch: string, rule: object): Promise<void> {
  await gitea.commit(repository, branch, `${branch}.md`, `${branch}\n`);
  await gitea.call("POST", `/repos/${repository}/branch_protections`, { rule_name: branch, ...rule });
}

async function into({ gitea, repository, writer }: World, base: string, branch: string): Promise<Change> {
  await gitea.commit(repository, branch, `${branch}.txt`, `${branch}\n`, writer);
  const body = { head: branch, base, title: `Change ${branch}` };
  const { number } = await gitea.call("POST", `/repos/${repository}/pulls`, body, writer);
  return { number, path: `/repos/${repository}/pulls/${number}` };
}

interface Expected {
  state: string;
  reason: string;
  reading?: Partial<Record<keyof MergeReading, unknown>>;
}

type Case = readonly [
  name: string,
  prepare: (world: World, bot: Bot) => Promise<Change & { requester?: GiteaUser }>,
  expected: Expected,
];

const CASES: readonly Case[] = [
  ["with an approval", (world) => approved(world, "good", world.reviewer), {
    state: "approved",
    reason: "1 of 1 approval of the newest commit",
    reading: {
      ...{ base: "main", isCheckRequired: false, bypass: null, blocked: null, isStacked: false, isOutdated: false },
      ...{ methods: ["merge", "squash", "rebase"], mergeCommit: null, mergedHead: null, changedFiles: ["good.txt"] },
    },
  }],
  ["with an approval, and a push after it", async (world) => {
    const pull = await approved(world, "pushed", world.reviewer);
    await world.gitea.commit(world.repository, "pushed", "later.txt", "later\n", world.writer);
    return pull;
  }, { state: "missing", reason: "lee approved an older commit" }],
  ["with an approval of a user who cannot push", (world) => approved(world, "stranger", world.stranger), {
    state: "missing",
    reason: "sam cannot push",
  }],
  ["with an approval of the token's user", async (world, bot) => await approved(world, "own", bot), {
    state: "missing",
    reason: "mogplex-bot's approval does not count: the token belongs to mogplex-bot",
  }],
  ["with an approval of the user who asked for it", async (world) => {
    return { ...await approved(world, "asked", world.reviewer), requester: world.reviewer };
  }, { state: "missing", reason: "lee's approval does not count: lee requested the work" }],
  ["with an approval of a user who wrote a commit of it", async (world) => {
    const pull = await change(world, "helped");
    await world.gitea.commit(world.repository, "helped", "help.txt", "help\n", world.reviewer);
    await review(world, pull, "APPROVED", world.reviewer);
    return pull;
  }, { state: "missing", reason: "lee wrote some of the commits" }],
  ["with an approval of a user who pushed a commit under another name", async (world) => {
    const pull = await change(world, "disguised");
    const nobody = { name: "Nobody", email: "nobody@example.com" };
    const path = `/repos/${world.repository}/contents/disguise.txt`;
    const file = { content: btoa("disguise\n"), message: "Change it", branch: "disguised" };
    await world.gitea.call("POST", path, { ...file, author: nobody, committer: nobody }, world.reviewer);
    const timeline = `/repos/${world.repository}/issues/${pull.number}/timeline`;
    for (let looks = 0; looks < 40; looks++) {
      const events: { type: string; user: { login: string } }[] = await world.gitea.call("GET", timeline);
      if (events.some(({ type, user }) => type === "pull_push" && user.login === world.reviewer.name)) break;
      await Bun.sleep(250);
    }
    await review(world, pull, "APPROVED", world.reviewer);
    return pull;
  }, { state: "missing", reason: "lee pushed some of the commits" }],
  ["with an approval before it got another target", async (world) => {
    const pull = await approved(world, "moved", world.reviewer);
    await world.gitea.commit(world.repository, "other", "other.md", "other\n");
    await world.gitea.call("PATCH", pull.path, { base: "other" }, world.owner);
    return pull;
  }, { state: "missing", reason: "lee approved before the target branch changed" }],
  ["with an approval of a user who lost the right since", async (world) => {
    const left = await world.gitea.user("max");
    await world.gitea.allow(world.repository, left, "write");
    const pull = await approved(world, "lost", left);
    await world.gitea.call("DELETE", `/repos/${world.repository}/collaborators/${left.name}`);
    return pull;
  }, { state: "missing", reason: "max cannot push" }],
  ["with an approval that was dismissed", async (world) => {
    const pull = await change(world, "dismissed");
    const id = await review(world, pull, "APPROVED", world.reviewer);
    await world.gitea.call("POST", `${pull.path}/reviews/${id}/dismissals`, { message: "No." }, world.owner);
    return pull;
  }, { state: "missing", reason: "0 of 1 approval of the newest commit" }],
  ["with an approval, and a request for changes of an earlier commit", async (world) => {
    const pull = await change(world, "wish");
    await review(world, pull, "REQUEST_CHANGES", world.owner);
    await world.gitea.commit(world.repository, "wish", "later.txt", "later\n", world.writer);
    await review(world, pull, "APPROVED", world.reviewer);
    return pull;
  }, { state: "changes-requested", reason: "acme requests changes" }],
  ["with a request for changes, whose reviewer was asked again", async (world) => {
    const pull = await change(world, "again");
    await review(world, pull, "REQUEST_CHANGES", world.owner);
    await review(world, pull, "APPROVED", world.reviewer);
    const body = { reviewers: [world.owner.name] };
    await world.gitea.call("POST", `${pull.path}/requested_reviewers`, body, world.writer);
    return pull;
  }, { state: "changes-requested", reason: "acme requests changes" }],
  ["with a request for changes that became an approval", async (world) => {
    const pull = await change(world, "withdrawn");
    await review(world, pull, "REQUEST_CHANGES", world.reviewer);
    await review(world, pull, "APPROVED", world.reviewer);
    return pull;
  }, { state: "approved", reason: "1 of 1 approval" }],
  ["with changes that a stranger asks for", async (world) => {
    const pull = await approved(world, "stranger-wish", world.reviewer);
    await review(world, pull, "REQUEST_CHANGES", world.stranger);
    return pull;
  }, { state: "approved", reason: "1 of 1 approval" }],
  ["of a target that requires two approvals, a check, and its newest commit", async (world) => {
    const rule = { required_approvals: 2, enable_status_check: true, status_check_contexts: ["unit"] };
    await protect(world, "stable", { ...rule, block_on_outdated_branch: true });
    const pull = await into(world, "stable", "strict");
    await review(world, pull, "APPROVED", world.reviewer);
    return pull;
  }, {
    state: "missing",
    reason: "1 of 2 approvals",
    reading: { base: "stable", isCheckRequired: true, isOutdated: true },
  }],
  ["of a target into which the token's user may not merge", async (world) => {
    const rule = { enable_merge_whitelist: true, merge_whitelist_usernames: [world.owner.name] };
    await protect(world, "guarded", rule);
    const pull = await into(world, "guarded", "outside");
    await review(world, pull, "APPROVED", world.reviewer);
    return pull;
  }, {
    state: "approved",
    reason: "1 of 1 approval",
    reading: { blocked: "the token's user is not allowed to merge into the target branch" },
  }],
  ["that was merged", async (world) => {
    const pull = await approved(world, "merged", world.reviewer);
    const merged = await whenChecked(() =>
      world.gitea.ask("POST", `${pull.path}/merge`, { Do: "squash" }, world.owner)
    );
    if (merged.status !== 200) throw new Error(`${pull.path} was not merged: ${JSON.stringify(merged)}`);
    return pull;
  }, { state: "unknown", reason: "the forge does not show the reviews", reading: { blocked: null, isOutdated: null } }],
];

interface Recording {
  name: string;
  url: string;
  notCounted: NotCounted;
  expected: Expected;
  exchanges: Exchange[];
}

function fits(reading: MergeReading, expected: Expected["reading"] = {}): boolean {
  return Object.entries(expected).every(([key, value]) =>
    JSON.stringify(reading[key as keyof MergeReading]) === JSON.stringify(value)
  );
}

async function approvals(bench: Bench): Promise<void> {
  const world = await makeWorld(bench);
  const { gitea, repository } = world;
  const bot = await makeBot(world);
  const recordings: Recording[] = [];
  for (const [name, prepare, expected] of CASES) {
    const { number, requester } = await prepare(world, bot);
    const url = `${gitea.origin}/${repository}/pulls/${number}`;
    const address = parsePullRequest(url);
    if (address === undefined) throw new Error(`${url} is not the address of a pull request`);
    const exchanges: Exchange[] = [];
    const token = { token: bot.scoped, place: "variable GITEA_TOKEN" };
    const lab = { clock: systemClock, fetch: recorder(gitea, exchanges) };
    const client = new ForgeClient(lab, FORGE, FORGE.api(gitea.origin), token);
    const reading = await FORGE.merging?.read(client, { ...address, forge: FORGE.name });
    const user = (each: GiteaUser) => ({ id: each.id, name: each.name, isBot: null });
    const notCounted = { requesters: requester ? [user(requester)] : [], token: user(bot), notPeople: [] };
    if (reading === undefined || isUnread(reading)) {
      bench.check(`a pull request ${name}`, false, reading?.reason);
      continue;
    }
    const { state, reason } = judgeApprovals(reading.review, notCounted);
    const isRight = state === expected.state && reason.includes(expected.reason) && fits(reading, expected.reading);
    bench.check(`a pull request ${name}`, isRight, JSON.stringify({ state, reason, reading }));
    recordings.push({ name, url: url.replace(gitea.origin, ORIGIN), notCounted, expected, exchanges });
  }
  keepRecordings("gitea_merging_answers.json", recordings);
}

async function gate(bench: Bench): Promise<void> {
  const world = await makeWorld(bench);
  const { gitea, repository, writer, reviewer, stranger } = world;
  const bot = await makeBot(world);
  const urlOf = ({ number }: Change) => `${gitea.origin}/${repository}/pulls/${number}`;
  const jobAt = (token: string, more: Record<string, string> = {}) => ({
    ...{ CI: "true", GITEA_ACTIONS: "true", GITHUB_ACTIONS: "true", GITHUB_EVENT_NAME: "schedule" },
    ...{ GITHUB_SERVER_URL: gitea.origin, GITHUB_API_URL: `${gitea.origin}/api/v1`, GITHUB_REPOSITORY: "acme/gate" },
    ...{ GITEA_TOKEN: token, ...more },
  });
  const call = async (pull: Change, token: string, ...args: string[]) => {
    const line = [runtimes.node, COMMAND, "gate", "--approvals", "1", "--pull-request", urlOf(pull), ...args];
    return await bench.run(line, { env: jobAt(token) });
  };
  const statusOf = async ({ path }: Change) => {
    const { head } = await gitea.call("GET", path);
    const { statuses } = await gitea.call("GET", `/repos/${repository}/commits/${head.sha}/status`);
    const found = (statuses ?? []).filter(({ context }: { context: string }) => context === "mogplex/gate");
    return found.map(({ status }: { status: string }) => status).join();
  };

  const pull = await change(world, "gated");
  const waits = await call(pull, bot.scoped, "--status");
  bench.check(
    "a gate without an approval is pending",
    waits.code === 1 && await statusOf(pull) === "pending",
    waits.stderr,
  );
  await review(world, pull, "APPROVED", reviewer);
  const opens = await call(pull, bot.scoped, "--status");
  bench.check(
    "an approval opens it",
    opens.code === 0 && await statusOf(pull) === "success",
    opens.stdout + opens.stderr,
  );
  await gitea.commit(repository, "gated", "later.txt", "later\n", writer);
  const closes = await call(pull, bot.scoped, "--status");
  bench.check(
    "a push closes it",
    closes.code === 1 && await statusOf(pull) === "pending",
    closes.stdout + closes.stderr,
  );
  const hidden = await call(pull, stranger.token);
  bench.check("a token that sees no rights does not open it", hidden.code === 1, hidden.stdout + hidden.stderr);
  const wrong = await call(pull, "0".repeat(40));
  bench.check("a wrong token ends it with 64", wrong.code === 64, wrong.stderr);
  const missing = await call({ number: 999, path: "" }, bot.scoped);
  bench.check("a pull request that is not shown ends it with 69", missing.code === 69, missing.stderr);

  const other = await approved(world, "recipe", reviewer);
  const recipe = parse(readFileSync(join(root, "examples/forgejo/gate.yml"), "utf8"));
  const { run } = recipe.jobs.gate.steps.at(-1);
  const folder = bench.newFolder();
  bench.writeFiles(folder, programFiles());
  const job = jobAt(bot.scoped, { GATED_REPOSITORY: repository, RUNNER_TEMP: folder });
  const ended = await bench.run(["bash", "-eo", "pipefail", "-c", run], { cwd: folder, env: job });
  const states = [await statusOf(pull), await statusOf(other)].join();
  bench.check(
    "the recipe sets the status of each",
    ended.code === 0 && states === "pending,success",
    `${states} ${ended.stderr}`,
  );

  await gitea.call("POST", `/repos/${repository}/branch_protections`, {
    ...{ rule_name: "main", enable_status_check: true, status_check_contexts: ["mogplex/*"] },
  });
  const refused = await call(other, bot.scoped, "--status");
  bench.check("a rule by a pattern refuses the status", refused.code === 2, refused.stderr);
  const body = { status_check_contexts: ["mogplex/gate"] };
  await gitea.call("PATCH", `/repos/${repository}/branch_protections/main`, body);
  const merge = (each: Change) => whenChecked(() => gitea.ask("POST", `${each.path}/merge`, { Do: "squash" }, writer));
  const closed = await merge(pull);
  const open = await merge(other);
  bench.check(
    "Gitea merges only what the gate has opened",
    closed.status === 405 && open.status === 200,
    JSON.stringify({ closed, open }),
  );
}

export const GITEA_APPROVALS: readonly Experiment[] = [
  {
    name: "gitea-approvals",
    system: "Gitea, Forgejo",
    programs: [GITEA, GIT],
    tried:
      "approvals are valid only if they are for the newest commit, and not by the author, the requester or the token's user; the other conditions of a merge",
    limitSeconds: 300,
    run: approvals,
  },
  {
    name: "gitea-gate",
    system: "Gitea, Forgejo",
    programs: [GITEA, GIT],
    tried:
      "the status of `gate`, set by the command and by the recipe: the gate opens, closes after a push, and blocks a merge",
    limitSeconds: 300,
    run: gate,
  },
];
