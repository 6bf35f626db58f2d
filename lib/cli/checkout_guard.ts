/**
 * Bun takes over the `.env` files of the directory that it stands in, and in CI that is a checkout which anybody may have
 * written: one line in it could send the token elsewhere.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { detectPlatform } from "../platforms/detect.ts";
import type { Io } from "../io.ts";
import { runtimeArgs, runtimeName } from "../runtime.ts";

// Source: Bun, "Environment variables": `.env`, `.env.<NODE_ENV>` and `.env.local` are read.
const KINDS: readonly string[] = ["", ".development", ".production", ".test"];
const FILES = KINDS.flatMap((kind) => [`.env${kind}`, `.env${kind}.local`]);
const SETS_ORIGIN = /^[ \t]*(?:export[ \t]+)?(MOGPLEX_(?:URL|DEV\w*))[ \t]*[=:]/m;

/**
 * Refuses to go on where such a file may have set the origin.
 *
 * @param runtime Name and version of the runtime. @default the present one
 * @param args Its own arguments. @default those of the process
 * @throws {UsageError} naming the file and the cure.
 */
export function guardCheckout(io: Io, runtime: string = runtimeName(), args: readonly string[] = runtimeArgs()): void {
  if (!runtime.startsWith("bun/") || args.includes("--no-env-file") || !detectPlatform(io.env).isCi) return;
  for (const file of FILES) {
    const name = SETS_ORIGIN.exec(io.readFile(file) ?? "")?.[1];
    if (name === undefined) continue;
    throw new UsageError(
      `Cannot trust ${name}: Bun read the file "${file}" of the checkout, which sets it; start with bun --no-env-file --config=/dev/null`,
    );
  }
}
