/**
 * A campaign of thirty repositories on a real Gitea, from the plan to the merges in waves. A quarter of the requests to Gitea's API fail, before or
 * after Gitea has handled them, and twenty commands are killed. Most pull requests are approved correctly. Each of the others lacks one requirement,
 * and must never be merged.
 */
import process from "node:process";
import { runtimes } from "../../tools/setup.mjs";
import { type Bench, COMMAND, type Service } from "../bench.ts";
import type { Experiment } from "../experiment.ts";
import { type Gitea, type GiteaUser, startGitea } from "../gitea.ts";
import { tokenOf } from "../gitea_world.ts";
import { GIT, GITEA } from "../programs.ts";

const COUNT = 30;
const KILLS = 20;
const PARALLEL = 3;
const KILLED = { betweenStarts: 4, atStarts: 6, atMerges: 18 } as const;
const PATIENCE_MS = 25 * 60_000;

const BRANCH = "mogplex/docs";

const FILE = `version: 1
name: docs
title: Write the docs [skip ci]
prompt: Write the docs.
repositories: [{ query: acme/ }]
branch: ${BRANCH}
success: { require: pull-request }
not-people: [approver]
`;
const MERGING = `${FILE}merge: { when: approved, method: squash }\n`;

const nameOf = (number: number) => `r${String(number).padStart(2, "0")}`;

interface People {
  owner: GiteaUser;
  agent: GiteaUser;
  lee: GiteaUser;
  kim: GiteaUser;
  /** Appears to be a person, but the campaign file lists it as a program. */
  approver: GiteaUser;
  max: GiteaUser;
  merger: GiteaUser;
}

interface Pull {
  repository: string;
  number: number;
  head: string;
  path: string;
}

type Flaw = (gitea: Gitea, people: People, pull: Pull) => Promise<void>;

const approve = (gitea: Gitea, { path }: Pull, by: GiteaUser) =>
  gitea.call("POST", `${path}/reviews`, { event: "APPROVED", body: "Fine." }, by);

const setStatus = (gitea: Gitea, { repository, head }: Pull, context: string, state: string, by: GiteaUser) =>
  gitea.call("POST", `/repos/${repository}/statuses/${head}`, { context, state }, by);

const FLAWS: ReadonlyMap<number, readonly [name: string, prepare: Flaw]> = new Map<number, readonly [string, Flaw]>([
  [20, ["whose only status is ours", async (gitea, { lee, owner }, pull) => {
    await setStatus(gitea, pull, "mogplex", "success", owner);
    await approve(gitea, pull, lee);
  }]],
  [21, ["with a push of the agent after the approval", async (gitea, { lee, agent, owner }, pull) => {
    await approve(gitea, pull, lee);
    const head = await gitea.commit(pull.repository, BRANCH, "later.md", "Later.\n", agent);
    await setStatus(gitea, { ...pull, head }, "unit", "success", owner);
  }]],
  [22, ["that a program has approved", async (gitea, { approver, owner }, pull) => {
    await setStatus(gitea, pull, "unit", "success", owner);
    await approve(gitea, pull, approver);
  }]],
  [23, ["that the one who asked for it has approved", async (gitea, { kim, owner }, pull) => {
    await setStatus(gitea, pull, "unit", "success", owner);
    await approve(gitea, pull, kim);
  }]],
  [24, ["approved by somebody who can no longer push", async (gitea, { max, owner }, pull) => {
    await setStatus(gitea, pull, "unit", "success", owner);
    await approve(gitea, pull, max);
    await gitea.call("DELETE", `/repos/${pull.repository}/collaborators/${max.name}`);
  }]],
  [25, ["that nobody has approved", (gitea, { owner }, pull) => setStatus(gitea, pull, "unit", "success", owner)]],
  [26, ["that was moved to another target", async (gitea, { lee, owner }, pull) => {
    await gitea.commit(pull.repository, "prod", "prod.md", "Production.\n");
    await gitea.call("PATCH", pull.path, { base: "prod" }, owner);
    await setStatus(gitea, pull, "unit", "success", owner);
    await approve(gitea, pull, lee);
  }]],
  [27, ["that the owner of the token has approved", async (gitea, { merger, owner }, pull) => {
    await setStatus(gitea, pull, "unit", "success", owner);
    await approve(gitea, pull, merger);
  }]],
  [28, ["with a red check", async (gitea, { lee, owner }, pull) => {
    await setStatus(gitea, pull, "unit", "failure", owner);
    await approve(gitea, pull, lee);
  }]],
  [29, ["that is a draft", async (gitea, { lee, owner }, pull) => {
    await setStatus(gitea, pull, "unit", "success", owner);
    await approve(gitea, pull, lee);
    await gitea.call("PATCH", pull.path, { title: "WIP: Write the docs" }, owner);
  }]],
  [30, ["with a commit of a person after the approval", async (gitea, { lee, owner }, pull) => {
    await setStatus(gitea, pull, "unit", "success", owner);
    await approve(gitea, pull, lee);
    const head = await gitea.commit(pull.repository, BRANCH, "person.md", "By hand.\n", lee);
    await setStatus(gitea, { ...pull, head }, "unit", "success", owner);
  }]],
]);

