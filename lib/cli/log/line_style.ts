/**
 * How a line of the log looks: where its text begins, and the colours of its time and its label.
 *
 * @module
 */
import { lookup } from "../../lookup.ts";
import type { Style, Writer } from "./writer.ts";

// Other labels are not coloured.
const LABEL_STYLES: Readonly<Record<string, Style>> = {
  cancel: "yellow",
  cancelled: "yellow",
  failed: "red",
  finished: "green",
  log: "dim",
  started: "dim",
  status: "dim",
  tool: "cyan",
};

// A broken line goes on below its text, so it has neither time nor label.
const TIMED = /^(\d\d:\d\d:\d\d {2}| {10})([a-z]\S*)(.*)$/;
const BARE = /^()([a-z]\S*)(.*)$/;

/** Cells before the text of a line. @param times Whether lines begin with a time. */
export function textIndent(times: boolean): number {
  return times ? 20 : 10;
}

/** Colours time and label. @param line A line that is safe to print; colours are added, nothing else changes. */
export function colourLine(writer: Pick<Writer, "coloured" | "paint">, line: string, times: boolean): string {
  const [, time = "", label = "", text = ""] = (writer.coloured && (times ? TIMED : BARE).exec(line)) || [];
  if (label === "") return line;
  const style = lookup(LABEL_STYLES, label);
  const shown = style === undefined ? label : writer.paint(style, label);
  return `${time.trim() === "" ? time : writer.paint("dim", time)}${shown}${text}`;
}
