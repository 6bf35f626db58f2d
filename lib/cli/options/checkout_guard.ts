/**
 * Bun takes over the `.env` files of the directory that it stands in, and in CI that is a checkout which anybody may have
 * written: one line in it could send the token elsewhere.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import { detectPlatform, platformVariables } from "../../platforms/detect.ts";
import type { Io } from "../../io.ts";
import { runtimeArgs, runtimeName } from "../../runtime.ts";

// Source: Bun, "Environment variables": `.env`, `.env.<NODE_ENV>` and `.env.local` are read.
const KINDS: readonly string[] = ["", ".development", ".production", ".test"];
const FILES = KINDS.flatMap((kind) => [`.env${kind}`, `.env${kind}.local`]);
// Whatever steers where the token goes, whom we trust on the way there, what is started, or which files are written: ours,
// those of proxies and certificates, Bun's own, and those by which a CI system is recognised.
const STEERING = /^(?:mogplex_.*|bun_.*|(?:https?|all|no)_proxy|node_tls_.*|node_extra_ca_certs|ssl_cert_.*)$/i;
// A name at the start of a line, before `=` or `:`. Bun takes `\v`, `\f` and a byte order mark for blanks, `\r` for the end of a
// line, and looks for the sign on later lines, too; more than it takes does no harm here.
const ASSIGNMENT = /^[^\w#\r\n]*(?:export\s+)*(\w+)\s*[=:]/gm;

/** The first name in the text of such a file that steers us. */
function steeringName(text: string): string | undefined {
  const ofPlatforms = platformVariables();
  for (const [, name = ""] of text.replace(/[\v\f]/g, "\n").matchAll(ASSIGNMENT)) {
    if (STEERING.test(name) || ofPlatforms.includes(name)) return name;
  }
  return undefined;
}

function readOrNothing(io: Io, file: string): string {
  try {
    return io.readFile(file, undefined, "follow", "replace") ?? "";
  } catch {
    // A directory of that name (some keep a virtual environment in it), or a file that Bun could not read either.
    return "";
  }
}

/** The first `.env` file of the working directory that sets what steers us, and the name of the variable. */
export function steeringFile(io: Io): { file: string; name: string } | undefined {
  for (const file of FILES) {
    const name = steeringName(readOrNothing(io, file));
    if (name !== undefined) return { file, name };
  }
  return undefined;
}

/**
 * Refuses to go on where such a file may have set the origin, a proxy, or anything else that steers us.
 *
 * @param runtime Name and version of the runtime. @default the present one
 * @param args Its own arguments. @default those of the process
 * @throws {UsageError} naming the file and the cure.
 */
export function guardCheckout(io: Io, runtime: string = runtimeName(), args: readonly string[] = runtimeArgs()): void {
  if (!runtime.startsWith("bun/") || args.includes("--no-env-file") || !detectPlatform(io.env).isCi) return;
  const found = steeringFile(io);
  if (found === undefined) return;
  throw new UsageError(
    `Cannot trust ${found.name}: Bun read the file "${found.file}" of the checkout, which sets it; start with bun --no-env-file --config=/dev/null --tsconfig-override=/dev/null`,
  );
}
