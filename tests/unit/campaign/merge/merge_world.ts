/**
 * Campaigns that are done, and the forge with their pull requests: as much of one as a merge needs. What it refuses, and what it answers after a lost
 * answer, is from the descriptions in `lib/forge/writes.ts`, which `tests/unit/forge` compares with GitHub, GitLab and Gitea.
 */
import { mergeCampaign, type MergeOptions, type MergeResult } from "../../../../lib/campaign/merge/merge_campaign.ts";
import type { MergePlace, MergePlaces } from "../../../../lib/campaign/merge/places.ts";
import { SCENARIO_TEXTS } from "../../../../lib/emulator/agents/scenario.ts";
import { MogplexError } from "../../../../lib/errors.ts";
import type { NamedRequester, Opinion } from "../../../../lib/forge/approvals.ts";
import { parsePullRequest } from "../../../../lib/forge/all.ts";
import type { ForgeUser } from "../../../../lib/forge/findings.ts";
import type { MergeReading } from "../../../../lib/forge/merging.ts";
import type { ChecksState, PullRequestFacts } from "../../../../lib/forge/model.ts";
import type { MergeOutcome, MergeProgress } from "../../../../lib/forge/writes.ts";
import { type CampaignWorld, campaignWorld, type CampaignWorldOptions, DIRECTORY, FILE, project } from "../world.ts";

const SCENARIO = (SCENARIO_TEXTS.success ?? "").replace('"${pull}"', '"https://github.com/${repo}/pull/7"');

/** The branch of every run. */
export const BRANCH = "mogplex/replace-moment";

export const user = (name: string, id: number, isBot = false): ForgeUser => ({ id, name, isBot });
export const ANN = user("ann", 1);
export const BEN = user("ben", 2);
/** The user of the token. */
export const MERGER = user("merger", 90);
/** Who opens the pull requests. */
const AGENT = user("mogplex[bot]", 99, true);

/** The name of a commit. */
export const commit = (number: number): string => number.toString(16).padStart(40, "c");

export const approval = (by: ForgeUser, head: string, more: Partial<Opinion> = {}): Opinion => ({
  by,
  word: "approved",
  commit: head,
  at: "2026-03-01T11:00:00Z",
  mayPush: true,
  ...more,
});

/** A pull request at the forge. Everything can be changed by a test. */
export interface FakePull {
  reading: { -readonly [K in keyof MergeReading]: MergeReading[K] };
  facts: PullRequestFacts;
  opinions: Opinion[];
  /** Checks of commits, by name. @default none */
  commits: Map<string, ChecksState | null>;
  /** Where a merge that was asked for is. */
  waits: "queued" | "pending" | "foreign" | null;
  /** Why it left the queue. */
  out: string | null;
  branch: "there" | "deleted";
  /** How often it was merged. */
  merges: number;
  /** Our merge on the target, although it is open; undefined: not shown. */
  landed: string | null | undefined;
  /** Who asked for work on it by a mention. */
  requesters: readonly NamedRequester[] | null;
  /** Takes the place of the next answers to a merge. */
  answers: MergeOutcome[];
}

export interface FakeForge extends MergePlaces {
  pulls: Map<string, FakePull>;
  me: ForgeUser | null;
  isJobToken: boolean;
  /** Requests so far, as `merge acme/project-0001`. */
  calls: string[];
  /**
   * Called before each request. `fail`: the forge is out of reach. `lose`: it does what was asked for, and the answer is lost. What it throws, is thrown.
   */
  before: (call: string) => "fail" | "lose" | undefined;
  /** What people do right after a request. */
  after: (call: string) => void;
  of(number: number): FakePull;
}

/** An open pull request that may be merged: approved, and green. */
export function aPull(number: number): FakePull {
  const head = commit(number);
  const facts: PullRequestFacts = {
    url: `https://github.com/${project(number)}/pull/7`,
    repositoryId: String(1000 + number),
    ...{ state: "open", draft: false, checks: "green", review: "approved", conflict: false, owner: null },
    ...{ branch: BRANCH, isForeign: false, isGuarded: false, commit: head, isBehind: false, hasQueue: false },
    ...{ files: 1, additions: 1, deletions: 1, problem: null, mergedAt: null, closedAt: null },
    ...{ createdAt: "2026-03-01T10:00:00Z", updatedAt: "2026-03-01T11:00:00Z" },
  };
  const reading: FakePull["reading"] = {
    facts,
    repositoryId: String(1000 + number),
    ...{ base: "main", baseCommit: commit(500 + number), isCheckRequired: false, bypass: null, blocked: null },
    ...{ methods: null, isStacked: false, mergeCommit: null, mergedHead: null, isOutdated: false },
    ...{ headCommittedAt: "2026-03-01T10:00:00Z", changedFiles: ["src/index.ts"] },
    review: { head, required: 1, opinions: null, author: AGENT, writers: [AGENT], pushers: [] },
  };
  const opinions = [approval(ANN, head)];
  return {
    ...{
      reading,
      facts,
      opinions,
      commits: new Map(),
      waits: null,
      out: null,
      branch: "there",
      landed: null,
      merges: 0,
      requesters: [],
      answers: [],
    },
  };
}

