/**
 * `campaign close`, and the reviewers and labels of the campaign file, on a real Gitea. A quarter of the requests or answers are lost, and commands
 * are killed.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { SCENARIO_TEXTS } from "../../lib/emulator/agents/scenario.ts";
import { runtimes } from "../../tools/setup.mjs";
import { type Bench, COMMAND } from "../bench.ts";
import type { Experiment } from "../experiment.ts";
import { type Gitea, type GiteaUser, startGitea } from "../gitea.ts";
import { tokenOf } from "../gitea_world.ts";
import type { Ended } from "../processes.ts";
import { GITEA } from "../programs.ts";

const COUNT = 4;
const KILLS = 6;
const BRANCH = "mogplex/docs";

/** A connection to the server on which every fourth request gets no answer. Half of these requests never arrive. */
async function lossyWay(bench: Bench, gitea: Gitea): Promise<{ host: string; lost: () => number; stopLosing(): void }> {
  let [count, lost, isLossy] = [0, 0, true];
  async function pass(request: IncomingMessage, answer: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const fate = isLossy ? ++count % 8 : 0;
    if (fate === 3) {
      lost++;
      return void answer.writeHead(502).end();
    }
    const headers = Object.fromEntries(
      ["authorization", "content-type", "accept"].flatMap((name) => {
        const value = request.headers[name];
        return typeof value === "string" ? [[name, value]] : [];
      }),
    );
    const { method = "GET" } = request;
    const body = parts.length === 0 ? undefined : Buffer.concat(parts);
    const given = await fetch(`${gitea.origin}${request.url}`, { method, headers, body, redirect: "manual" });
    const text = (await given.text()).replaceAll(gitea.origin, `http://${host}`);
    if (fate === 7) {
      lost++;
      return void request.socket.destroy();
    }
    const type = given.headers.get("content-type");
    answer.writeHead(given.status, type === null ? {} : { "content-type": type }).end(given.status === 204 ? "" : text);
  }
  const server = createServer((request, answer) => void pass(request, answer).catch(() => request.socket.destroy()));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  bench.atEnd(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  });
  return { host, lost: () => lost, stopLosing: () => void (isLossy = false) };
}

