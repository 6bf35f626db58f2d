/**
 * How help texts are laid out: columns and paragraphs that fit the narrowest common terminal.
 *
 * @module
 */

/** A text of the documents for a terminal: without backticks. */
export function plain(text: string): string {
  return text.replaceAll("`", "");
}

/** Width of all help texts, in characters: that of the narrowest common terminal, which would break lines in the middle of words. */
export const WIDTH = 80;

/** Breaks a text at its blanks. @param indent Blanks before each line but the first. */
export function wrapped(text: string, indent = 0): string {
  const lines: string[] = [];
  let line = "";
  for (const part of text.split(" ")) {
    if (line !== "" && indent + line.length + 1 + part.length > WIDTH) {
      lines.push(line);
      line = part;
    } else line += line === "" ? part : ` ${part}`;
  }
  return [...lines, line].join(`\n${" ".repeat(indent)}`);
}

/** One line for each row, or more if its last cell needs them. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) => {
    const start = row.slice(0, -1).map((cell, column) => `${cell.padEnd(widths[column] ?? 0)}  `).join("");
    return `  ${start}${wrapped(row.at(-1) ?? "", start.length + 2)}\n`;
  }).join("");
}

/** Command lines as they are: a broken one could not be copied. */
export function commands(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}\n`).join("");
}
