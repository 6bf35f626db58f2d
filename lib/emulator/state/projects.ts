/**
 * Repositories in bulk: many small projects of one owner, with names and ids that are always the same.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import { numberOf } from "./chance.ts";
import { type Fixture, type FixtureRepo, parseFixture, plainRepo } from "./fixture.ts";

/** Small projects of one owner. */
export interface Projects {
  /** Owner: letters, digits, `.`, `_`, `-`. */
  owner: string;
  /** Number of projects, 1 to {@linkcode MAX_PROJECTS}. */
  count: number;
}

/** Largest number of projects of one owner. */
export const MAX_PROJECTS = 100_000;

const MIN_DIGITS = 4;

/** Names of projects: `acme/project-0001` and so on. From 10 000 projects on, the numbers of all have more digits. */
export function projectNames({ owner, count }: Projects): string[] {
  const digits = Math.max(MIN_DIGITS, String(count).length);
  return Array.from({ length: count }, (_, index) => `${owner}/project-${String(index + 1).padStart(digits, "0")}`);
}

/** Id of a project: the first group of digits belongs to the owner, the last one is the number of the project. */
function projectId(owner: string, index: number): string {
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0");
  return `${hex(numberOf(owner), 8)}-0000-4000-8000-${hex(index + 1, 12)}`;
}

/**
 * Repositories of a fixture, one for each project.
 *
 * @param user Key of the user that they belong to.
 * @throws {UsageError} for an owner that cannot be one, a count out of range.
 */
export function projectRepos(projects: Projects, user: string): FixtureRepo[] {
  const { owner, count } = projects;
  const problem = !/^(?!\.+$)[\w.-]+$/.test(owner)
    ? "the owner must have letters, digits, underscores, hyphens and dots, and not dots alone"
    : !Number.isInteger(count) || count < 1 || count > MAX_PROJECTS
    ? `the number must be a whole one from 1 to ${MAX_PROJECTS}`
    : undefined;
  if (problem !== undefined) {
    throw new UsageError({ attempted: "make repositories", why: problem, value: `${owner}=${count}` });
  }
  return projectNames(projects).map((name, index) => ({
    ...plainRepo(name, "main", user),
    id: projectId(owner, index),
  }));
}

/** Key of the user that gets new repositories: the first with a token that may write. */
export function mainUser({ tokens, users }: Fixture): string {
  return tokens.find((token) => token.scopes.includes("write"))?.user ?? users[0]?.key ?? "";
}

/**
 * A fixture with further projects, for {@linkcode mainUser}. A repository that it has already under the name of one stays as it is.
 *
 * @throws {UsageError} as {@linkcode projectRepos} does, and for one owner that is given twice.
 */
export function withProjects(fixture: Fixture, all: readonly Projects[]): Fixture {
  if (all.length === 0) return fixture;
  const names = new Set(fixture.repos.map((repo) => repo.full_name));
  const owners = new Set<string>();
  const added: FixtureRepo[] = [];
  for (const projects of all) {
    if (owners.has(projects.owner)) {
      throw new UsageError({
        attempted: "make repositories",
        why: `the owner "${projects.owner}" is given twice`,
        advice: "give one number for each owner",
      });
    }
    owners.add(projects.owner);
    added.push(...projectRepos(projects, mainUser(fixture)).filter((repo) => !names.has(repo.full_name)));
  }
  return parseFixture({ ...fixture, repos: [...fixture.repos, ...added] });
}
