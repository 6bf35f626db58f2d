/**
 * How a script reads the repository of a result file. It is loaded when it is needed: most scripts need no forge and no Git.
 * @module
 */
import { FILE_FORGES } from "../forge/file_forges.ts";
import { openRepositoryFiles, type RepositoryFiles, type WantedRepository } from "../forge/files.ts";
import type { Session } from "../run/session.ts";
import { resolveOrigin } from "../service/connection.ts";
import type { Fetch } from "../service/transport.ts";

/** @param fetch The caller's; undefined for the runtime's. @throws what {@linkcode openRepositoryFiles} throws. */
export async function filesOfScript(
  { env, clock, signal, random, platform, token, client }: Session,
  fetch: Fetch | undefined,
  wanted: WantedRepository,
): Promise<RepositoryFiles> {
  const { origin } = client;
  return await openRepositoryFiles({
    forges: FILE_FORGES,
    env,
    world: { clock, fetch, signal, random },
    ciSystem: platform.name,
    isMogplex: (text) => text === token,
    service: origin === resolveOrigin({ env: () => undefined }).origin ? undefined : origin,
  }, wanted);
}
