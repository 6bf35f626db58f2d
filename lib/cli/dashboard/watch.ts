/**
 * `dashboard --watch`: the table on a terminal, and in a log only what has changed.
 *
 * @module
 */
import type { DashboardData } from "../../dashboard/data.ts";
import { messageOf } from "../../error_sentence.ts";
import { MogplexError } from "../../errors.ts";
import { isInteractive } from "../log/interactive.ts";
import type { VerbContext } from "../verb.ts";
import { dashboardLines } from "./lines.ts";

const CLEAR = "\x1b[2J\x1b[H";

/** Options of {@linkcode watchDashboard}. */
export interface WatchOptions {
  /** Seconds between two looks. */
  seconds: number;
  /** Ends it. */
  signal: AbortSignal;
  /** Reads everything. */
  look(): Promise<DashboardData>;
  /** Gets everything that was read. */
  onLook(data: DashboardData): void;
}

/** What of the data is no function of the time alone. */
function contentOf({ at: _at, requests: _requests, ...data }: DashboardData): string {
  return JSON.stringify(data);
}

/**
 * Looks again and again.
 *
 * @throws the error of the first look. A later one that fails is a note: the next one may work, unless the token is refused.
 * @throws `signal.reason` when it aborts.
 */
export async function watchDashboard(context: VerbContext, options: WatchOptions): Promise<never> {
  const { io, writer, clock, flags } = context;
  const { seconds, signal, look, onLook } = options;
  const redraws = isInteractive(context) && !flags.has("json");
  let shown = "";
  for (;;) {
    try {
      const data = await look();
      onLook(data);
      const content = contentOf(data);
      if (redraws) io.write("stdout", CLEAR);
      if (flags.has("json")) writer.json(data);
      else if (redraws || content !== shown) writer.out(...dashboardLines(data, writer, seconds));
      shown = content;
    } catch (error) {
      const isFinal = !(error instanceof MogplexError) || ["unauthorized", "usage", "internal"].includes(error.exit);
      if (isFinal || shown === "" || signal.aborted) throw error;
      writer.note(messageOf(error));
    }
    await clock.sleep(seconds * 1_000, { signal });
  }
}
