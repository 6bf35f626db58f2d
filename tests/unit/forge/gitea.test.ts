import { expect, test } from "bun:test";
import type { PullRequestFacts } from "../../../lib/forge/model.ts";
import { type GiteaForge, giteaForge, type Recording, recording, RECORDINGS } from "./gitea_forge.ts";
import { json } from "./github_forge.ts";
import { forgeWorld, GITEA_TOKEN } from "./world.ts";

function worldOf(gitea: GiteaForge) {
  return forgeWorld({ gitea, hosts: ["git.example.com"], env: { GITEA_TOKEN } });
}

async function readOne({ url, ...rest }: Recording, change: (gitea: GiteaForge) => void = () => {}) {
  const gitea = giteaForge(rest);
  change(gitea);
  const world = worldOf(gitea);
  const { facts, refused, failed } = await world.forges.read([url]);
  return { ...world, gitea, facts: facts.get(url), refused: refused.get(url), failed: failed.get(url) };
}

/** The answer to the last request for a pull request. */
function pullOf({ exchanges }: GiteaForge): Record<string, unknown> {
  const found = exchanges.findLast(({ asked }) => /\/pulls\/\d+$/.test(asked));
  return found?.body as Record<string, unknown>;
}

test.each(RECORDINGS.map((each) => [each.name, each] as const))(
  "Forges reads a pull request of Gitea %s",
  async (_name, each) => {
    const { facts, refused, failed } = await readOne(each);
    if (typeof each.expected === "string") expect(refused ?? failed).toContain(each.expected);
    else expect(facts).toMatchObject(each.expected);
  },
);

test("Forges sends Gitea the token as a header, and asks four things of an open pull request", async () => {
  const { gitea } = await readOne(recording("that is new"));
  expect(gitea.received.map(({ authorization }) => authorization)).toEqual(Array(4).fill(`Bearer ${GITEA_TOKEN}`));
  expect((await readOne(recording("that was merged"))).gitea.received).toHaveLength(1);
});

test("Forges asks Gitea again whether a pull request is in conflict, since it may not have looked yet", async () => {
  const isAtWork = recording("that is behind, without a conflict");
  const isPull = ({ asked }: { asked: string }) => /\/pulls\/\d+$/.test(asked);
  const last = isAtWork.exchanges.findLast(isPull);
  if (last === undefined) throw new Error("nothing was recorded");
  // As a server answers that has not looked yet.
  const first = { ...last, body: { ...last.body as object, mergeable: false } };
  isAtWork.exchanges = [first, last, ...isAtWork.exchanges.filter((each) => !isPull(each))];
  const { facts, clock } = await readOne(isAtWork);
  expect([facts?.conflict, clock.now()]).toEqual([false, 2_000]);
  const lasting = await readOne(recording("in conflict"));
  expect([lasting.facts?.conflict, lasting.clock.now()]).toEqual([true, 6_000]);
});

test("Forges waits for twenty pull requests of Gitea at once", async () => {
  const one = recording("in conflict");
  const gitea = giteaForge(one);
  const { forges, clock } = worldOf(gitea);
  const urls = Array.from({ length: 20 }, (_, index) => one.url.replace(/\d+$/, String(index + 1)));
  const all = urls.flatMap((url) =>
    one.exchanges.map((each) => ({
      ...each,
      asked: each.asked.replace(/\/pulls\/\d+/, `/pulls/${url.split("/").at(-1)}`),
      body: Array.isArray(each.body) ? each.body : { ...each.body as object, html_url: url },
    }))
  );
  gitea.exchanges = all;
  expect([(await forges.read(urls)).facts.size, clock.now()]).toEqual([20, 6_000]);
});

