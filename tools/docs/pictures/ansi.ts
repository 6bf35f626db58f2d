export interface Span {
  text: string;
  style: readonly string[];
}

const STYLES = new Map([
  ["1", "bold"],
  ["2", "dim"],
  ["31", "red"],
  ["32", "green"],
  ["33", "yellow"],
  ["34", "blue"],
  ["35", "magenta"],
  ["36", "cyan"],
]);

// Styles, other sequences, links and titles, the ends of lines, and text.
// deno-lint-ignore no-control-regex
const PARTS = /\x1b\[([\d;]*)m|\x1b\[[?\d;]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\r\n]|[^\x1b\r\n]+/g;

function restyled(style: readonly string[], codes: string): readonly string[] {
  return codes.split(";").reduce<readonly string[]>((now, code) => {
    if (code === "" || code === "0" || code === "39" || code === "22") return [];
    const name = STYLES.get(code);
    return name === undefined ? now : [...now, name];
  }, style);
}

/** The final lines on the terminal. Overwritten text is omitted, as are links and other sequences. */
export function linesOf(output: string): Span[][] {
  const lines: Span[][] = [[]];
  let style: readonly string[] = [];
  for (
    const [part, codes] of output.matchAll(PARTS)
  ) {
    if (codes !== undefined) style = restyled(style, codes);
    else if (part === "\n") lines.push([]);
    else if (part === "\r") lines[lines.length - 1] = [];
    else if (!part.startsWith("\x1b")) lines.at(-1)?.push({ text: part, style });
  }
  if (lines.at(-1)?.length === 0) lines.pop();
  return lines;
}

export function textOf(line: readonly Span[]): string {
  return line.map(({ text }) => text).join("");
}
