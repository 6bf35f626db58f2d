import type { ReadEnv } from "../ci/platform.ts";
import { systemClock } from "../clock.ts";
import type { Forge } from "../forge/forge.ts";
import { forgeSecrets } from "../forge/open.ts";
import { valueOr } from "../lookup.ts";
import type { Setting } from "../report/run_page.ts";
import { type ConnectOptions, openSession, type Session } from "../run/session.ts";
import { type CallOptions, clientFor, type ServiceClient } from "../service/client.ts";
import { type Connection, type ConnectionOptions, resolveConnection } from "../service/connection.ts";
import { userAgent } from "../service/transport.ts";
import { createRedactor } from "../text/redact.ts";
import { noticeText } from "./log/live_log.ts";
import { optionReader } from "./settings.ts";
import { guardCheckout } from "./start_request.ts";
import type { Context, MainOptions, ReadOption } from "./verb.ts";

interface Call extends
  Omit<
    Context,
    "clock" | "fetch" | "machine" | "option" | "variables" | "settings" | "guard" | "connection" | "forges"
  > {
  forges?: readonly Forge[] | undefined;
  dropIn: boolean;
  /** A token that does not come from a variable, and its place, for messages. */
  given?: Pick<ConnectionOptions, "token" | "tokenPlace"> | undefined;
  option?: ReadOption;
  variables?: ReadEnv;
}

function once<T>(work: () => T): () => T {
  let done: { value: T } | undefined;
  return () => (done ??= { value: work() }).value;
}

/**
 * The token is not registered with the CI system's own masking (`::add-mask::`), because that would print the token, and the output can be piped into
 * a file.
 */
export function openContext(
  { forges = [], dropIn, given, option, variables, ...parts }: Call,
  options: MainOptions,
): Context {
  const { clock = systemClock, fetch, files, processes, programFile } = options;
  const { io, platform, systems, writer, flags, tokenInstead, extras } = parts;
  const guard = once(() => guardCheckout({ io, platform, systems }));
  const connection = once((): Connection => {
    guard();
    const connection = resolveConnection({ ...given, env: io.env, readFile: io.readFile, dropIn });
    const { token } = connection;
    const secrets = () => [...forgeSecrets({ forges, env: io.env, tokenInstead }), ...extras?.secrets(io.env) ?? []];
    writer.redactWith(createRedactor(dropIn ? { token } : { token, env: io.env, secrets: secrets() }));
    return connection;
  });
  const settings = new Map<string, Setting>();
  return {
    ...parts,
    forges,
    clock,
    fetch,
    machine: { files, processes, programFile },
    option: option ?? optionReader(flags, io.env, settings),
    variables: variables ?? io.env,
    settings,
    guard,
    connection,
  };
}

export function maskToken(context: Context): void {
  valueOr(context.connection, undefined);
}

/** How long a drop-in verb waits for a busy service. Source: design, "Command line". */
const DROP_IN_MS = 10_000;

export function openDropIn(context: Context): { client: ServiceClient; call: CallOptions } {
  const { writer, clock, fetch, platform } = context;
  const connection = context.connection();
  for (const notice of connection.notices) writer.note(notice);
  const client = clientFor({
    ...connection,
    clock,
    fetch,
    userAgent: userAgent(platform.name),
    onNotice: (notice) => writer.note(noticeText(notice)),
  });
  return { client, call: { deadline: clock.now() + DROP_IN_MS, overrun: true } };
}

/** How long a verb with a few requests waits for a busy service. When the token's limit is reached, the service asks clients to wait 60 seconds. */
export const ONE_SHOT_MS = 120_000;

export function connectOptions({ io, writer, clock, fetch }: Context): ConnectOptions {
  return { env: io.env, clock, fetch, onNotice: (notice) => writer.note(noticeText(notice)) };
}

export function openOneShot(context: Context, timeoutMs = ONE_SHOT_MS): { session: Session; call: CallOptions } {
  const { platform } = context;
  const options = { ...connectOptions(context), timeoutMs };
  const session = openSession(options, { connection: context.connection(), platform });
  return { session, call: { deadline: session.deadline } };
}
