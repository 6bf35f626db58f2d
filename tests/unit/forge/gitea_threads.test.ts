/** Answers of a real Gitea 1.24.6, which the lab has recorded (`MOGPLEX_LAB_RECORD=1 npm run lab -- gitea-threads`), played in process. */
import { expect, test } from "bun:test";
import { MogplexError } from "../../../lib/errors.ts";
import { virtualClock } from "../../../lib/clock.ts";
import { ForgeClient } from "../../../lib/forge/client.ts";
import { GITEA } from "../../../lib/forge/gitea.ts";
import { GiteaThreads } from "../../../lib/forge/gitea/threads.ts";
import type { Fetch } from "../../../lib/service/transport.ts";
import { type Exchange, type GiteaForge, giteaForge, ORIGIN } from "./gitea_forge.ts";
import RECORDED from "./gitea_threads_answers.json" with { type: "json" };
import { GITEA_TOKEN } from "./world.ts";

/** One question, and what was answered: at least these fields; a text is a part of why it failed. */
interface Step {
  name: string;
  repository: string;
  method: string;
  args: unknown[];
  expected: unknown;
  exchanges: Exchange[];
}

const STEPS = RECORDED.recordings as Step[];

function step(name: string): Step {
  const found = STEPS.find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no step ${JSON.stringify(name)}`);
  return structuredClone(found);
}

function threadsOf(gitea: GiteaForge, repository = "acme/web") {
  const clock = virtualClock();
  const world = { clock, fetch: gitea.fetch as Fetch, random: () => 0.5 };
  const token = { token: GITEA_TOKEN, place: "variable GITEA_TOKEN" };
  const client = new ForgeClient(world, GITEA, GITEA.api(ORIGIN), token);
  return new GiteaThreads(client, { origin: ORIGIN, repository });
}

/** Asks again what the lab has asked. */
async function ask({ repository, method, args, exchanges }: Step, gitea = giteaForge({ exchanges })) {
  const threads = threadsOf(gitea, repository);
  const found = await (threads[method as keyof GiteaThreads] as (...all: unknown[]) => Promise<unknown>)
    .apply(threads, args);
  if (found instanceof MogplexError) throw found;
  return found;
}

test.each(STEPS.map((each) => [each.name, each] as const))("GiteaThreads reads %s", async (_name, each) => {
  const { expected } = each;
  if (typeof expected === "string") return expect(ask(each)).rejects.toThrow(expected);
  const found = await ask(each);
  if (typeof expected === "object" && expected !== null) expect(found).toMatchObject(expected);
  else expect(found).toBe(expected as boolean | null);
});

test("GiteaThreads knows no changes where the teams of the repository are not shown", async () => {
  const each = step("an issue that was not changed");
  for (const exchange of each.exchanges) {
    if (exchange.asked.endsWith("/teams")) Object.assign(exchange, { status: 403, body: { message: "no" } });
  }
  expect(await ask(each)).toMatchObject({ title: "one", changes: null });
});

test("GiteaThreads takes a comment that is written while it reads an issue for no change of its text", async () => {
  const each = step("an issue that was not changed");
  const gitea = giteaForge({ exchanges: each.exchanges });
  const { fetch } = gitea;
  const later = new Date(Date.now() + 3_600_000).toISOString();
  gitea.fetch = async (url, init) => {
    const answer = await fetch(url, init);
    if (!url.includes("/timeline?") || !url.endsWith("page=1")) return answer;
    // The events of this answer have no comment yet, and from now on the issue has its time.
    for (const { asked, body } of gitea.exchanges) {
      if (/\/issues\/\d+$/.test(asked)) Object.assign(body as object, { updated_at: later });
    }
    return answer;
  };
  expect(await ask(each, gitea)).toMatchObject({ title: "one", changes: [] });
});

/** What the server answers about teams to a user who is in the organization only, and to one who is not. Owners of it are told all. */
const OUTSIDERS = [["a member of no team", 403], ["a stranger", 404]] as const;

for (const [who, status] of OUTSIDERS) {
  test(`GiteaThreads refuses to guess a right where teams are not shown to ${who}`, async () => {
    for (const name of ["writes code", "writes issues alone"]) {
      const each = step(`the right of a member of a team that ${name}`);
      for (const exchange of each.exchanges) {
        if (exchange.asked.startsWith("GET /teams/")) Object.assign(exchange, { status, body: { message: "no" } });
      }
      each.exchanges.push({ asked: "GET /teams/2", status, body: { message: "no" } });
      await expect(ask(each)).rejects.toMatchObject({ exit: "forbidden" });
      await expect(ask(each)).rejects.toThrow("only to owners of the organization and to the team itself");
    }
  });

  test(`GiteaThreads says before any ask that rights are hidden from ${who}`, async () => {
    const { exchanges } = step("the right of a member of a team that writes issues alone");
    const owner = { asked: "GET /repos/guild/app/collaborators/guild/permission", status: 404, body: {} };
    const of = { name: "", repository: "guild/app", method: "hidesRights", args: [], expected: null };
    expect(await ask({ ...of, exchanges: [...exchanges, owner] })).toBeNull();
    const hidden = exchanges.map((each) => each.asked === "GET /teams/2" ? { ...each, status, body: {} } : each);
    await expect(ask({ ...of, exchanges: [...hidden, owner] })).rejects.toThrow(
      "The token of an owner of the organization",
    );
    const noAdmin = { ...owner, status: 403 };
    await expect(ask({ ...of, exchanges: [...exchanges, noAdmin] })).rejects.toThrow(
      "administrators of the repository",
    );
  });
}

test("GiteaThreads does not take the right of a team for that of a collaborator", async () => {
  // A team of an older server: its word for the repository is "write", and it writes issues alone.
  const each = step("the right of a collaborator who is in a team without a right to the code");
  const teams = each.exchanges.find(({ asked }) => asked.includes("/teams"))?.body as {
    permission: string;
    units_map: object;
  }[];
  const own = teams.find(({ units_map: units }) => !("repo.code" in units));
  Object.assign(own ?? {}, { permission: "write", units_map: { "repo.code": "read", "repo.issues": "write" } });
  expect(await ask(each)).toBe(false);
  Object.assign(own ?? {}, { permission: "read" });
  // As a member of a team that may read the code, a collaborator who may write does so.
  expect(await ask(each)).toBe(true);
});

test("GiteaThreads asks for no team of owners: their right is shown with the repository", async () => {
  const each = step("the right of a member of a team that writes issues alone");
  const gitea = giteaForge(each);
  expect(await ask(each, gitea)).toBe(false);
  expect(gitea.received.map(({ asked }) => asked).filter((asked) => asked.startsWith("GET /teams/"))).toEqual([
    "GET /teams/2/members/sam",
    "GET /teams/2",
  ]);
});

test("GiteaThreads reads the line of code that a comment is on", async () => {
  const at = "/repos/acme/web/pulls/3/reviews";
  const user = { id: 2, login: "kim" };
  const time = "2026-03-02T12:00:00Z";
  const comment = { id: 9, body: "@mogplex rename this", user, created_at: time, updated_at: time, path: "src/a.ts" };
  const exchanges = [
    { asked: "GET /repos/acme/web/teams", status: 405, body: {} },
    { asked: `GET ${at}?limit=50&page=1`, status: 200, body: [{ id: 4, comments_count: 1 }] },
    { asked: `GET ${at}?limit=50&page=2`, status: 200, body: [] },
    {
      asked: `GET ${at}/4/comments`,
      status: 200,
      body: [{ ...comment, position: 0, original_position: 12, diff_hunk: "@@ -1 +1 @@\n-b" }],
    },
  ];
  const found = await threadsOf(giteaForge({ exchanges })).comment({ kind: "pull", number: 3 }, {
    kind: "review",
    id: 9,
  });
  expect(found).toMatchObject({ line: { place: "src/a.ts:12", hunk: "@@ -1 +1 @@\n-b" } });
});

test("GiteaThreads tells a program of the server from a person, and treats a deleted user as a program", async () => {
  const each = step("a comment");
  const [exchange] = each.exchanges;
  const body = exchange?.body as Record<string, unknown>;
  body.user = { id: -2, login: "gitea-actions" };
  expect(await ask(each)).toMatchObject({ author: { id: -2, isBot: true } });
  body.user = null;
  expect(await ask(each)).toMatchObject({ author: { id: -1, isBot: true } });
});

test("GiteaThreads writes with the words of Gitea, and takes what is gone for removed", async () => {
  const at = "/repos/acme/web/issues";
  const gitea = giteaForge({
    exchanges: [
      { asked: `POST ${at}/comments/7/reactions`, status: 201, body: {} },
      { asked: `POST ${at}/3/reactions`, status: 201, body: {} },
      { asked: `DELETE ${at}/comments/7`, status: 404, body: {} },
      { asked: "POST /repos/acme/web/statuses/c0ffee", status: 201, body: {} },
    ],
  });
  const threads = threadsOf(gitea);
  const place = { kind: "issue", number: 3 } as const;
  await threads.react(place, { kind: "comment", id: 7 }, "seen");
  await threads.react(place, null, "failed");
  await threads.remove(place, { kind: "comment", id: 7 });
  await threads.setStatus("c0ffee", { url: "https://ci.example.com", text: "All good" });
  expect(gitea.received.map(({ body }) => body)).toEqual([
    { content: "eyes" },
    { content: "confused" },
    null,
    { state: "success", context: "mogplex", target_url: "https://ci.example.com", description: "All good" },
  ]);
});

test("GiteaThreads takes its own reaction at the end for an answer, and no other one", async () => {
  const me = { id: 5, name: "bot", isBot: null };
  const since = "2026-03-02T12:00:00Z";
  const row = { user: { id: 5, login: "bot" }, content: "confused", created_at: since };
  const path = "/repos/acme/web/issues/comments/9/reactions";
  const rows: [found: unknown, isAnswered: boolean][] = [
    [[row], true],
    [[{ ...row, content: "rocket" }], true],
    [[{ ...row, content: "eyes" }], false],
    [[{ ...row, user: { id: 6, login: "kim" } }], false],
    [[{ ...row, user: null }], false],
    [[{ ...row, created_at: "2026-03-02T11:59:59Z" }], false],
    [null, false],
  ];
  for (const [body, isAnswered] of rows) {
    const gitea = giteaForge({ exchanges: [{ asked: `GET ${path}`, status: 200, body }] });
    const comment = { kind: "comment" as const, id: 9 };
    expect(await threadsOf(gitea).isAnswered({ kind: "issue", number: 3 }, comment, { me, since })).toBe(isAnswered);
  }
  const own = "GET /repos/acme/web/issues/3/reactions?limit=50";
  const exchanges = [[row], []].map((body, at) => ({ asked: `${own}&page=${at + 1}`, status: 200, body }));
  const of = threadsOf(giteaForge({ exchanges }));
  expect(await of.isAnswered({ kind: "issue", number: 3 }, null, { me, since })).toBe(true);
});

test("GiteaThreads has read all notes of a pull request, however many reviews there are", async () => {
  const at = "/repos/acme/web/pulls/3/reviews";
  const user = { id: 2, login: "kim" };
  const time = "2026-03-02T12:00:00Z";
  const reviews = Array.from({ length: 120 }, (_, index) => ({ id: index + 1, comments_count: 1 }));
  const exchanges = [
    { asked: "GET /repos/acme/web/teams", status: 405, body: {} },
    { asked: "GET /repos/acme/web/issues/3/comments", status: 200, body: [] },
    ...[0, 50, 100, 150].map((from, page) => ({
      asked: `GET ${at}?limit=50&page=${page + 1}`,
      status: 200,
      body: reviews.slice(from, from + 50),
    })),
    // The newest ones alone.
    ...reviews.slice(20).map(({ id }) => ({
      asked: `GET ${at}/${id}/comments`,
      status: 200,
      body: [{ id, body: "a", user, created_at: time, updated_at: time, path: "a.ts", original_position: 1 }],
    })),
  ];
  const { list, isWhole } = await threadsOf(giteaForge({ exchanges })).comments({ kind: "pull", number: 3 });
  expect([isWhole, list.length, list[0]?.id]).toEqual([true, 100, 21]);
});

test("GiteaThreads reads comments that are too many for one answer from the timeline, which has pages", async () => {
  const [kim, time] = [{ id: 2, login: "kim" }, "2026-03-02T12:00:00Z"];
  const event = { user: kim, created_at: time, updated_at: time };
  const rows = [{ ...event, id: 8, type: "label", body: "1" }, {
    ...event,
    id: 9,
    type: "comment",
    body: "@mogplex stop",
  }];
  const at = "/repos/acme/web/issues/3";
  const gitea = giteaForge({
    exchanges: [
      { asked: "GET /repos/acme/web/teams", status: 405, body: {} },
      ...[rows, []].map((body, page) => ({
        asked: `GET ${at}/timeline?limit=50&page=${page + 1}`,
        status: 200,
        body,
      })),
    ],
  });
  gitea.faults.push(new Response("[]", { headers: { "content-length": String(2 ** 26) } }));
  const { list } = await threadsOf(gitea).comments({ kind: "issue", number: 3 });
  expect(gitea.received[0]?.asked).toBe(`GET ${at}/comments`);
  expect(list.map(({ kind, id, text, author, editedAt }) => ({ kind, id, text, author: author.name, editedAt })))
    .toEqual([{ kind: "comment", id: 9, text: "@mogplex stop", author: "kim", editedAt: null }]);
});

test("GiteaThreads reads a thread that a comment has named which is deleted since", async () => {
  const each = step("an issue that was not changed");
  const before = await ask(structuredClone(each));
  const list = each.exchanges.find(({ asked }) => asked.endsWith("/timeline?limit=50&page=1"))?.body as unknown[];
  list.unshift(null);
  expect(await ask(each)).toEqual(before);
});

// Source: Gitea, API reference, `issueListIssues`, `labels`: "Non existent labels are discarded".
test("GiteaThreads finds no thread without the label when the server lists all threads, because it has no such label", async () => {
  const each = step("what is new");
  const labelled = each.exchanges.find(({ asked }) => /labels=mogplex.*page=1$/.test(asked));
  for (const row of labelled?.body as { labels: unknown[] }[]) row.labels = [];
  const news = await ask(each) as { comment: unknown }[];
  expect(news.map(({ comment }) => comment === null)).toEqual([false, false]);
});

test("GiteaThreads sets no commit status by itself, since a rule with a pattern would be satisfied by it", () => {
  expect(threadsOf(giteaForge()).setsStatus).toBe(false);
});