export function fakeForge(count: number): FakeForge {
  const forge: FakeForge = {
    pulls: new Map(Array.from({ length: count }, (_, index) => {
      const pull = aPull(index + 1);
      return [pull.facts.url, pull];
    })),
    me: MERGER,
    isJobToken: false,
    calls: [],
    before: () => undefined,
    after: () => {},
    of(number) {
      const pull = forge.pulls.get(`https://github.com/${project(number)}/pull/7`);
      if (pull === undefined) throw new Error("there is no such pull request");
      return pull;
    },
    at(url) {
      const pull = forge.pulls.get(url);
      const address = parsePullRequest(url);
      return pull === undefined || address === undefined ? undefined : placeOf(pull, address);
    },
  };

  function placeOf(pull: FakePull, address: MergePlace["address"]): MergePlace {
    const unavailable = (what: string) =>
      new MogplexError({ attempted: `${what} ${address.url}`, why: "GitHub has a problem" }, "unavailable");
    /** @param lost The answer to a write whose answer is lost; undefined throws. */
    // deno-lint-ignore require-await
    async function call<T>(what: string, act: () => T, lost?: T): Promise<T> {
      const name = `${what} ${address.repository}`;
      forge.calls.push(name);
      const fault = forge.before(name);
      const answer = lost === undefined ? undefined : { value: lost };
      if (fault === "fail" && answer === undefined) throw unavailable(what);
      if (fault === "fail" && answer !== undefined) return answer.value;
      const value = act();
      forge.after(name);
      if (fault === "lose" && answer === undefined) throw unavailable(what);
      return fault === "lose" && answer !== undefined ? answer.value : value;
    }
    function reading(): MergeReading {
      const review = { ...pull.reading.review, head: pull.facts.commit, opinions: [...pull.opinions] };
      return structuredClone({ ...pull.reading, facts: pull.facts, review });
    }
    function merged(): MergeOutcome {
      pull.merges++;
      pull.facts.state = "merged";
      pull.waits = null;
      Object.assign(pull.reading, { mergedHead: pull.facts.commit, mergeCommit: commit(900 + pull.merges) });
      return { kind: "merged", commit: pull.reading.mergeCommit };
    }
    return {
      address,
      read: () => call("read", reading),
      checks: (name) => call("checks", () => pull.commits.get(name) ?? "none"),
      merge: ({ commit: head }) =>
        call("merge", (): MergeOutcome => {
          const planned = pull.answers.shift();
          if (planned !== undefined && planned.kind !== "merged") {
            if (planned.kind === "queued" || planned.kind === "pending" || planned.kind === "foreign") {
              pull.waits = planned.kind;
            }
            return planned;
          }
          if (pull.facts.state !== "open") return { kind: "refused", reason: "it is not open" };
          return head === pull.facts.commit ? merged() : { kind: "moved" };
        }, { kind: "lost", reason: "the connection broke" } as MergeOutcome),
      progress: () =>
        call("progress", (): MergeProgress => {
          if (pull.facts.state === "merged") return { kind: "merged", commit: pull.reading.mergeCommit };
          if (pull.waits === "queued") return { kind: "queued" };
          const waits = pull.waits as FakePull["waits"];
          if (waits === "pending" || waits === "foreign") return { kind: waits, handle: "h1" };
          return { kind: "out", reason: pull.out ?? "it is in no queue" };
        }),
      landed: () => call("landed", () => pull.landed),
      leaveQueue: () =>
        call("leaveQueue", () => {
          const was = pull.waits === "queued";
          if (was) pull.waits = null;
          return was;
        }),
      update: (head) =>
        call("update", (): Awaited<ReturnType<MergePlace["update"]>> => {
          if (head !== pull.facts.commit) return "moved";
          pull.facts.commit = commit(700);
          pull.facts.isBehind = false;
          return "updated";
        }, { lost: "the connection broke" }),
      deleteBranch: (branch, head) =>
        call("deleteBranch", () => {
          if (pull.branch === "deleted") return "gone";
          if (branch !== pull.facts.branch || head !== pull.facts.commit) return "moved";
          pull.branch = "deleted";
          return "deleted";
        }),
      me: () => call("me", () => forge.me),
      requesters: () => Promise.resolve(pull.requesters),
      startsWorkflows: () => !forge.isJobToken,
    };
  }
  return forge;
}

export interface MergeWorld extends CampaignWorld {
  forge: FakeForge;
  merge(options?: Partial<MergeOptions>): Promise<MergeResult>;
  /** The line for each pull request, as `merged: reason`. */
  words(options?: Partial<MergeOptions>): Promise<string[]>;
}

/**
 * A campaign whose runs have succeeded, each with pull request 7 of its repository, approved by ann and green.
 *
 * @param prepare Changes them before the first wave.
 * @param works Whether its runs are started.
 */
export async function mergeWorld(
  count: number,
  { file = {}, ...options }: Partial<CampaignWorldOptions> = {},
  prepare: (forge: FakeForge) => void = () => {},
  works = true,
): Promise<MergeWorld> {
  const inner = campaignWorld({ count, scenarios: SCENARIO, file: { branch: BRANCH, ...file }, ...options });
  const forge = fakeForge(count);
  prepare(forge);
  Object.assign(inner.internals, { places: forge });
  await inner.plan();
  const world: MergeWorld = Object.assign(inner, {
    forge,
    async merge(given: Partial<MergeOptions> = {}) {
      const settings: MergeOptions = {
        ...{ by: "kim", directory: DIRECTORY, clock: inner.clock, env: () => undefined },
        onNotice: (notice) => void inner.notices.push(notice.kind === "text" ? notice.message : notice.kind),
        ...given,
      };
      return await mergeCampaign(FILE, settings, inner.internals);
    },
    async words(given: Partial<MergeOptions> = {}) {
      return (await world.merge(given)).lines.map(({ word, reason }) => `${word}: ${reason}`);
    },
  });
  if (works) await inner.waves(["merging", "done"]);
  return world;
}
