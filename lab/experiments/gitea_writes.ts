import { systemClock } from "../../lib/clock.ts";
import { MogplexError } from "../../lib/errors.ts";
import { ALL_FORGES } from "../../lib/forge/all.ts";
import { Forges } from "../../lib/forge/batch.ts";
import { noteMarker } from "../../lib/forge/note.ts";
import { resolveForgeAccess } from "../../lib/forge/open.ts";
import type { PullRequestWriter } from "../../lib/forge/writer.ts";
import type { MergeOutcome } from "../../lib/forge/writes.ts";
import type { Bench } from "../bench.ts";
import type { Experiment } from "../experiment.ts";
import type { GiteaUser } from "../gitea.ts";
import { makeWorld, tokenOf, type World } from "../gitea_world.ts";
import { GITEA } from "../programs.ts";

const SCOPES = ["write:repository", "write:issue", "read:user"];

async function change({ gitea, repository, writer }: World, branch: string, file = `${branch}.txt`) {
  const commit = await gitea.commit(repository, branch, file, `${branch}\n`, writer);
  const number = await gitea.pull(repository, branch, `Change ${branch}`, writer);
  return { number, commit };
}

async function merge(writer: PullRequestWriter, commit: string, title = "A title", most = 60): Promise<MergeOutcome> {
  for (let tries = 1;; tries++) {
    const outcome = await writer.merge({ commit, method: "squash", title, body: "Fixes #1", hasQueue: false });
    if (outcome.kind !== "later" || tries === most) return outcome;
    await Bun.sleep(1_000);
  }
}

async function codeOf(act: Promise<unknown>): Promise<string> {
  try {
    return JSON.stringify(await act);
  } catch (error) {
    if (error instanceof MogplexError) return `${error.exitCode} ${error.message}`;
    throw error;
  }
}