/** Requests after which a command is killed. The journal is pushed before and after each merge. */
const [MERGE, PUSH] = [/^POST \/api\/v1\/.*\/merge$/, /^GET .*\?service=git-receive-pack$/];

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

async function makePeople(gitea: Gitea): Promise<People> {
  const names = ["acme", "agent", "lee", "kim", "approver", "max", "merger"];
  const users: GiteaUser[] = [];
  for (const name of names) users.push(await gitea.user(name));
  const [owner, agent, lee, kim, approver, max, merger] = users as [
    ...[GiteaUser, GiteaUser, GiteaUser, GiteaUser],
    ...[GiteaUser, GiteaUser, GiteaUser],
  ];
  for (let number = 1; number <= COUNT; number++) {
    const repository = await gitea.repository(owner, nameOf(number));
    const writers = [agent, lee, kim, approver, max].map((user) => gitea.allow(repository, user, "write"));
    await Promise.all([...writers, gitea.allow(repository, merger, "admin")]);
  }
  return { owner, agent, lee, kim, approver, max, merger };
}

async function runsOf(gitea: Gitea): Promise<Map<string, string>> {
  const tree = await gitea.ask("GET", "/repos/acme/ops/git/trees/waves?recursive=true");
  const paths = (tree.body?.tree ?? []).map(({ path }: { path: string }) => path) as string[];
  const runs = new Map<string, string>();
  for (const path of paths.filter((each) => each.endsWith(".ndjson"))) {
    const answer = await fetch(`${gitea.origin}/api/v1/repos/acme/ops/raw/${path}?ref=waves`, {
      headers: { authorization: `token ${gitea.admin.token}` },
    });
    for (const line of (await answer.text()).split("\n").filter((each) => each !== "")) {
      const { type, runId, item } = JSON.parse(line) as { type: string; runId?: string; item?: string };
      if (type === "started" && runId !== undefined && item !== undefined) runs.set(runId, item.split("@")[0] ?? "");
    }
  }
  return runs;
}

async function deliver(
  service: Service,
  gitea: Gitea,
  { agent }: People,
  delivered: Set<string>,
): Promise<Pull[]> {
  const pulls: Pull[] = [];
  for (const [id, repository] of await runsOf(gitea)) {
    if (delivered.has(id)) continue;
    delivered.add(id);
    const head = await gitea.commit(repository, BRANCH, "docs.md", "By an agent.\n", agent);
    const number = await gitea.pull(repository, BRANCH, "Write the docs", agent);
    const pull = await gitea.call("GET", `/repos/${repository}/pulls/${number}`);
    const payload = {
      stage: "git_delivery",
      changed: true,
      pull_request_url: pull.html_url,
      base_branch: "main",
      working_branch: BRANCH,
    };
    await service.control("setRun", { runId: id, run: { status: "streaming" } });
    await service.control("appendEvents", {
      runId: id,
      events: [
        { type: "log", message: "Pull request ready", payload: { ...payload, auto_committed_files: [] } },
        { type: "finished", message: "Harness run finished", payload: { exit_code: 0, failure_code: null } },
      ],
    });
    await service.control("setRun", { runId: id, run: { status: "success" }, call: { status: "success" } });
    pulls.push({ repository, number, head, path: `/repos/${repository}/pulls/${number}` });
  }
  return pulls;
}

