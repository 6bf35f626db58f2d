/**
 * Whether a person watches the output.
 *
 * @module
 */
import type { Io, Stream } from "../../io.ts";
import type { Platform } from "../../platforms/platform.ts";

/** Whether the terminal behind our streams only prints lines. Source: terminfo, entry `dumb`. */
export function isDumb(io: Pick<Io, "env">): boolean {
  return io.env("TERM") === "dumb";
}

/**
 * Whether a person watches a stream on a terminal that can move its cursor: only then the log may redraw a line, leave out what is
 * close by, and let a run go on after Ctrl-C.
 *
 * On a CI system nobody watches, although act and Buildkite's agent give their jobs a terminal.
 * Source: nektos/act, pkg/container/host_environment.go, `openPty`; buildkite/agent, process/process.go, `PTY`.
 */
export function isInteractive(
  { io, platform }: { io: Pick<Io, "env" | "isTerminal">; platform: Pick<Platform, "isCi"> },
  stream: Stream = "stdout",
): boolean {
  return !platform.isCi && !isDumb(io) && io.isTerminal(stream);
}