async function close(bench: Bench): Promise<void> {
  const gitea = await startGitea(bench);
  const [owner, writer, reviewer, bot] = [
    await gitea.user("acme"),
    await gitea.user("kim"),
    await gitea.user("lee"),
    await gitea.user("mogplex-bot"),
  ] as [GiteaUser, GiteaUser, GiteaUser, GiteaUser];
  const names = Array.from({ length: COUNT }, (_, index) => `r${index + 1}`);
  for (const name of names) {
    const repository = await gitea.repository(owner, name);
    for (const user of [writer, reviewer, bot]) await gitea.allow(repository, user, "write");
    await gitea.commit(repository, BRANCH, "docs.md", "Written by an agent.\n", writer);
    await gitea.pull(repository, BRANCH, "Write the docs", writer);
  }
  const { host, lost, stopLosing } = await lossyWay(bench, gitea);
  const cwd = bench.newFolder();
  const scenario = (SCENARIO_TEXTS.success ?? "").replace('"${pull}"', `"http://${host}/\${repo}/pulls/1"`);
  bench.writeFiles(cwd, {
    "scenario.yml": scenario,
    "campaign.yml": `version: 1
name: docs
prompt: Write the docs.
branch: ${BRANCH}
repositories: [{ query: acme/ }]
pull-requests: { reviewers: [lee], labels: [agent] }
`,
  });
  const service = await bench.service(join(cwd, "scenario.yml"), 50, names.map((name) => `acme/${name}`));
  const env = {
    ...service.env,
    GITEA_TOKEN: await tokenOf(gitea, bot, ["write:repository", "write:issue", "read:user"]),
  };
  const line = (...args: string[]) => [
    ...[runtimes.node, COMMAND, "campaign", args[0] ?? "", "campaign.yml", "--forge-host", host],
    ...args.slice(1),
  ];
  const seen = ({ code, stdout, stderr }: Ended) => `${code}: ${stdout.slice(-300)} ${stderr.slice(-600)}`;
  let kills = 0;
  async function repeat(until: () => Promise<boolean>, ...args: string[]): Promise<string> {
    const most = kills + KILLS;
    let last = "";
    for (let tries = 1; tries <= 60 && !await until(); tries++) {
      const running = bench.start(line(...args), { cwd, env });
      const isKilled = kills < most;
      const timer = setTimeout(() => {
        if (!isKilled) return;
        kills++;
        process.kill(running.pid, "SIGKILL");
      }, 1_000 + tries * 377 % 4_000);
      last = seen(await running.ended);
      clearTimeout(timer);
      if (!isKilled && tries > KILLS + 20) stopLosing();
    }
    return last;
  }
  type Pull = { state: string; labels: { name: string }[]; requested_reviewers: { login: string }[] | null };
  const pulls = (): Promise<Pull[]> =>
    Promise.all(names.map((name) => gitea.call("GET", `/repos/acme/${name}/pulls/1`)));
  const commentsOf = (name: string) =>
    gitea.call("GET", `/repos/acme/${name}/issues/1/comments`) as Promise<{ body: string; user: { login: string } }[]>;

  const planned = await bench.run(line("plan"), { cwd, env });
  bench.check("the plan has every repository", planned.code === 0, seen(planned));
  const isSetUp = ({ labels, requested_reviewers: reviewers }: Pull) =>
    labels.map(({ name }) => name).join() === "agent" && reviewers?.map(({ login }) => login).join() === "lee";
  const waves = await repeat(async () => (await pulls()).every(isSetUp), "run");
  bench.check("every pull request has its reviewer and its label", (await pulls()).every(isSetUp), waves);
  const settled = await repeat(async () => {
    const { stdout } = await bench.run(line("status", "--json"), { cwd, env });
    return /"state":"done"/.test(stdout);
  }, "run");
  await gitea.call(
    "DELETE",
    `/repos/acme/r1/issues/1/labels/${(await gitea.call("GET", "/repos/acme/r1/labels"))[0].id}`,
  );
  await gitea.call("POST", "/repos/acme/r2/issues/1/comments", { body: "Wait." }, reviewer);
  await bench.run(line("advance"), { cwd, env });
  bench.check("a label that a person has removed stays away", (await pulls())[0]?.labels.length === 0, settled);

  const args = ["close", "--only", "acme/*", "--reason", "not wanted"];
  const listed = await bench.run(line(...args, "--dry-run"), { cwd, env });
  bench.check(
    "a dry run names the pull request on which somebody has worked, and changes nothing",
    listed.stdout.includes("acme/r2/pulls/1: worked on by lee") &&
      (await pulls()).every(({ state }) => state === "open"),
    seen(listed),
  );
  const before = kills;
  const closing = await repeat(async () => (await pulls()).every(({ state }) => state === "closed"), ...args, "--yes");
  bench.check("every pull request is closed", (await pulls()).every(({ state }) => state === "closed"), closing);
  const counts = await Promise.all(
    names.map(async (name) =>
      (await commentsOf(name)).filter(({ user, body }) => user.login === bot.name && body.includes("> not wanted"))
        .length
    ),
  );
  bench.check("each has one comment of ours", counts.every((count) => count === 1), counts.join());
  bench.check("the comment of a person is still there", (await commentsOf("r2")).some(({ body }) => body === "Wait."));
  stopLosing();
  for (let tries = 0; tries < 3; tries++) await bench.run(line("advance"), { cwd, env });
  const status = await bench.run(line("status", "--json"), { cwd, env });
  const skipped = status.stdout.match(/"verdict":"skipped"/g)?.length ?? 0;
  bench.check("every item is skipped", skipped === COUNT, `${skipped}: ${seen(status)}`);
  const after = await Promise.all(names.map(async (name) => (await commentsOf(name)).length));
  bench.check("later commands comment nothing", after.join() === [1, 2, 1, 1].join(), after.join());
  bench.check(
    "commands were killed on the way, and requests were lost",
    kills - before >= 3 && lost() > 8,
    `${before} and ${kills - before} kills, ${lost()} lost`,
  );
}

export const GITEA_CLOSE: readonly Experiment[] = [
  {
    name: "gitea-close",
    system: "Gitea, Forgejo",
    programs: [GITEA],
    tried:
      "a campaign that labels and closes four pull requests is killed several times, and a quarter of the requests or answers are lost. The campaign comments only once on each pull request, and changes by people are kept",
    limitSeconds: 600,
    run: close,
  },
];