async function merge(bench: Bench): Promise<void> {
  const random = seeded(4);
  let isFaulty = false;
  let onRequest = (_line: string) => {};
  const faults = { drop: 0, lose: 0 };
  const gitea = await startGitea(bench, true, (line) => {
    onRequest(line);
    if (!isFaulty || !line.includes(" /api/v1/") || random() >= 0.25) return undefined;
    const fault = random() < 0.5 ? "drop" : "lose";
    faults[fault]++;
    return fault;
  });
  const people = await makePeople(gitea);
  const names = Array.from({ length: COUNT }, (_, index) => `acme/${nameOf(index + 1)}`);
  const service = await bench.service(undefined, 50, names, ["--start-limits", "off"]);
  await gitea.call("POST", "/user/repos", { name: "ops", private: true, auto_init: true }, people.owner);
  const { host, certificate } = gitea.front;
  const env = {
    ...service.env,
    ...{ GIT_SSL_CAINFO: certificate, NODE_EXTRA_CA_CERTS: certificate },
    ...{ USER: people.kim.name, MOGPLEX_DEV_START_LIMITS: "off" },
    MOGPLEX_GIT_TOKEN: people.owner.token,
    MERGE_TOKEN: await tokenOf(gitea, people.merger, ["write:repository", "read:user", "write:issue"]),
    MOGPLEX_MERGE_TOKEN_VARIABLE: `${host}=MERGE_TOKEN`,
  };
  const home = `git:https://${host}/acme/ops.git#waves`;
  let file = FILE;
  const start = (verb: string, ...args: string[]) => {
    const cwd = bench.newFolder();
    bench.writeFiles(cwd, { "campaign.yml": file });
    return bench.start([runtimes.node, COMMAND, "campaign", verb, "campaign.yml", "--home", home, ...args], {
      cwd,
      env,
    });
  };
  const output: string[] = [];
  const run = async (verb: string, ...args: string[]) => {
    const ended = await start(verb, ...args).ended;
    output.push(`${verb} ${ended.code}: ${ended.stderr.slice(-300)}`);
    return ended;
  };

  const planned = await run("plan");
  bench.check("the campaign of 30 repositories is planned", planned.code === 0, planned.stderr);
  isFaulty = true;
  const pulls = new Map<string, Pull>();
  const delivered = new Set<string>();
  let kills = 0;
  const kill = async (moment: RegExp | null, verb: string, ...args: string[]) => {
    const running = start(verb, ...args);
    const arrival = moment === null
      ? Bun.sleep(300 + random() * 3_000)
      : new Promise<void>((resolve) => onRequest = (line) => void (moment.test(line) && resolve()))
        .then(() => Bun.sleep(random() * 300));
    const hasEnded = await Promise.race([running.ended.then(() => true), arrival.then(() => false)]);
    if (hasEnded) return;
    process.kill(-running.pid, "SIGKILL");
    kills++;
    await running.ended;
  };
  const until = performance.now() + PATIENCE_MS;
  const isOver = () => performance.now() > until;
  const deliverAll = async () => {
    for (const pull of await deliver(service, gitea, people, delivered)) {
      pulls.set(pull.repository, pull);
      const [, prepare] = FLAWS.get(Number(pull.repository.slice(-2))) ?? [];
      if (prepare !== undefined) await prepare(gitea, people, pull);
      else {
        await setStatus(gitea, pull, "unit", "success", people.owner);
        await approve(gitea, pull, people.lee);
      }
    }
  };
  const stateOf = async ({ path }: Pull) => await gitea.call("GET", path);
  const commitsOf = async ({ repository }: Pull) =>
    await gitea.call("GET", `/repos/${repository}/commits?sha=main&limit=50`);
  const isGood = ({ repository }: Pull) => !FLAWS.has(Number(repository.slice(-2)));
  const unmerged = async (digits: RegExp) => {
    const open: Pull[] = [];
    for (const pull of [...pulls.values()].filter((each) => isGood(each) && digits.test(each.repository))) {
      // If Gitea was interrupted during a merge, the target branch contains the merge, but Gitea shows the pull request as open.
      if ((await stateOf(pull)).merged !== true && (await commitsOf(pull)).length === 1) open.push(pull);
    }
    return open;
  };

  // Kills commands between two waves of starts. If a killed command has left a start behind, the next command waits for five minutes.
  while (pulls.size < COUNT - PARALLEL && !isOver()) {
    await run("advance");
    if (kills < KILLED.betweenStarts) await kill(null, "advance");
    await deliverAll();
  }
  while (kills < KILLED.atStarts && !isOver()) await kill(kills % 2 === 0 ? PUSH : null, "advance");
  for (let turn = 0; !isOver(); turn++) {
    if (pulls.size < COUNT) {
      await run("advance");
      await deliverAll();
    }
    const open = await unmerged(/[0-8]$/);
    const next = open[turn % open.length];
    if (next === undefined && pulls.size === COUNT && kills >= KILLED.atMerges) break;
    const command = ["merge", "--method", "squash", "--only", `acme/r?${next?.repository.at(-1) ?? 0}`] as const;
    if (kills < KILLED.atMerges) await kill(next === undefined ? null : [MERGE, PUSH][turn % 3] ?? null, ...command);
    else if (next !== undefined) await run(...command);
  }
  bench.check("each of the 30 repositories has its pull request", pulls.size === COUNT, output.slice(-5).join("\n"));
  // Only a plan enables merges in waves.
  file = MERGING;
  const changed = await run("plan");
  bench.check("a plan turns the merges of waves on", changed.code === 0, changed.stderr);
  while ((kills < KILLS || (await unmerged(/./)).length > 0) && !isOver()) {
    if (kills < KILLS) await kill((await unmerged(/./)).length > 0 ? MERGE : null, "advance");
    else await run("advance");
  }
  bench.check("20 commands were killed", kills >= KILLS, String(kills));
  const left = (await unmerged(/./)).map(({ repository }) => repository);
  bench.check(
    "everything that is approved and green is merged",
    left.length === 0,
    `${left} ${output.slice(-2).join("\n")}`,
  );
  const wanted = [...pulls.values()].filter(isGood);

  const close = [
    "--only",
    `acme/${nameOf(25)}`,
    "--reason",
    "not wanted",
    "--yes",
    "--forge-host",
    `${host}=MERGE_TOKEN`,
  ];
  await run("close", ...close);
  await run("close", ...close);
  isFaulty = false;
  const last = await run("close", ...close);
  await run("advance");
  const wrong: string[] = [];
  for (const pull of wanted) {
    const { merged, merged_by: by, head } = await stateOf(pull);
    const commits = await commitsOf(pull);
    const reviews = await gitea.call("GET", `${pull.path}/reviews`);
    const isApproved = reviews.some((review: { state: string; commit_id: string; user: { login: string } }) =>
      review.state === "APPROVED" && review.commit_id === head.sha && review.user.login === "lee"
    );
    const message = String(commits[0]?.commit?.message ?? "");
    const isOnce = commits.length === 2 && !/skip ci/i.test(message);
    if (merged === true && by?.login !== "merger" || head.sha !== pull.head || !isApproved || !isOnce) {
      wrong.push(`${pull.repository}: ${message}`);
    }
  }
  bench.check(
    "each is merged once, at the commit that was approved, and no word in its commit skips CI",
    wrong.length === 0,
    wrong.join(),
  );
  for (const [number, [name]] of FLAWS) {
    const pull = pulls.get(`acme/${nameOf(number)}`);
    const state = pull === undefined ? undefined : await stateOf(pull);
    bench.check(`a pull request ${name} is not merged`, state?.merged === false, JSON.stringify(state?.state));
  }
  const closed = pulls.get(`acme/${nameOf(25)}`);
  const comments = closed === undefined
    ? []
    : await gitea.call("GET", `/repos/${closed.repository}/issues/${closed.number}/comments`);
  bench.check(
    "a close that was repeated has left one comment",
    comments.length === 1,
    `${comments.length} ${last.stderr}`,
  );
  const person = await gitea.ask("GET", `/repos/acme/${nameOf(30)}/contents/person.md?ref=${BRANCH}`);
  bench.check("the commit of a person is still there", person.status === 200, String(person.status));
  const again = await run("merge", "--dry-run");
  bench.check("a further command has nothing to merge", !/^would merge/m.test(again.stdout), again.stdout.slice(-400));
  const count = faults.drop + faults.lose;
  bench.check("requests were dropped, and answers lost", faults.drop > 20 && faults.lose > 20, String(count));
}

export const GITEA_MERGE: readonly Experiment[] = [
  {
    name: "gitea-merge",
    system: "Gitea, Forgejo",
    programs: [GITEA, GIT],
    tried:
      "a campaign in 30 repositories is killed 20 times between its plan and its last merge, and a quarter of its requests fail. Nothing is merged twice, and every merged commit was approved by another user",
    byName: true,
    limitSeconds: 1800,
    run: merge,
  },
];
