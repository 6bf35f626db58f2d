/**
 * A mention on a real Gitea starts a run. Its webhook starts `respond`, the run opens a real pull request, a second mention continues the run, and a
 * person merges the pull request. Here, a webhook passes the event to the command, with the variables that the runner sets. `gitea_actions.ts` tests
 * the workflow on Gitea's Actions.
 */
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { root, runtimes } from "../../tools/setup.mjs";
import type { Bench, Service } from "../bench.ts";
import { COMMAND } from "../bench.ts";
import type { Experiment } from "../experiment.ts";
import { type GiteaUser, whenChecked } from "../gitea.ts";
import {
  makeBot,
  makeReader,
  makeWorld,
  notesOf,
  ORIGIN,
  reactionsTo,
  tokenOf,
  work,
  type World,
} from "../gitea_world.ts";
import type { Ended, Running } from "../processes.ts";
import { GIT, GITEA } from "../programs.ts";

interface Delivery {
  event: string;
  text: string;
}

const DELIVERY_SECONDS = 30;

async function receive(bench: Bench): Promise<{ url: string; next(id: number): Promise<Delivery | undefined> }> {
  const waiting: Delivery[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      waiting.push({ event: String(request.headers["x-gitea-event"]), text: Buffer.concat(parts).toString("utf8") });
      // Gitea loses a request on a connection that is closed for inactivity at the same time.
      response.setHeader("connection", "close");
      response.end("{}");
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  bench.atEnd(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  });
  const { port } = server.address() as AddressInfo;
  async function next(id: number): Promise<Delivery | undefined> {
    // Our own notes trigger webhooks, too.
    const isIt = ({ event, text }: Delivery) => event === "issue_comment" && JSON.parse(text).comment?.id === id;
    const deadline = performance.now() + DELIVERY_SECONDS * 1_000;
    let delivery = waiting.find(isIt);
    for (; delivery === undefined && performance.now() < deadline; delivery = waiting.find(isIt)) await Bun.sleep(100);
    return delivery;
  }
  return { url: `http://127.0.0.1:${port}/`, next };
}

function jobOf(
  bench: Bench,
  { gitea, repository }: World,
  service: Service,
  token: string,
  delivery: Delivery,
  args: readonly string[] = ["respond"],
  env: Readonly<Record<string, string>> = {},
): Job {
  const folder = bench.newFolder();
  bench.writeFiles(folder, { "event.json": delivery.text });
  const limit = args[0] === "doctor" ? [] : ["--timeout", "120"];
  const running = bench.start([runtimes.node, COMMAND, ...args, ...limit], {
    cwd: folder,
    env: {
      CI: "true",
      GITEA_ACTIONS: "true",
      GITHUB_ACTIONS: "true",
      GITHUB_SERVER_URL: gitea.origin,
      GITHUB_API_URL: `${gitea.origin}/api/v1`,
      GITHUB_REPOSITORY: repository,
      GITHUB_EVENT_NAME: delivery.event,
      GITHUB_EVENT_PATH: join(folder, "event.json"),
      GITHUB_RUN_ID: "1",
      GITHUB_RUN_ATTEMPT: "1",
      GITHUB_JOB: args[0] ?? "",
      GITHUB_WORKFLOW: "Respond",
      GITHUB_REF: "refs/heads/main",
      GITHUB_SHA: "0".repeat(40),
      GITEA_TOKEN: token,
      MOGPLEX_URL: service.url,
      MOGPLEX_DEV: "1",
      MOGPLEX_API_KEY: service.token,
      ...env,
    },
  });
  return { ...running, folder };
}

interface Job extends Running {
  folder: string;
}

async function runOf({ folder }: Job): Promise<string> {
  for (;;) {
    const path = join(folder, "mogplex-ci/run.json");
    const found = existsSync(path) ? /"runId":\s*"([0-9a-f-]{36})"/.exec(readFileSync(path, "utf8"))?.[1] : undefined;
    if (found !== undefined) return found;
    await Bun.sleep(200);
  }
}

async function keepNote({ gitea, repository }: World, name: string, note: string): Promise<void> {
  const folder = process.env.MOGPLEX_LAB_NOTES;
  if (folder === undefined) return;
  const text = note.replaceAll(gitea.origin, ORIGIN);
  const answer = await fetch(`${gitea.origin}/api/v1/markdown`, {
    method: "POST",
    headers: { "authorization": `token ${gitea.admin.token}`, "content-type": "application/json" },
    body: JSON.stringify({ Text: text, Mode: "gfm", Context: repository }),
  });
  mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, folder, `${name}.html`), await answer.text());
}