async function writes(bench: Bench): Promise<void> {
  const world = await makeWorld(bench);
  const { gitea, repository, owner, reviewer, stranger } = world;
  const bot = await gitea.user("mogplex-bot");
  await gitea.allow(repository, bot, "write");
  async function writersOf(user: GiteaUser, scopes: readonly string[]) {
    const token = await tokenOf(gitea, user, scopes);
    const access = resolveForgeAccess(ALL_FORGES, (name) => name === "GITEA_TOKEN" ? token : undefined, [gitea.host]);
    if (access === undefined) throw new Error("there is no token");
    const forges = new Forges(ALL_FORGES, access, { clock: systemClock });
    return (number: number): PullRequestWriter => {
      const writer = forges.writer(`${gitea.origin}/${repository}/pulls/${number}`, "campaign merge");
      if (writer === undefined) throw new Error("there is no writer");
      return writer;
    };
  }
  const at = await writersOf(bot, SCOPES);
  const is = (what: string, value: unknown, expected: unknown) => {
    const [seen, wanted] = [JSON.stringify(value), JSON.stringify(expected)];
    bench.check(what, seen === wanted, `${seen} and not ${wanted}`);
  };
  const matches = (what: string, value: unknown, form: RegExp) => {
    const seen = typeof value === "string" ? value : JSON.stringify(value);
    bench.check(what, form.test(seen), seen);
  };

  is("the user of the token", await at(1).me(), { id: bot.id, name: bot.name, isBot: null });

  const good = await change(world, "good");
  const newer = await gitea.commit(repository, "good", "good-2.txt", "2\n", world.writer);
  is("another head is not merged", await merge(at(good.number), good.commit), { kind: "moved" });
  const merged = await merge(at(good.number), newer, "A title [skip ci]");
  const main = await gitea.call("GET", `/repos/${repository}/branches/main`);
  is("the judged head is merged", merged, { kind: "merged", commit: main.commit.id });
  matches("the commit has our words, without commands", main.commit.message, /^A title\n\n#1\n\nCo-authored-by: kim /);
  is("the merge is read back", await at(good.number).progress(null), { kind: "merged", commit: main.commit.id });
  matches("a second merge is refused", await merge(at(good.number), newer), /^\{"kind":"(?:refused|moved)"/);
  is("the state of a merged one", (await at(good.number).marks()).state, "merged");

  const draft = await change(world, "draft");
  await gitea.call("PATCH", `/repos/${repository}/pulls/${draft.number}`, { title: "WIP: Change draft" }, owner);
  matches(
    "a draft is refused",
    await merge(at(draft.number), draft.commit),
    /^\{"kind":"refused","reason":"[^"]*(?:work in progress|WIP|draft)/i,
  );

  const [left, right] = [await change(world, "left", "same.txt"), await change(world, "right", "same.txt")];
  is("the first of two is merged", (await merge(at(left.number), left.commit)).kind, "merged");
  matches(
    "a conflict is refused",
    await merge(at(right.number), right.commit, "A title", 5),
    /^\{"kind":"(?:later|refused|lost)"/,
  );
  is("a conflict is not merged", (await at(right.number).progress(null)).kind, "out");
  matches("a branch in conflict is not updated", await at(right.number).update(right.commit), /^\{"refused":/);

  const behind = await change(world, "behind");
  await gitea.commit(repository, "main", "main.txt", "main\n", owner);
  is("another head is not updated", await at(behind.number).update(newer), "moved");
  is("a branch is updated", await at(behind.number).update(behind.commit), "updated");
  const updated = await gitea.call("GET", `/repos/${repository}/pulls/${behind.number}`);
  bench.check("it has the newest commit of its target", updated.head.sha !== behind.commit, updated.head.sha);
  is(
    "its branch is not deleted at another commit",
    await at(behind.number).deleteBranch("behind", behind.commit),
    "moved",
  );

  const asked = await change(world, "asked");
  const ask = (users: string[]) => codeOf(at(asked.number).requestReview({ users, teams: [] }));
  is("a review is requested", await ask([reviewer.name]), '"requested"');
  matches("an unknown user is refused", await ask(["nobody"]), /^\{"refused":/);
  matches("the author is refused", await ask([world.writer.name]), /^\{"refused":/);
  await gitea.call("POST", `/repos/${repository}/labels`, { name: "old", color: "#000000" }, owner);
  await at(asked.number).addLabels(["old", "new"]);
  await at(asked.number).addLabels(["new"]);
  const { labels, users, author } = await at(asked.number).marks();
  is("labels are added, and made where they are missing", [...labels].sort(), ["new", "old"]);
  is("the reviewer and the author are read", [users, author], [[reviewer.name], world.writer.name]);

  const marker = noteMarker("campaign close", "1");
  await at(asked.number).comment(marker, "The campaign gives it up.");
  await at(asked.number).comment(marker, "The campaign gives it up.");
  const comments = await gitea.call("GET", `/repos/${repository}/issues/${asked.number}/comments`);
  is("a comment is posted once", comments.map(({ body }: { body: string }) => body), [
    `${marker}\n\nThe campaign gives it up.`,
  ]);
  is("nobody else has worked there", await at(asked.number).people(), []);
  await gitea.call("POST", `/repos/${repository}/issues/${asked.number}/comments`, { body: "Wait." }, reviewer);
  is("somebody has commented", await at(asked.number).people(), [reviewer.name]);
  await at(asked.number).close();
  await at(asked.number).close();
  is("it is closed", (await at(asked.number).marks()).state, "closed");
  is("a closed one is out", await at(asked.number).progress(null), {
    kind: "out",
    reason: "it was closed without being merged",
  });
  matches("a closed one is not merged", await merge(at(asked.number), asked.commit), /^\{"kind":"refused"/);
  is("its branch is deleted", await at(asked.number).deleteBranch("asked", asked.commit), "deleted");
  is("a deleted branch is gone", await at(asked.number).deleteBranch("asked", asked.commit), "gone");

  const kept = await gitea.commit(repository, "kept-1", "kept.txt", "kept\n", owner);
  await gitea.call("POST", `/repos/${repository}/branch_protections`, { rule_name: "kept-*" }, owner);
  is("a protected branch is not deleted", await at(asked.number).deleteBranch("kept-1", kept), {
    refused: "the branch is protected",
  });

  await gitea.commit(repository, "main", "docs/CODEOWNERS", ".*\\.txt @kim @acme\n!.*\\.txt @lee\n", owner);
  const owned = await change(world, "owned");
  await gitea.commit(repository, "owned", "CODEOWNERS", ".* @sam\n", world.writer);
  is("the owners are those of the target branch", await at(owned.number).codeOwners(), {
    users: ["lee", "kim", "acme"],
    teams: [],
  });

  const right65 = await change(world, "right65");
  const reader = await writersOf(bot, ["read:repository", "read:issue", "read:user"]);
  matches(
    "a token without the scope ends with 65, and names it",
    await codeOf(merge(reader(right65.number), right65.commit)),
    /^65 .*`campaign merge` needs the "write:repository" scope/,
  );
  const other = await writersOf(stranger, SCOPES);
  matches(
    "a user without the right merges nothing",
    await codeOf(merge(other(right65.number), right65.commit)),
    /^(?:65 |\{"kind":"refused")/,
  );
  matches("a user without the right closes nothing", await codeOf(other(right65.number).close()), /^65 /);
  is("nothing was merged", (await at(right65.number).progress(null)).kind, "out");
  await gitea.call("PATCH", `/repos/${repository}`, { archived: true }, owner);
  matches(
    "an archived repository is refused",
    await codeOf(merge(at(right65.number), right65.commit)),
    /^\{"kind":"refused"/,
  );
}

export const GITEA_WRITES: readonly Experiment[] = [
  {
    name: "gitea-writes",
    system: "Gitea, Forgejo",
    programs: [GITEA],
    tried:
      "pull requests are merged at the checked commit, updated, labeled and closed; reviews are requested, comments are posted once, branches are deleted; refusals and missing permissions",
    limitSeconds: 240,
    run: writes,
  },
];
