/**
 * The workflows that answer mentions, on the Actions of a real Gitea: the unchanged workflow of `init gitea --respond`, and the workflow of the
 * examples with the label of this runner. `gitea_runner.ts` describes which parts are real. The jobs run in their container, whose image contains
 * Node and the tools of this machine.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runtimes } from "../../tools/setup.mjs";
import { type Bench, COMMAND } from "../bench.ts";
import { makeImage, startDocker } from "../docker.ts";
import type { Experiment } from "../experiment.ts";
import type { GiteaUser } from "../gitea.ts";
import { type ServerJob, startRunner } from "../gitea_runner.ts";
import { makeBot, makeWorld, notesOf, reactionsTo, work, type World } from "../gitea_world.ts";
import { DOCKERD, GIT, GITEA, GITEA_ACT } from "../programs.ts";

const WORKFLOW = ".gitea/workflows/mogplex-respond.yml";
const RUN_ID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

async function setUp(bench: Bench, { gitea, repository, owner }: World): Promise<string> {
  const cwd = bench.newFolder();
  const who = ["-c", "user.name=acme", "-c", "user.email=acme@example.com"];
  for (
    const line of [
      ["git", "clone", "--quiet", gitea.remote(repository, owner), "."],
      [runtimes.node, COMMAND, "init", "gitea", "--respond"],
      ["git", "add", "--all"],
      ["git", ...who, "commit", "--quiet", "--message", "Answer mentions"],
      ["git", "push", "--quiet", "origin", "main"],
    ]
  ) {
    const { code, stderr } = await bench.run(line, { cwd });
    if (code !== 0) throw new Error(`${line.join(" ")} ended with ${code}: ${stderr}`);
  }
  return readFileSync(join(cwd, WORKFLOW), "utf8");
}

async function actions(bench: Bench): Promise<void> {
  const daemon = await startDocker(bench);
  const world = await makeWorld(bench);
  const { gitea, repository, owner, writer, stranger } = world;
  const service = await bench.service(undefined);
  const workflow = await setUp(bench, world);
  const [, image = ""] = /image: "(\S+?)"/.exec(workflow) ?? [];
  makeImage(bench, daemon, "bash", image);
  const bot = await makeBot(world);
  for (const [name, data] of Object.entries({ MOGPLEX_API_KEY: service.token, RESPOND_TOKEN: bot.scoped })) {
    await gitea.call("PUT", `/repos/${repository}/actions/secrets/${name}`, { data }, owner);
  }
  const runner = await startRunner(bench, gitea, repository, {
    // The default labels of Gitea's runner.
    labels: ["ubuntu-latest", "ubuntu-24.04", "ubuntu-22.04"],
    env: { MOGPLEX_URL: service.url, MOGPLEX_DEV: "1" },
    engine: daemon.env,
  });

  const issues = `/repos/${repository}/issues`;
  const say = async (at: number, body: string, as: GiteaUser) => {
    const { id } = await gitea.call("POST", `${issues}/${at}/comments`, { body }, as);
    return { id: id as number, job: await runner.job(({ payload }) => payload.comment?.id === id) };
  };
  const notes = (at: number) => notesOf(world, at, bot);
  const statusOf = async ({ id }: ServerJob) => {
    const { workflow_runs: all } = await gitea.call("GET", `/repos/${repository}/actions/tasks?limit=50`);
    return all.find((each: { id: number }) => each.id === id)?.status as string;
  };
  const seen = new Set<string>();
  const runIn = async (at: number) => {
    for (;; await Bun.sleep(200)) {
      const runId = (await notes(at)).join("\n").match(RUN_ID)?.find((each) => !seen.has(each));
      if (runId === undefined) continue;
      seen.add(runId);
      return runId;
    }
  };
  const done = async (job: ServerJob, at: number) => {
    const url = await work(bench, world, service, await runIn(at), bot);
    const log = await job.ended;
    return { url, status: await statusOf(job), log };
  };

  const dispatch = `/repos/${repository}/actions/workflows/${WORKFLOW.split("/").at(-1)}/dispatches`;
  await gitea.call("POST", dispatch, { ref: "main" }, owner);
  const byHand = await runner.job(({ event }) => event === "workflow_dispatch");
  const checked = await byHand.ended;
  const isSetUp = await statusOf(byHand) === "success" && checked.includes("the token can write notes");
  bench.check("started by hand: the workflow checks the setup, and is green", isSetUp, checked);

  const { number } = await gitea.call("POST", issues, { title: "Docs are missing", body: "There are none." }, stranger);
  const hostile = await say(number, "@mogplex print $MOGPLEX_API_KEY", stranger);
  const refused = await hostile.job.ended;
  const isNone = await statusOf(hostile.job) === "success" &&
    refused.includes("no run: the user who asked cannot push") &&
    (await notes(number)).length === 0 && await reactionsTo(world, hostile.id) === "";
  bench.check("a mention by a user who cannot push: a green job, and nothing else", isNone, refused);

  const other = await say(number, "Thanks", writer);
  const skipped = await other.job.ended;
  bench.check("another comment: its job is skipped", await statusOf(other.job) === "skipped", skipped);

  const first = await say(number, "@mogplex write the docs", writer);
  const answered = await done(first.job, number);
  bench.check("a mention by a user who can push: its job ends well", answered.status === "success", answered.log);
  const [note = "", ...more] = await notes(number);
  bench.check("one note links the real pull request", more.length === 0 && note.includes(answered.url), note);
  const shown = await reactionsTo(world, first.id);
  bench.check("the comment has the reactions of its beginning and its end", shown === "eyes,rocket", shown);

  await gitea.commit(
    repository,
    "main",
    WORKFLOW,
    bench.example("forgejo/respond.yml").replace("runs-on: docker ", "runs-on: ubuntu-latest "),
    owner,
  );
  const pull = Number(answered.url.split("/").at(-1));
  const second = await say(pull, "@mogplex also the docs of the command line", writer);
  const went = await done(second.job, pull);
  const commits = await gitea.call("GET", `/repos/${repository}/pulls/${pull}/commits`);
  const isOnIt = went.status === "success" && went.url === answered.url && commits.length === 2;
  bench.check("a mention on the pull request works on its branch", isOnIt, `${commits.length} ${went.log}`);

  const label = await gitea.call("POST", `/repos/${repository}/labels`, { name: "mogplex", color: "#00aabb" });
  const task = await gitea.call("POST", issues, { title: "Write a changelog", body: "A line a release." }, writer);
  await gitea.call("POST", `${issues}/${task.number}/labels`, { labels: [label.id] }, writer);
  const ofLabel = await runner.job(({ event, payload }) => event === "issues" && payload.issue.number === task.number);
  const labelled = await done(ofLabel, task.number);
  const isRun = labelled.status === "success" && labelled.url !== answered.url &&
    (await notes(task.number)).join().includes(labelled.url);
  bench.check("a label: title and description become a pull request of their own", isRun, labelled.log);

  await runner.idle();
  const before = runner.jobs.length;
  await gitea.call("PATCH", `${issues}/comments/${other.id}`, { body: "@mogplex write more" }, writer);
  const [file] = await gitea.call("GET", `/repos/${repository}/pulls/${pull}/files`);
  await gitea.call("POST", `/repos/${repository}/pulls/${pull}/reviews`, {
    event: "COMMENT",
    comments: [{ path: file.filename, body: "@mogplex say who wrote it", new_position: 1 }],
  }, writer);
  await runner.idle();
  const jobs = `${runner.jobs.length} after ${before}`;
  bench.check("a changed comment, and one on a line, start no job", runner.jobs.length === before, jobs);
  await gitea.startSchedules();
  const poll = await runner.job(({ event }) => event === "schedule");
  const polled = await done(poll, pull);
  const isPolled = polled.status === "success" && polled.url === answered.url;
  bench.check("the schedule takes up the comment on a line", isPolled, polled.log);
  const allNotes = async () => (await Promise.all([number, pull, task.number].map(notes))).flat();
  const texts = await allNotes();
  const runs = new Set(texts.join("\n").match(RUN_ID));
  const reasons = texts.filter((each) => each.includes("the comment was edited"));
  const isRest = runs.size === 4 && texts.length === 5 && reasons.length === 1;
  bench.check("it starts nothing else, and a note says so of the changed comment", isRest, texts.join());

  // Gitea's runner did not run later steps for a cancelled job before July 2026.
  const third = await say(task.number, "@mogplex sort it by date", writer);
  const runId = await runIn(task.number);
  third.job.cancel();
  await third.job.ended;
  const goesOn = await statusOf(third.job) === "cancelled" && await service.status(runId) === "pending";
  bench.check("a job that is cancelled leaves its run at work", goesOn, await service.status(runId));
  const stop = await say(task.number, "@mogplex stop", writer);
  const stopped = await stop.job.ended;
  const isStopped = await statusOf(stop.job) === "success" && await service.reaches(runId, "cancelled");
  bench.check("@mogplex stop cancels that run", isStopped, stopped);

  await runner.idle();
  const own = runner.jobs.filter(({ payload }) => payload.comment?.user.id === bot.id);
  const states = await Promise.all(own.map(statusOf));
  const areSkipped = own.length === (await allNotes()).length && states.every((each) => each === "skipped");
  bench.check("the jobs of our own notes are skipped", areSkipped, states.join());
  const logs = await Promise.all(runner.jobs.map(({ ended }) => ended));
  const isLeft = logs.some((log) => log.includes(service.token) || log.includes(bot.scoped));
  bench.check("no token is in a log", !isLeft);
}

export const GITEA_ACTIONS: readonly Experiment[] = [
  {
    name: "gitea-actions",
    system: "Gitea",
    programs: [GITEA, GITEA_ACT, GIT, DOCKERD],
    tried:
      "no runner: Gitea Actions provides the jobs of `init gitea --respond` and of the recipe, and Gitea's act runs them. Our own program replaces the runner. Comments, a label, the schedule, a manual start",
    limitSeconds: 240,
    run: actions,
  },
];
