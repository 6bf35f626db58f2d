/**
 * Proves that two lanes are two users of the service. No route tells whose a token is, but two things do: repositories have an id for each
 * user, and a run is found by its own user alone. Two lanes of one user would share its limits, and each would count them as its own.
 *
 * @module
 */
import { NotFoundError, UsageError } from "../../errors.ts";
import type { Session } from "../../job/session.ts";
import type { CampaignMemory } from "../journal/memory.ts";
import type { RequestPace } from "../plan/request_pace.ts";

/** Another lane, as its lock and journal show it. */
export interface OtherLane {
  name: string;
  memory: CampaignMemory;
}

function refused(lane: string, variable: string, other: string, what: string): UsageError {
  return new UsageError({
    attempted: `start runs of lane "${lane}"`,
    why: `its token ${what} lane "${other}": both lanes are one user of the service, whose limits cannot be divided`,
    advice: `put a token of another user into ${variable}, or remove one of the two lanes`,
  });
}

/** Proves that no two lanes have the same token. @throws {UsageError} when two have. */
export function checkSameToken(lanes: readonly { name: string; variable: string; token: string | undefined }[]): void {
  for (const [index, { name, variable, token }] of lanes.entries()) {
    const other = lanes.slice(0, index).find((each) => token !== undefined && each.token === token);
    if (other !== undefined) throw refused(name, variable, other.name, "is also that of");
  }
}

/** Id of a repository that the lane's user has in its lists; undefined when it has none. */
function listedId({ lock }: CampaignMemory): string | undefined {
  return lock.items.find(({ excluded, repository, repositoryId }) => excluded === null && repository !== repositoryId)
    ?.repositoryId;
}

/**
 * Proves that a token is of another user than each of these lanes. To be called before the first start of a lane: from then on its own runs
 * prove whose it is.
 *
 * @param variable The variable of the token, for messages.
 * @throws {UsageError} when it lists a repository of such a lane, or finds a run of it. Nothing was started.
 * @throws what the client throws.
 */
export async function checkOtherUsers(
  lane: { name: string; variable: string },
  { client }: Session,
  pace: RequestPace,
  others: readonly OtherLane[],
): Promise<void> {
  for (const { name, memory } of others) {
    const id = listedId(memory);
    if (id !== undefined && (await pace.request((call) => client.listRepos({ id, limit: 1 }, call))).length > 0) {
      throw refused(lane.name, lane.variable, name, "lists a repository of");
    }
    const runId = [...memory.runs.keys()].at(-1);
    if (runId === undefined) continue;
    const found = await pace.request((call) => client.getRun(runId, call)).then(() => true, (error) => {
      if (error instanceof NotFoundError) return false;
      throw error;
    });
    if (found) throw refused(lane.name, lane.variable, name, "finds a run of");
  }
}
