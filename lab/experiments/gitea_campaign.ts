/**
 * A campaign whose home is a branch of a real Gitea, with pull requests on the same server. Each wave runs in an empty folder. Covers a failed check,
 * its follow-up, and the merge. Home and forge must use HTTPS.
 */
import { runtimes } from "../../tools/setup.mjs";
import { type Bench, COMMAND } from "../bench.ts";
import type { Experiment } from "../experiment.ts";
import { makeWorld, tokenOf, work } from "../gitea_world.ts";
import type { Ended } from "../processes.ts";
import { GIT, GITEA } from "../programs.ts";

const FILE = `version: 1
name: docs
prompt: Write the docs.
repositories: [acme/web]
success: { require: pull-request }
on-failed-checks: { prompt: Fix the checks., attempts: 1 }
`;

async function campaign(bench: Bench): Promise<void> {
  const world = await makeWorld(bench, true);
  const { gitea, repository, owner, reviewer } = world;
  const service = await bench.service(undefined);
  const bot = await gitea.user("mogplex-bot");
  await gitea.allow(repository, bot, "write");
  await gitea.call("POST", "/user/repos", { name: "ops", private: true, auto_init: true }, owner);
  await gitea.allow("acme/ops", bot, "write");
  const { host, certificate } = gitea.front;
  const env = {
    ...service.env,
    ...{ GIT_SSL_CAINFO: certificate, NODE_EXTRA_CA_CERTS: certificate, CURL_CA_BUNDLE: certificate },
    MOGPLEX_GIT_TOKEN: await tokenOf(gitea, bot, ["write:repository"]),
    GITEA_TOKEN: await tokenOf(gitea, bot, ["read:repository"]),
    MERGE_TOKEN: await tokenOf(gitea, owner, ["write:repository", "read:issue", "read:user"]),
    MOGPLEX_MERGE_TOKEN_VARIABLE: `${host}=MERGE_TOKEN`,
  };
  const home = `git:https://${host}/acme/ops.git#waves`;
  const command = (verb: string, ...args: string[]) => {
    const cwd = bench.newFolder();
    bench.writeFiles(cwd, { "campaign.yml": FILE });
    const where = ["--home", home, "--forge-host", host];
    const line = [runtimes.node, COMMAND, "campaign", verb, "campaign.yml", ...where, ...args];
    return bench.run(line, { cwd, env });
  };
  const seen = ({ code, stdout, stderr }: Ended) => `${code}: ${stdout.slice(-400)} ${stderr.slice(-400)}`;
  const journal = async () => {
    const tree = await gitea.call("GET", "/repos/acme/ops/git/trees/waves?recursive=true");
    const paths = tree.tree.map(({ path }: { path: string }) => path) as string[];
    const texts = paths.filter((path) => path.includes("journal/") && !path.endsWith("/")).map(async (path) => {
      const answer = await fetch(`${gitea.origin}/api/v1/repos/acme/ops/raw/${path}?ref=waves`, {
        headers: { authorization: `token ${gitea.admin.token}` },
      });
      return answer.ok ? await answer.text() : "";
    });
    return (await Promise.all(texts)).join("\n");
  };
  const lastRun = async () => [...(await journal()).matchAll(/"runId":"([0-9a-f-]{36})"/g)].at(-1)?.[1] ?? "";

  const planned = await command("plan");
  bench.check("the plan makes the branch on the server", planned.code === 0, seen(planned));
  const first = await command("advance");
  bench.check("a wave in an empty folder starts the run", first.code === 0 && await lastRun() !== "", seen(first));
  const url = await work(bench, world, service, await lastRun(), bot);
  const number = Number(url.split("/").at(-1));
  const path = `/repos/${repository}/pulls/${number}`;
  const setStatus = async (state: string, description: string) => {
    const { head } = await gitea.call("GET", path);
    const body = { context: "unit", state, description, target_url: `${gitea.origin}/acme/web/actions/runs/1` };
    await gitea.call("POST", `/repos/${repository}/statuses/${head.sha}`, body, owner);
  };
  await setStatus("failure", "expected 1, got 2");
  const second = await command("advance");
  const runId = await lastRun();
  const quote =
    (await journal()).split("\n").find((line) => line.includes('"followUp":"checks"') && line.includes('"quote"')) ??
      "";
  bench.check(
    "the next wave reads the red check and starts its follow-up, with what the check says",
    second.code === 0 && quote.includes("> unit") && quote.includes("> expected 1, got 2"),
    `${quote} ${seen(second)}`,
  );
  const same = await work(bench, world, service, runId, bot);
  const commits = await gitea.call("GET", `${path}/commits`);
  bench.check("the follow-up works on the branch of the pull request", same === url && commits.length === 2, same);
  await setStatus("success", "2 passed");
  await gitea.call("POST", `${path}/reviews`, { event: "APPROVED", body: "Fine." }, reviewer);
  const third = await command("advance");
  bench.check("the campaign is done", third.code === 0 && /is done/.test(third.stdout), seen(third));
  const merged = await command("merge", "--method", "squash");
  const state = (await gitea.call("GET", path)).merged;
  bench.check("the pull request is merged", merged.code === 0 && state === true, seen(merged));
  const last = await command("status");
  bench.check("the campaign shows it as merged", last.code === 0 && last.stdout.includes("merged"), seen(last));
}

export const GITEA_CAMPAIGN: readonly Experiment[] = [
  {
    name: "gitea-campaign",
    system: "Gitea, Forgejo",
    programs: [GITEA, GIT],
    tried:
      "a campaign with its home in a branch on Gitea: waves in empty folders, a follow-up after a failed check, `campaign merge`",
    limitSeconds: 240,
    run: campaign,
  },
];
