/**
 * Opens the service for toolkit verbs that send one request and print the answer.
 *
 * @module
 */
import type { CallOptions } from "../../api/client.ts";
import { type ConnectOptions, openSession, type Session } from "../../job/session.ts";
import { noticeText } from "../log/notices.ts";
import type { VerbContext } from "../verb.ts";

/** How long such a verb waits for a busy service, in milliseconds: the token's limit names 60 s. */
export const ONE_SHOT_MS = 120_000;

/** Environment, time and notices of a verb; notices go to stderr. */
export function connectOptions({ io, writer, clock, fetch }: VerbContext): ConnectOptions {
  return { env: io.env, clock, fetch, onNotice: (notice) => writer.note(noticeText(notice)) };
}

/**
 * Opens a session with one deadline for the whole verb.
 *
 * @throws {UnauthorizedError | UsageError} See {@linkcode VerbContext.connection}.
 */
export function openOneShot(context: VerbContext): { session: Session; call: CallOptions } {
  const { platform } = context;
  const session = openSession(connectOptions(context), { connection: context.connection(), platform });
  return { session, call: { deadline: session.startedAt + ONE_SHOT_MS } };
}
