/**
 * What the toolkit verbs share that ask once and print the answer.
 *
 * @module
 */
import type { CallOptions } from "../../api/client.ts";
import { UsageError } from "../../errors.ts";
import type { ConnectOptions, Session } from "../../job/session.ts";
import { openSession } from "../../job/session.ts";
import { noticeText } from "../log/notices.ts";
import { setting } from "../options/settings.ts";
import { protectToken } from "./whole_job.ts";
import type { VerbContext } from "../verb.ts";

/** How long such a verb waits for a busy service, in milliseconds: the token's limit names 60 s. */
export const ONE_SHOT_MS = 120_000;

/** Service and time of a verb; whatever there is to say goes to stderr. */
export function connectOptions({ io, writer, clock, fetch }: VerbContext): ConnectOptions {
  return { env: io.env, clock, fetch, onNotice: (notice) => writer.note(noticeText(notice)) };
}

/**
 * Finds token and origin.
 *
 * @throws {UnauthorizedError | UsageError} See `resolveConnection` and `guardCheckout`.
 */
export function openOneShot(context: VerbContext): { session: Session; call: CallOptions } {
  protectToken(context);
  const session = openSession(connectOptions(context), { readFile: context.io.readFile });
  return { session, call: { deadline: session.startedAt + ONE_SHOT_MS } };
}

/** The repository of a verb. @throws {UsageError} when there is none. */
export function requiredRepo(context: VerbContext, verb: string): string {
  const repoId = setting(context, "repo", "MOGPLEX_REPO_ID");
  if (repoId !== undefined) return repoId;
  throw new UsageError(`Cannot run ${JSON.stringify(verb)} without a repository: give ${context.words.repo}`);
}
