/**
 * Source: Gitea 1.24.6, models/perm/access/repo_permission.go, `GetUserRepoPermission`; Gitea, API reference, https://docs.gitea.com/api/1.24 ,
 * `Team`.
 *
 * @module
 */
import * as z from "zod/mini";
import { ApiError } from "../../errors.ts";
import type { ForgeClient } from "../client.ts";

const teamSchema = z.lazy(() =>
  z.object({ id: z.int(), permission: z.string(), units_map: z.nullish(z.record(z.string(), z.string())) })
);
export type Team = z.output<typeof teamSchema>;

export async function giteaTeams(client: ForgeClient, repository: string): Promise<readonly Team[] | null> {
  const read = (value: unknown) => z.safeParse(z.array(teamSchema), value ?? []).data;
  try {
    return await client.call({ what: `read the teams of ${repository}`, path: `/repos/${repository}/teams`, read });
  } catch (error) {
    if (error instanceof ApiError && error.status === 405) return [];
    if (error instanceof ApiError && (error.status === 403 || error.status === 404)) return null;
    throw error;
  }
}

const isAdmin = ({ permission }: Team): boolean => ["owner", "admin"].includes(permission);

const mayWrite = (team: Team, unit: string): boolean =>
  isAdmin(team) || ["owner", "admin", "write"].includes(team.units_map?.[unit] ?? "");

export const givesCode = (team: Team): boolean => !isAdmin(team) && mayWrite(team, "repo.code");

/**
 * Whether a team has no access to the code. If so, Gitea removes code access from the team's members, even if they also have access as collaborators.
 */
export const hidesCode = (team: Team): boolean => !isAdmin(team) && team.units_map?.["repo.code"] === undefined;

/**
 * Whether some users may be able to change titles, comments and labels of other users without being able to push. This includes collaborators with
 * write access who are members of a team without access to the code.
 */
export function hasTextEditors(teams: readonly Team[] | null): boolean {
  const mayEdit = (team: Team) => mayWrite(team, "repo.issues") || mayWrite(team, "repo.pulls");
  return teams === null || teams.some((team) => hidesCode(team) || mayEdit(team) && !mayWrite(team, "repo.code"));
}

/** Whether the team's `permission` overstates its access to the code. */
export const overstates = (team: Team): boolean => team.permission === "write" && !mayWrite(team, "repo.code");
