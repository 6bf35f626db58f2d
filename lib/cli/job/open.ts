/**
 * Opens what a verb works with: its context, and for the drop-in verbs the service.
 *
 * @module
 */
import { type CallOptions, clientFor, type MogplexClient } from "../../api/client.ts";
import { type Connection, type ConnectionOptions, resolveConnection } from "../../api/connection/connection.ts";
import { systemClock } from "../../clock.ts";
import { userAgent } from "../../http/user_agent.ts";
import type { Setting } from "../../pages/run_page.ts";
import { createRedactor } from "../../text/redact.ts";
import { noticeText } from "../log/notices.ts";
import { guardCheckout } from "../options/checkout_guard.ts";
import { optionReader } from "../options/read.ts";
import type { MainOptions, ReadOption, VerbContext } from "../verb.ts";

/** One call of a program: its flags and surroundings. */
export interface Call extends
  Pick<
    VerbContext,
    "io" | "platform" | "systems" | "writer" | "flags" | "vocabulary" | "verbs" | "notes" | "extras" | "laptop"
  > {
  /** Whether to read only the variables that the documented command reads. */
  dropIn: boolean;
  /** A token that was not given by a variable, and where, for messages. @default {undefined} (the environment has it) */
  given?: Pick<ConnectionOptions, "token" | "tokenPlace"> | undefined;
  /** Reads an option. @default from the flags, else the variables */
  option?: ReadOption;
}

/** Calls `work` once and remembers its value. If it throws, the next call tries again. */
function once<T>(work: () => T): () => T {
  let done: { value: T } | undefined;
  return () => (done ??= { value: work() }).value;
}

/**
 * The context of a verb: the one place where guard, token, origin and redaction come together.
 *
 * The token is not registered with the CI system's own masking (`::add-mask::`): that would print it, and what is printed can be piped into
 * a file.
 */
export function openContext(call: Call, options: MainOptions): VerbContext {
  const { clock = systemClock, fetch, files, processes, programFile } = options;
  const { io, platform, systems, writer, flags, vocabulary, verbs, dropIn, notes, extras, laptop } = call;
  const guard = once(() => guardCheckout({ io, platform, systems }));
  const connection = once((): Connection => {
    guard();
    const found = resolveConnection({ ...call.given, env: io.env, readFile: io.readFile, dropIn });
    const { token } = found;
    const secrets = () => [notes, extras].flatMap((each) => each?.secrets(io.env) ?? []);
    writer.redactWith(createRedactor(dropIn ? { token } : { token, env: io.env, secrets: secrets() }));
    return found;
  });
  const settings = new Map<string, Setting>();
  return {
    io,
    platform,
    systems,
    writer,
    flags,
    vocabulary,
    verbs,
    clock,
    fetch,
    machine: { files, processes, programFile },
    option: call.option ?? optionReader(flags, io.env, settings),
    settings,
    guard,
    connection,
    notes,
    extras,
    laptop,
  };
}

/** How long a drop-in verb waits for a busy service, in milliseconds. Source: design, "Command line". */
const DROP_IN_MS = 10_000;

/** The service, for a drop-in verb. */
export interface DropInSession {
  /** Client with the caller's token. */
  client: MogplexClient;
  /** Limits of one-shot calls: one deadline for the whole verb. */
  call: CallOptions;
}

/**
 * Opens the service for a drop-in verb, and announces an unusual origin on stderr.
 *
 * @throws {UnauthorizedError | UsageError} See {@linkcode VerbContext.connection}.
 */
export function openDropIn(context: VerbContext): DropInSession {
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