test.each<[string, (gitea: GiteaForge) => void, Record<string, unknown>]>([
  ["statuses that are hidden", (gitea) => replace(gitea, /\/status/, 403), { checks: null }],
  ["reviews that are hidden", (gitea) => replace(gitea, /\/reviews/, 404), { review: null }],
  ["a target that is hidden", (gitea) => replace(gitea, /\/branches\/main/, 404), { checks: "none", problem: null }],
  ["a status of a word that we do not know", (gitea) => {
    replace(gitea, /\/status/, 200, { statuses: [{ context: "unit", status: "new" }] });
  }, { checks: null }],
  ["a skipped check", (gitea) => {
    replace(gitea, /\/status/, 200, { statuses: [{ context: "unit", status: "skipped" }] });
  }, { checks: "green" }],
  ["an approval of the server's own actions", (gitea) => {
    const user = { id: -2, login: "gitea-actions" };
    replace(gitea, /\/reviews/, 200, [{ state: "APPROVED", official: true, user }]);
  }, { review: "not-requested" }],
  ["changes that somebody asks for who may not decide", (gitea) => {
    replace(gitea, /\/reviews/, 200, [{ state: "REQUEST_CHANGES", official: false, user: { id: 9, login: "eve" } }]);
  }, { review: "not-requested" }],
  ["changes that a reviewer with the right asks for, and another one without it", (gitea) => {
    const reviews = [{ id: 8, login: "kim" }, { id: 9, login: "eve" }].map((user, index) => ({
      ...{ state: "REQUEST_CHANGES", official: index === 0, user },
    }));
    replace(gitea, /\/reviews/, 200, reviews);
  }, { review: "changes-requested" }],
  ["a team that was asked", (gitea) => {
    replace(gitea, /\/reviews/, 200, [{ state: "REQUEST_REVIEW", user: null, team: { id: 3, name: "web" } }]);
  }, { review: "requested", owner: "web" }],
  ["a fork that was deleted", (gitea) => {
    Object.assign(pullOf(gitea).head as object, { repo_id: -1, repo: null });
  }, { isForeign: true }],
])("Forges reads %s of Gitea", async (_name, change, expected) => {
  expect((await readOne(recording("that is new"), change)).facts).toMatchObject(expected);
});

function replace(gitea: GiteaForge, asked: RegExp, status: number, body: unknown = { message: "" }): void {
  for (const each of gitea.exchanges) if (asked.test(each.asked)) Object.assign(each, { status, body });
}

test("Forges says what Gitea does not show, and never calls it absent", async () => {
  const { facts } = await readOne(recording("that is new"), (gitea) => replace(gitea, /\/status|\/reviews/, 403));
  expect(facts?.problem).toBe("Gitea does not show the checks and the review to this token");
});

test.each<[string, (pull: Record<string, unknown>) => void, string]>([
  ["an answer in another format", (pull) => delete pull.head, "not have the format that Gitea documents"],
  ["an invalid time", (pull) => pull.created_at = "yesterday", "not have the format that Gitea documents"],
  ["a state that we do not know", (pull) => pull.state = "new", "not have the format that Gitea documents"],
  ["another pull request", (pull) => pull.html_url = "https://git.example.com/acme/web/pulls/999", "about another"],
  ["another host", (pull) => pull.html_url = "https://evil.example/acme/web/pulls/1", "about another"],
])("Forges refuses %s of Gitea", async (_name, change, why) => {
  const { refused } = await readOne(recording("that is new"), (gitea) => change(pullOf(gitea)));
  expect(refused).toContain(why);
});

test("Forges keeps what it knows of a pull request of Gitea whose reviews cannot be read", async () => {
  const whole = await readOne(recording("that is new"));
  const { facts } = await readOne(recording("that is new"), (gitea) => {
    for (const each of gitea.exchanges) {
      if (/\/reviews\?/.test(each.asked)) Object.assign(each, { status: 500, body: {} });
    }
  });
  expect(facts).toEqual({
    ...whole.facts as PullRequestFacts,
    ...{ review: null, owner: null, problem: "Gitea could not show the approvals (HTTP 500)" },
  });
});

test("Forges tries Gitea again after an outage", async () => {
  const { facts, clock } = await readOne(recording("that is new"), (gitea) => {
    gitea.faults.push("reset", json(502, {}));
  });
  expect(facts?.state).toBe("open");
  expect(clock.now()).toBeGreaterThan(0);
});

test("Forges.find finds the pull request of a branch among those of Gitea, the newest first", async () => {
  const pull = (name: string) => recording(name).exchanges[0]?.body as Record<string, unknown>;
  const asked = "GET /repos/acme/web/pulls?state=all&limit=50&page=";
  const gitea = giteaForge();
  gitea.exchanges = [
    { asked: `${asked}1`, status: 200, body: [pull("of a fork"), pull("that is new")] },
    { asked: `${asked}2`, status: 200, body: [pull("with green checks")] },
    { asked: `${asked}3`, status: 200, body: [] },
  ];
  const { forges } = worldOf(gitea);
  const place = { forge: "gitea", host: "git.example.com", repository: "acme/web", since: 0 } as const;
  expect(await forges.find({ ...place, branch: "new" })).toBe(recording("that is new").url);
  expect(await forges.find({ ...place, branch: "green" })).toBe(recording("with green checks").url);
  // A branch of a fork.
  expect(await forges.find({ ...place, branch: "main" })).toBeNull();
  const { length } = gitea.received;
  expect(await forges.find({ ...place, branch: "main", since: Date.parse("2100-01-01") })).toBeNull();
  expect(gitea.received.length - length).toBe(1);
  gitea.exchanges = [{ asked: `${asked}1`, status: 404, body: {} }];
  expect(await forges.find({ ...place, branch: "new" })).toBeUndefined();
});
