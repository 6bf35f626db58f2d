/**
 * Bun loads the `.env` files of its working directory, and in CI that is a checkout which anybody may have written: one line in it
 * could send the token elsewhere.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import type { Io } from "../../io.ts";
import { runtimeArgs, runtimeName } from "../../runtime.ts";
import type { VerbContext } from "../verb.ts";

// Source: Bun, "Environment variables": `.env`, `.env.<NODE_ENV>` and `.env.local` are read.
const KINDS: readonly string[] = ["", ".development", ".production", ".test"];
const FILES = KINDS.flatMap((kind) => [`.env${kind}`, `.env${kind}.local`]);
// Variables that decide where the token goes, which certificates are trusted, what is started, or which files are written: ours, those
// of proxies and certificates, and Bun's own. `steeringName` adds those by which a CI system is recognised.
const STEERING = /^(?:mogplex_.*|bun_.*|(?:https?|all|no)_proxy|node_tls_.*|node_extra_ca_certs|ssl_cert_.*)$/i;
// A name at the start of a line, before `=` or `:`. Bun treats `\v`, `\f` and a byte order mark as blanks, `\r` as the end of a line,
// and looks for the sign on later lines, too. Matching more than Bun does is harmless here.
const ASSIGNMENT = /^[^\w#\r\n]*(?:export\s+)*(\w+)\s*[=:]/gm;

/** The first name in the text of a `.env` file that would change our behaviour. */
function steeringName(text: string, ofPlatforms: readonly string[]): string | undefined {
  for (const [, name = ""] of text.replace(/[\v\f]/g, "\n").matchAll(ASSIGNMENT)) {
    if (STEERING.test(name) || ofPlatforms.includes(name)) return name;
  }
  return undefined;
}

function readOrNothing(io: Io, file: string): string {
  try {
    return io.readFile(file, undefined, "follow", "replace") ?? "";
  } catch {
    // A directory of that name (some people keep a virtual environment in it), or a file that Bun could not read either.
    return "";
  }
}

/**
 * The first `.env` file of the working directory that sets a variable which would change our behaviour, and the name of the variable.
 *
 * @param ofPlatforms Variables by which CI systems are recognised, and those that are read on them.
 */
export function steeringFile(io: Io, ofPlatforms: readonly string[]): { file: string; name: string } | undefined {
  for (const file of FILES) {
    const name = steeringName(readOrNothing(io, file), ofPlatforms);
    if (name !== undefined) return { file, name };
  }
  return undefined;
}

/**
 * Refuses to go on where Bun has loaded such a file in CI.
 *
 * @param runtime Name and version of the runtime. @default the present one
 * @param args Its own arguments. @default those of the process
 * @throws {UsageError} naming the file, the variable and the flags that help.
 */
export function guardCheckout(
  { io, platform, systems }: Pick<VerbContext, "io" | "platform" | "systems">,
  runtime: string = runtimeName(),
  args: readonly string[] = runtimeArgs(),
): void {
  if (!runtime.startsWith("bun/") || args.includes("--no-env-file") || !platform.isCi) return;
  const found = steeringFile(io, systems.variables());
  if (found === undefined) return;
  throw new UsageError({
    attempted: `trust ${found.name}`,
    why: `Bun read the file "${found.file}" of the checkout, which sets it`,
    advice: "start with bun --no-env-file --config=/dev/null --tsconfig-override=/dev/null",
  });
}