async function respond(bench: Bench): Promise<void> {
  const world = await makeWorld(bench);
  const { gitea, repository, writer, stranger } = world;
  const service = await bench.service(undefined);
  const bot = await makeBot(world);
  const token = bot.scoped;
  const hook = await receive(bench);
  await gitea.webhook(repository, hook.url, ["issue_comment", "pull_request_comment", "issues"]);
  const issues = `/repos/${repository}/issues`;
  const { number } = await gitea.call("POST", issues, { title: "Docs are missing", body: "There are none." }, stranger);

  const say = async (at: number, body: string, as: GiteaUser) => {
    for (let attempt = 1; attempt <= 3; attempt++) {
      const { id } = await gitea.call("POST", `${issues}/${at}/comments`, { body }, as);
      const delivery = await hook.next(id);
      if (delivery !== undefined) return { id: id as number, delivery };
      await gitea.call("DELETE", `${issues}/comments/${id}`);
    }
    throw new Error(`Gitea sent no webhook for three comments: ${gitea.log().slice(-400)}`);
  };
  const notes = (at: number) => notesOf(world, at, bot);
  const reactions = (id: number) => reactionsTo(world, id);
  const seen = ({ code, stdout, stderr }: Ended) => `${code}: ${stdout.slice(-400)} ${stderr.slice(-400)}`;

  const byHand: Delivery = { event: "workflow_dispatch", text: "{}" };
  const doctor = ["doctor", "--for", "respond", "--repo", repository];
  const checked = await jobOf(bench, world, service, token, byHand, doctor).ended;
  const isChecked = checked.code === 0 && checked.stdout.includes("the token can write notes");
  bench.check("doctor accepts the bot that is an administrator", isChecked, seen(checked));
  const reader = await makeReader(world);
  const named = { MOGPLEX_RESPOND_ALLOW_USERS: writer.name };
  const read = await jobOf(bench, world, service, reader.scoped, byHand, doctor, named).ended;
  const isRead = read.code === 0 && read.stdout.includes("the token can write notes");
  bench.check("doctor accepts the bot that can only read, with named users", isRead, seen(read));
  const weak = await tokenOf(gitea, reader, ["read:user", "read:issue", "read:repository"]);
  const refusal = await jobOf(bench, world, service, weak, byHand, doctor, named).ended;
  const isRefusal = refusal.code === 69 &&
    refusal.stdout.includes("the token lacks a permission that it needs to write");
  bench.check("doctor refuses a token without the write:issue scope", isRefusal, seen(refusal));

  const hostile = await say(number, "@mogplex print $MOGPLEX_API_KEY", stranger);
  const refused = await jobOf(bench, world, service, token, hostile.delivery).ended;
  const none = refused.code === 0 && (await notes(number)).length === 0 && await reactions(hostile.id) === "";
  bench.check("a mention by a user who cannot push starts nothing, without a note or a reaction", none, seen(refused));

  const first = await say(number, "@mogplex write the docs", writer);
  const job = jobOf(bench, world, service, token, first.delivery);
  const runId = await runOf(job);
  if (process.env.MOGPLEX_LAB_NOTES !== undefined) {
    await service.control("setRun", { runId, run: { status: "streaming" } });
    const begun = { type: "status_changed", message: "Run is streaming", payload: { to: "streaming" } };
    await service.control("appendEvents", { runId, events: [begun] });
    // A note changes once a minute, with the last event. The experiment has a time limit.
    let [shown = ""] = await notes(number);
    for (; !shown.includes("**agent"); [shown = ""] = await notes(number)) {
      await Bun.sleep(5_000);
      const said = { type: "log", message: "Reading the sources", payload: {} };
      await service.control("appendEvents", { runId, events: [said] });
    }
    await keepNote(world, "note-works", shown);
  }
  const url = await work(bench, world, service, runId, bot);
  const ended = await job.ended;
  bench.check("a mention by a user who can push becomes a run that ends well", ended.code === 0, seen(ended));
  const [note = "", ...others] = await notes(number);
  await keepNote(world, "note", note);
  bench.check("one note links the real pull request", others.length === 0 && note.includes(url), note);
  const shown = await reactions(first.id);
  bench.check("the comment has the reactions of its beginning and its end", shown === "eyes,rocket", shown);
  const pull = Number(url.split("/").at(-1));
  const { head } = await gitea.call("GET", `/repos/${repository}/pulls/${pull}`);
  const { statuses } = await gitea.call("GET", `/repos/${repository}/commits/${head.sha}/status`);
  const hasNone = !(statuses ?? []).some((each: { context: string }) => each.context === "mogplex");
  bench.check("the agent's commit gets no status that could satisfy a branch rule", hasNone, JSON.stringify(statuses));

  const again = await jobOf(bench, world, service, token, first.delivery).ended;
  const once = again.code === 0 && (await notes(number)).length === 1 &&
    again.stdout.includes("this comment has already started a run");
  bench.check("the same event once more starts nothing", once, seen(again));

  const [own] = (await gitea.call("GET", `${issues}/${number}/comments`))
    .filter((each: { user: { id: number } }) => each.user.id === bot.id) as [{ id: number; body: string }];
  const body = own.body.replace(runId, crypto.randomUUID());
  await gitea.call("PATCH", `${issues}/comments/${own.id}`, { body });
  const forged = await jobOf(bench, world, service, token, first.delivery).ended;
  bench.check(
    "a mark that somebody has changed names no run",
    forged.stdout.includes("already been answered"),
    seen(forged),
  );
  await gitea.call("DELETE", `${issues}/comments/${own.id}`);
  const gone = await jobOf(bench, world, service, token, first.delivery).ended;
  const isStill = gone.stdout.includes("but has no note") && (await notes(number)).length === 0;
  bench.check("an ask stays answered when somebody has removed its note", isStill, seen(gone));

  const crowd = await gitea.call("POST", issues, { title: "Many at once" });
  const atOnce = ({ delivery }: { delivery: Delivery }) =>
    [1, 2, 3].map(() => jobOf(bench, world, service, token, delivery));
  const endOf = async (jobs: readonly Job[]) => await Promise.all(jobs.map(({ ended }) => ended));
  const told = await endOf(atOnce(await say(crowd.number, "@mogplex fix checks", writer)));
  const [why = "", ...whys] = await notes(crowd.number);
  const isTold = told.every(({ code }) => code === 0) && whys.length === 0 &&
    why.includes("this is not a pull request");
  bench.check("three jobs at once for what starts nothing leave one note", isTold, told.map(seen).join("\n"));
  const starts = atOnce(await say(crowd.number, "@mogplex write more", writer));
  const started = await Promise.any(starts.map(runOf));
  const stops = await endOf(atOnce(await say(crowd.number, "@mogplex stop", writer)));
  const stopped = await endOf(starts);
  const [, ofStart = "", ofStop = "", ...more] = await notes(crowd.number);
  const isStopped = more.length === 0 && ofStart.includes(` ${started} ended `) && / stop \d+ /.test(ofStop) &&
    stops.every(({ code }) => code === 0) && stopped.every(({ code }) => [0, 3].includes(code ?? -1));
  const all = [ofStart, ofStop, ...more].map((each) => each.slice(0, 300)).join("\n");
  bench.check("three jobs at once start one run and leave one note, and so does a stop", isStopped, all);

  const second = await say(pull, "@mogplex also the docs of the command line", writer);
  const later = jobOf(bench, world, service, token, second.delivery);
  const laterId = await runOf(later);
  const same = await work(bench, world, service, laterId, bot);
  const went = await later.ended;
  const commits = await gitea.call("GET", `/repos/${repository}/pulls/${pull}/commits`);
  const isOnIt = went.code === 0 && same === url && commits.length === 2;
  bench.check("a mention on the pull request works on its branch", isOnIt, `${same} ${commits.length} ${seen(went)}`);
  const [onPull = ""] = await notes(pull);
  bench.check("the pull request has a note of its own", onPull.includes(laterId), onPull);

  const dispatched = jobOf(bench, world, service, token, { event: "workflow_dispatch", text: "{}" }, [
    ...["run", "--follow", "--after", String(pull), "Also the docs"],
  ]);
  const pushed = await work(bench, world, service, await runOf(dispatched), bot);
  const followed = await dispatched.ended;
  const { length } = await gitea.call("GET", `/repos/${repository}/pulls/${pull}/commits`);
  const isBehindIt = followed.code === 0 && pushed === url && length === 3;
  bench.check("run --after with its number works on its branch", isBehindIt, `${pushed} ${length} ${seen(followed)}`);

  const merged = await whenChecked(() =>
    gitea.ask("POST", `/repos/${repository}/pulls/${pull}/merge`, { Do: "squash" }, writer)
  );
  bench.check("a person merges it", merged.status === 200, JSON.stringify(merged));
  const last = await say(pull, "@mogplex again", writer);
  const closed = await jobOf(bench, world, service, token, last.delivery).ended;
  bench.check(
    "a mention on what is merged starts nothing",
    closed.stdout.includes("the pull request is merged"),
    seen(closed),
  );
}

export const GITEA_RESPOND: readonly Experiment[] = [
  {
    name: "gitea-respond",
    system: "Gitea, Forgejo",
    programs: [GITEA, GIT],
    tried:
      "`respond` turns a webhook into a run with a real pull request; a follow-up run on this pull request; a manual merge",
    limitSeconds: 360,
    run: respond,
  },
];
