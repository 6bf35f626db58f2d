/** Pages with commands and their real output: they are run, and compared. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { root } from "../../../../tools/setup.mjs";

/** A block of code. */
export interface Block {
  language: string;
  text: string;
}

/** The blocks of a page, in order. */
export function blocksOf(page: string): Block[] {
  return [...page.matchAll(/^```(\w*)\n([^]*?)^```$/gm)].map(([, language = "", text = ""]) => ({ language, text }));
}

export function readPage(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/**
 * What differs each time: ids, ports, times of the day, lengths of time, and blanks that align them. Lines of a log that come within one look at
 * the service are sorted.
 */
export function withoutChance(text: string): string {
  const lines = text.trimEnd().split("\n").map((line) =>
    line.replace(/http:\/\/127\.0\.0\.1:\d+/g, "URL")
      .replace(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, "ID")
      .replace(/ [0-9a-f]{8} /g, " ID ")
      .replace(/\d{4}-\d\d-\d\d \d\d:\d\d UTC \((now|in [^)]*)\)/g, "DATE")
      .replace(/^\d\d:\d\d:\d\d /, "TIME ")
      .replace(/\d+(\.\d)? s\b/g, "SECONDS")
      .replace(/ +/g, " ").trimEnd()
  );
  const log = lines.filter((line) => line.startsWith("TIME ")).sort();
  return lines.map((line) => line.startsWith("TIME ") ? log.shift() : line).join("\n");
}

/** Whether pages are to be written again, instead of being compared: `MOGPLEX_WRITE_PAGES=1`. */
export const WRITES = process.env.MOGPLEX_WRITE_PAGES === "1";

/** Writes the outputs into the `text` blocks of a page, in order. */
export function writeOutputs(path: string, outputs: readonly string[]): void {
  const left = [...outputs];
  const text = readPage(path).replace(/^```text\n[^]*?^```$/gm, () => `\`\`\`text\n${left.shift()?.trimEnd()}\n\`\`\``);
  writeFileSync(join(root, path), text);
}
