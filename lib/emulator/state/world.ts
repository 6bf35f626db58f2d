import { UsageError } from "../../errors.ts";
import { numberOf } from "./chance.ts";
import { type Contents, ScriptedContents } from "./contents.ts";
import type { EventFeed } from "./event_feed.ts";
import { type Fixture, type FixtureRepo, parseFixture, plainRepo } from "./fixture.ts";
import type { RequestLimiter, StartLimiter } from "./limiter.ts";
import type { ServerClock } from "./server_clock.ts";
import type { AutomationRow, AutomationRunRow, Pull, RepoRow, Revision, RunRow, Store } from "./store.ts";

/** The sandbox provider's answer to a request to kill a running command. */
export type SandboxMode = "ok" | "gone" | "nocommand" | "killfail";

export type FilesMode = "shown" | "hidden" | "down";

/** State of the systems around the service, such as the work queue. Control actions change this state. */
interface Surroundings {
  gate: boolean;
  queueFailures: number;
  queueMessage: string;
  queueWithoutHandle: boolean;
  limiterFailures: number;
  listenerDown: boolean;
  cursorFixed: boolean;
  sandboxMode: SandboxMode;
  files: FilesMode;
}

/** Does the work of runs: with a script, with a real command, or not at all. */
export interface Driver {
  /** @throws {QueueError} to refuse the run. */
  queued(run: RunRow): void;
  /** Updates all runs, not only the run that is read, because the runs of a user share sandboxes. */
  catchUp(): void;
  /** Time of a run's next step on the world's clock; `undefined` after the last step. Absent if the driver does not use the world's clock. */
  due?(run: RunRow): number | undefined;
  worker?(run: RunRow): "working" | "dead" | undefined;
  kill(run: RunRow): void;
  reset(): void;
  close(): Promise<void>;
}

export interface Trigger {
  automation: AutomationRow;
  repo: RepoRow;
  key: string;
}

export interface AutomationDriver {
  /** Call this method once for each trigger, because it counts suppressed triggers. */
  suppresses(trigger: Trigger): string | undefined;
  holds(trigger: Trigger): boolean;
  waits(run: AutomationRunRow, trigger: Trigger): void;
  begins(run: AutomationRunRow, trigger: Trigger): void;
  catchUp(): void;
  reset(): void;
}

export interface World {
  readonly store: Store;
  readonly clock: ServerClock;
  readonly feed: EventFeed;
  readonly requests: RequestLimiter;
  readonly starts: StartLimiter;
  readonly revision: Revision;
  readonly around: Surroundings;
  readonly startLimitScope: "token" | "user";
  readonly sandboxLimit: number | undefined;
  readonly sandboxLingerMs: number;
  readonly pulls: Map<string, Pull[]>;
  readonly contents: Map<string, ScriptedContents>;
  gitContents: (repo: RepoRow) => Contents | undefined;
  origin: string;
  /** Whether runs execute a command on the owner's machine. If `true`, anyone who can start runs has the owner's rights. */
  runsCommands: boolean;
  /** Set after the world is created, because a driver needs the world. */
  driver: Driver;
  automationDriver: AutomationDriver;
}

export function scriptedContents({ contents }: World, { id, default_branch }: RepoRow): ScriptedContents {
  const existing = contents.get(id);
  if (existing !== undefined) return existing;
  const created = new ScriptedContents(default_branch ?? "main");
  contents.set(id, created);
  return created;
}

/** Files of a local Git repository take precedence. Scripted runs add branches that exist only in the emulator. */
export function contentsOf(world: World, repo: RepoRow): Contents {
  const git = world.gitContents(repo);
  const scripted = scriptedContents(world, repo);
  if (git === undefined) return scripted;
  return {
    head: async (branch) => await git.head(branch) ?? scripted.head(branch),
    tree: async (id) => await git.tree(id) ?? scripted.tree(id),
    blob: async (id) => await git.blob(id) ?? scripted.blob(id),
  };
}

export function healthySurroundings(): Surroundings {
  return {
    gate: true,
    queueFailures: 0,
    queueMessage: "queue is full",
    queueWithoutHandle: false,
    limiterFailures: 0,
    listenerDown: false,
    cursorFixed: false,
    sandboxMode: "ok",
    files: "shown",
  };
}

export const idleDriver: Driver = {
  queued: () => {},
  catchUp: () => {},
  kill: () => {},
  reset: () => {},
  close: () => Promise.resolve(),
};

export const idleAutomationDriver: AutomationDriver = {
  suppresses: () => undefined,
  holds: () => false,
  waits: () => {},
  begins: () => {},
  catchUp: () => {},
  reset: () => {},
};

export class QueueError extends Error {
  override name = "QueueError";
}

export function queueWork(around: Surroundings): string | null {
  if (around.queueFailures > 0) {
    around.queueFailures--;
    throw new QueueError(around.queueMessage);
  }
  if (around.queueWithoutHandle) return null;
  return `run_${crypto.randomUUID().replaceAll("-", "").slice(0, 21)}`;
}

// The names and ids of projects are the same in every emulator.

export interface Projects {
  owner: string;
  count: number;
}

export const MAX_PROJECTS = 100_000;

const MIN_DIGITS = 4;

export function projectNames({ owner, count }: Projects): string[] {
  const digits = Math.max(MIN_DIGITS, String(count).length);
  return Array.from({ length: count }, (_, index) => `${owner}/project-${String(index + 1).padStart(digits, "0")}`);
}

function projectId(owner: string, index: number): string {
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0");
  return `${hex(numberOf(owner), 8)}-0000-4000-8000-${hex(index + 1, 12)}`;
}

function projectRepos(projects: Projects, user: string): FixtureRepo[] {
  const { owner, count } = projects;
  const problem = !/^(?!\.+$)[\w.-]+$/.test(owner)
    ? "the owner can contain only letters, digits, underscores, hyphens and dots, and must not consist of dots alone"
    : !Number.isInteger(count) || count < 1 || count > MAX_PROJECTS
    ? `the number must be a whole number from 1 to ${MAX_PROJECTS}`
    : undefined;
  if (problem !== undefined) {
    throw new UsageError({ attempted: "make repositories", why: problem, value: `${owner}=${count}` });
  }
  return projectNames(projects).map((name, index) => ({
    ...plainRepo(name, "main", user),
    id: projectId(owner, index),
  }));
}

export function mainUser({ tokens, users }: Fixture): string {
  return tokens.find((token) => token.scopes.includes("write"))?.user ?? users[0]?.key ?? "";
}

export function withProjects(fixture: Fixture, all: readonly Projects[]): Fixture {
  if (all.length === 0) return fixture;
  const names = new Set(fixture.repos.map((repo) => repo.full_name));
  const owners = new Set<string>();
  const repos: FixtureRepo[] = [];
  for (const projects of all) {
    if (owners.has(projects.owner)) {
      throw new UsageError({
        attempted: "make repositories",
        why: `the owner "${projects.owner}" appears twice`,
        advice: "use each owner only once",
      });
    }
    owners.add(projects.owner);
    repos.push(...projectRepos(projects, mainUser(fixture)).filter((repo) => !names.has(repo.full_name)));
  }
  return parseFixture({ ...fixture, repos: [...fixture.repos, ...repos] });
}
