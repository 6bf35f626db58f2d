/** A forge in memory that answers in the words of `Threads`, for the decisions of `respond`. */
import { MogplexError } from "../../../lib/errors.ts";
import { type Findings, type ForgeUser, NO_FINDINGS } from "../../../lib/forge/findings.ts";
import type { CommentPlace, News, Thread, ThreadComment, ThreadPlace, Threads } from "../../../lib/forge/threads.ts";
import { Decider } from "../../../lib/respond/decide.ts";
import type { RespondSettings } from "../../../lib/respond/rights.ts";
import { type MarkSeal, markSeal } from "../../../lib/respond/mark.ts";

export const NOW = Date.parse("2026-03-02T12:00:00Z");

export const at = (minutes: number) => new Date(NOW + minutes * 60_000).toISOString();

export const BOT: ForgeUser = { id: 77, name: "mogplex-bot", isBot: true };
/** May push. */
export const KIM: ForgeUser = { id: 1, name: "kim", isBot: false };
/** May push, too. */
export const LEE: ForgeUser = { id: 2, name: "lee", isBot: false };
/** May write comments and open issues. */
export const EVE: ForgeUser = { id: 66, name: "eve", isBot: false };

export const PULL: ThreadPlace = { kind: "pull", number: 7 };
export const ISSUE: ThreadPlace = { kind: "issue", number: 8 };

export interface FakeForge extends Threads {
  threads: Map<string, Thread>;
  notes: (ThreadComment & { thread: ThreadPlace })[];
  pushers: Set<number>;
  /** Users whose right is not shown. */
  hidden: Set<number>;
  labels: Map<string, { id: number; by: ForgeUser; at: string }>;
  branches: Map<string, { isProtected: boolean; commit: string | null }>;
  /** Methods that fail, as when the forge is out of reach. */
  broken: Set<string>;
  reactions: string[];
  statuses: string[];
  checks: Awaited<ReturnType<Threads["facts"]>>;
  found: Findings;
  asked: string[];
  say(thread: ThreadPlace, author: ForgeUser, text: string, more?: Partial<ThreadComment>): News;
}

const keyOf = ({ kind, number }: ThreadPlace) => `${kind} ${number}`;

export function aThread(place: ThreadPlace, more: Partial<Thread> = {}): Thread {
  const part = place.kind === "issue" ? "issues" : "merge_requests";
  return {
    ...place,
    url: `https://git.example/acme/web/-/${part}/${place.number}`,
    isOpen: true,
    title: "Make the tests green",
    text: "They are red since Monday.",
    author: KIM,
    createdAt: at(-120),
    changes: [],
    pull: place.kind === "issue"
      ? null
      : { source: "feature", target: "main", isForeign: false, commit: "c0ffee".padEnd(40, "0") },
    ...more,
  };
}

