/**
 * This module is loaded only when it is needed, because most scripts need no forge and no Git.
 *
 * @module
 */
import { FILE_FORGES } from "../forge/file_forges.ts";
import { openRepositoryFiles, type RepositoryFiles, type WantedRepository } from "../forge/files.ts";
import type { Session } from "../run/session.ts";
import { resolveOrigin } from "../service/connection.ts";
import type { Fetch } from "../service/transport.ts";

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
