/**
 * Whether a person watches the output.
 *
 * @module
 */
import type { Io, Stream } from "../../io.ts";
import type { Platform } from "../../platforms/platform.ts";
import { terminalSize } from "../../runtime.ts";

/** Whether the terminal behind our streams only prints lines. Source: terminfo, entry `dumb`. */
export function isDumb(io: Pick<Io, "env">): boolean {
  return io.env("TERM") === "dumb";
}

/**
 * Whether stdout has colours: on a terminal, and in the log of a CI system that shows them. `FORCE_COLOR` wins over everything else.
 *
 * @param ofCi Whether stdout is such a log.
 * Source: no-color.org; Node.js, "tty", `FORCE_COLOR`.
 */
export function wantsColours(io: Pick<Io, "env" | "isTerminal">, ofCi: boolean): boolean {
  const forced = io.env("FORCE_COLOR");
  if (forced) return forced !== "0" && forced !== "false";
  if (io.env("NO_COLOR")) return false;
  return ofCi || io.isTerminal("stdout") && !isDumb(io);
}

/** Terminals that show links, by `TERM_PROGRAM`. Source: the documents of each, OSC 8. */
const LINKING = ["ghostty", "iTerm.app", "vscode", "WezTerm"];
/** First version of the library of GNOME's terminals with links, as `VTE_VERSION` has it: 0.50. */
const LINKING_VTE = 5_000;

/** Whether the terminal shows links. A multiplexer is none: what it passes on is not known. */
export function knowsLinks({ env }: Pick<Io, "env">): boolean {
  const term = env("TERM") ?? "";
  if (/^(?:screen|tmux|dumb)/.test(term)) return false;
  return LINKING.includes(env("TERM_PROGRAM") ?? "") || Number(env("VTE_VERSION")) >= LINKING_VTE ||
    Boolean(env("WT_SESSION")) || /^(?:xterm-kitty|foot|alacritty)/.test(term);
}

/** Cells of a line where nobody says how wide the log is: pages of CI systems scroll or break what is longer. */
const USUAL_WIDTH = 180;

/** Cells after which a line of the log is broken. */
export function logWidth(io: Pick<Io, "isTerminal">): number {
  return io.isTerminal("stdout") ? terminalSize()?.columns ?? 80 : USUAL_WIDTH;
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