export function fakeForge(): FakeForge {
  let id = 100;
  // deno-lint-ignore require-await
  async function answer<T>(name: string, value: () => T): Promise<T> {
    forge.asked.push(name);
    if (forge.broken.has(name)) throw new MogplexError({ attempted: name, why: "it is out of reach" }, "unavailable");
    return value();
  }
  const isIn = (thread: ThreadPlace) => (note: { thread: ThreadPlace }) => keyOf(note.thread) === keyOf(thread);
  const forge: FakeForge = {
    forge: "gitlab",
    pullNoun: "pull request",
    anchor: "note_",
    setsStatus: false,
    system: "GitLab",
    requests: 0,
    user: () => Promise.resolve(null),
    hasLabel: () => Promise.resolve(true),
    origin: "https://git.example",
    threads: new Map([PULL, ISSUE].map((place) => [keyOf(place), aThread(place)])),
    notes: [],
    pushers: new Set([KIM.id, LEE.id, BOT.id]),
    hidden: new Set(),
    labels: new Map(),
    branches: new Map([["main", { isProtected: true, commit: null }], ["feature", {
      isProtected: false,
      commit: null,
    }]]),
    broken: new Set(),
    reactions: [],
    statuses: [],
    asked: [],
    checks: { checks: "red", review: "requested", conflict: false },
    found: NO_FINDINGS,
    say(thread, author, text, more = {}) {
      const note = {
        ...{ kind: "comment" as const, id: ++id, text, author, createdAt: at(0), editedAt: null, isInternal: false },
        ...more,
        thread,
      };
      forge.notes.push(note);
      return { thread, comment: { kind: note.kind, id: note.id }, text };
    },
    me: () => answer("me", () => BOT),
    repository: () => answer("repository", () => ({ id: 42, name: "acme/web", defaultBranch: "main" })),
    thread: (place) => answer("thread", () => forge.threads.get(keyOf(place)) ?? null),
    comment: (thread, place: CommentPlace) =>
      answer("comment", () => forge.notes.filter(isIn(thread)).find((note) => note.id === place.id) ?? null),
    comments: (thread) => answer("comments", () => ({ list: forge.notes.filter(isIn(thread)), isWhole: true })),
    mayPush: (user) =>
      answer(
        "mayPush",
        () =>
          forge.hidden.has(user.id)
            ? new MogplexError({ attempted: "ask", why: "teams are not shown" }, "unavailable")
            : forge.pushers.has(user.id),
      ),
    labelled: (thread) => answer("labelled", () => forge.labels.get(keyOf(thread)) ?? null),
    branch: (name) => answer("branch", () => forge.branches.get(name) ?? null),
    facts: () => answer("facts", () => forge.checks),
    findings: () => answer("findings", () => forge.found),
    news: (since) =>
      answer("news", () =>
        forge.notes.filter((note) => note.createdAt >= since).map(({ thread, kind, id, text }) => ({
          thread,
          comment: { kind, id },
          text,
        }))),
    commentsOf: (user, since) =>
      answer("commentsOf", () => forge.notes.filter((note) => note.author.id === user.id && note.createdAt >= since)),
    pullsFrom: (branch) =>
      answer(
        "pullsFrom",
        () =>
          [...forge.threads.values()].filter(({ pull, isOpen }) => isOpen && pull?.source === branch && !pull.isForeign)
            .map(({ number }) => number),
      ),
    isAnswered: (_thread, comment) =>
      answer(
        "isAnswered",
        () => ["done", "failed"].some((each) => forge.reactions.includes(`${comment?.id ?? "thread"} ${each}`)),
      ),
    remove: (_thread, comment) =>
      answer("remove", () => {
        forge.notes = forge.notes.filter((note) => note.id !== comment.id);
      }),
    react: (_thread, comment, reaction) =>
      answer("react", () => void forge.reactions.push(`${comment?.id ?? "thread"} ${reaction}`)),
    setStatus: (commit, { text }) => answer("setStatus", () => void forge.statuses.push(`${commit} ${text}`)),
  };
  return forge;
}

export const SETTINGS: RespondSettings = {
  name: "mogplex",
  label: "mogplex",
  allowUsers: null,
  userLists: [],
  checks: { schedule: undefined, sinceMs: 86_400_000 },
  limit: 20,
  limitFrom: "--limit",
  template: undefined,
  isPublic: false,
};

/** The codes of the marks of a thread. */
export function sealOf(thread: ThreadPlace, token = "mog_of-the-tests"): MarkSeal {
  return markSeal({ token, origin: "https://git.example", repository: 42, thread });
}

/** Decides on something, with these runs at work, of which some wait for an answer. */
export function decider(
  forge: FakeForge,
  settings: Partial<RespondSettings> = {},
  atWork: readonly string[] = [],
  waiting: readonly string[] = [],
) {
  const { allowUsers: users = null } = settings;
  const userLists = users === null ? [] : [{ from: "--allow-users", users }];
  return new Decider({
    threads: forge,
    settings: { ...SETTINGS, userLists, ...settings },
    runs: {
      workOf: (runId) =>
        Promise.resolve(
          atWork.includes(runId) ? { branch: "feature", isWaiting: waiting.includes(runId) } : null,
        ),
    },
    nowMs: NOW,
    sealOf: (thread) => Promise.resolve(sealOf(thread)),
    isOfPipeline: () => false,
    redact: (text) => text.replaceAll("mog_secret", "[masked]"),
  });
}
