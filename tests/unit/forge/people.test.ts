import { expect, test } from "bun:test";
import { virtualClock } from "../../../lib/clock.ts";
import type { Unread } from "../../../lib/forge/model.ts";
import { ForgeClient, NO_READ_ACCESS } from "../../../lib/forge/client.ts";
import type { ForgeUser } from "../../../lib/forge/findings.ts";
import { GITHUB } from "../../../lib/forge/github.ts";
import type { MergeReading } from "../../../lib/forge/merging.ts";
import { requesterLine } from "../../../lib/forge/requester.ts";
import type { ThreadComment, Threads } from "../../../lib/forge/threads.ts";
import { PullRequestWriter, type WritableForge } from "../../../lib/forge/writer.ts";
import { URLS } from "./writes_world.ts";

const user = (id: number, name: string, isBot: boolean | null = false): ForgeUser => ({ id, name, isBot });
const AUTHOR = user(1, "mogplex", null);
const TOKEN = user(2, "ops");

interface Seen {
  writers?: ForgeUser[] | null;
  reviewers?: ForgeUser[] | null;
  comments?: ForgeUser[];
  texts?: string[];
  isWhole?: boolean;
  refusal?: Unread;
}

function writerOf(
  { writers = [], reviewers = [], comments = [], texts = [], isWhole = true, refusal }: Seen,
): PullRequestWriter {
  const opinions = reviewers?.map((by) => ({ by, word: "approved", commit: null, at: null, mayPush: null })) ?? null;
  const reading = {
    review: { head: null, required: null, opinions, author: AUTHOR, writers },
  } as unknown as MergeReading;
  const forge = {
    ...GITHUB,
    merging: { checks: () => Promise.resolve(null), read: () => Promise.resolve(refusal ?? reading) },
    threads: () =>
      ({
        comments: () => {
          const list = [
            ...comments.map((author) => ({ author })),
            ...texts.map((text, index) => ({ text, author: { name: `writer ${index}` } })),
          ];
          return Promise.resolve({ list: list as ThreadComment[], isWhole });
        },
      }) as unknown as Threads,
    writes: { ...GITHUB.writes, me: () => Promise.resolve(TOKEN) },
  } as unknown as WritableForge;
  const client = new ForgeClient({ clock: virtualClock() }, GITHUB, "https://api.github.com", {
    token: "x",
    place: "x",
  });
  const place = {
    forge: "github",
    origin: "https://github.com",
    host: "github.com",
    repository: "acme/web",
    number: 7,
  };
  return new PullRequestWriter(forge, client, { ...place, url: URLS.github }, "x");
}

const peopleIn = (seen: Seen) => writerOf(seen).people();

test("PullRequestWriter.people() names those who have committed, reviewed or commented, each once", async () => {
  const people = await peopleIn({
    writers: [AUTHOR, user(3, "ann")],
    reviewers: [user(4, "kim", null), user(3, "ann")],
    comments: [user(5, "lee"), TOKEN],
  });
  expect(people).toEqual(["ann", "kim", "lee"]);
});

test("PullRequestWriter.people() leaves out the author, the token, programs and deleted accounts", async () => {
  expect(
    await peopleIn({ writers: [AUTHOR], reviewers: [user(6, "linter", true)], comments: [TOKEN, user(-1, "Ghost")] }),
  )
    .toEqual([]);
});

test.each<[string, Seen]>([
  ["the writers", { writers: null }],
  ["the reviews", { reviewers: null }],
  ["all comments", { isWhole: false }],
  ["the pull request", { refusal: NO_READ_ACCESS }],
])("PullRequestWriter.people() is null when the forge does not show %s", async (_what, seen) => {
  expect(await peopleIn(seen)).toBeNull();
});

test("PullRequestWriter.requesters() returns each user that a note on the pull request names, once, with the first author", async () => {
  const texts = [
    `<!-- mogplex:x -->\n\n<!-- mogplex-respond … -->\n${requesterLine(7)}\n\nSucceeded`,
    `${requesterLine(7)}\r\n${requesterLine(8)}\r\n`,
    `> ${requesterLine(9)}`,
    "Please fix it",
  ];
  const user = (id: number, namedBy: string) => ({ id, name: "", isBot: null, namedBy });
  expect(await writerOf({ texts }).requesters()).toEqual([user(7, "writer 0"), user(8, "writer 1")]);
  expect(await writerOf({}).requesters()).toEqual([]);
  expect(await writerOf({ texts, isWhole: false }).requesters()).toBeNull();
});
