/**
 * What a caller asks of a run: the request of the service, with a repository by name and with our default for the branch.
 *
 * @module
 */
import type { MogplexClient } from "../api/client.ts";
import { checkRepository, type RepositoryChoice, resolveRepository } from "../api/repository.ts";
import { isUuid } from "../api/contract/rules.ts";
import { validateStartRequest } from "../api/validate.ts";
import { ownFields } from "../lookup.ts";
import type { StartRequest } from "../model.ts";
import type { CallOptions } from "../retry/call_options.ts";

/** What a run is to do, and where: `repo` or `repoId` names the repository. */
export interface RunRequest extends Omit<StartRequest, "repoId" | "createBranch">, RepositoryChoice {
  /** Create the working branch. @default {true} without `workingBranch`, else {false} */
  createBranch?: boolean | undefined;
}

/** A request that obeys all rules, whose repository may still be a name. */
export interface CheckedRequest {
  /** Id of the repository, or its name. */
  repository: string;
  /** The rest, as it is going to be sent. */
  rest: Omit<StartRequest, "repoId">;
}

/** Stands for a repository whose id is not known yet, while the rest is checked. */
const SOME_ID = "00000000-0000-4000-8000-000000000000";

/**
 * Checks a request and sets the default for the branch.
 *
 * @throws {UsageError} naming what breaks a rule; nothing was sent.
 */
export function checkRunRequest(given: RunRequest): CheckedRequest {
  const request = ownFields(given);
  const { repo, repoId } = request;
  const repository = checkRepository({ repo, repoId }, "start run");
  const { repoId: _, ...rest } = validateStartRequest({
    ...request,
    createBranch: request.createBranch ?? (request.workingBranch === undefined ? true : undefined),
    repoId: isUuid(repository) ? repository : SOME_ID,
  });
  return { repository, rest };
}

/** The request in the form that is sent. @throws {UsageError} when there is no repository of that name; see `resolveRepository`. */
export async function resolveRequest(
  client: MogplexClient,
  { repository, rest }: CheckedRequest,
  call: CallOptions,
): Promise<StartRequest> {
  return { repoId: await resolveRepository(client, repository, call, rest.rootDirectory), ...rest };
}
