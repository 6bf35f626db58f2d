import { expect } from "bun:test";
import type { CampaignFileError, Mistake } from "../../../../lib/campaign/file/mistakes.ts";
import type { ReadCampaign } from "../../../../lib/campaign/file/campaign_file.ts";
import { readCampaignFile, type ReadCampaignOptions } from "../../../../lib/campaign/file/read.ts";
import { fakeIo, type FakeIoOptions } from "../../cli/fake_io.ts";

/** The shortest file without mistakes, a line a key. */
export const MINIMAL: Readonly<Record<string, string>> = {
  version: "version: 1",
  name: "name: fix",
  prompt: "prompt: Fix it",
  repositories: "repositories: [acme/web]",
};

/** A file like {@linkcode MINIMAL} with other lines; an empty text leaves a key out. */
export function fileWith(lines: Readonly<Record<string, string>>): string {
  return Object.values({ ...MINIMAL, ...lines }).filter((line) => line !== "").join("\n") + "\n";
}

/** Options of {@linkcode read}. */
export interface ReadOptions extends ReadCampaignOptions, Pick<FakeIoOptions, "links"> {
  /** Files beside the campaign file. */
  files?: Record<string, string>;
  /** Text of standard input. */
  input?: string;
  /** Path of the campaign file. @default {"c.yaml"} */
  path?: string;
}

/** Reads a campaign file from memory. */
export async function read(text: string, options: ReadOptions = {}): Promise<ReadCampaign> {
  const { files = {}, links = {}, input = "", path = "c.yaml", ...rest } = options;
  return await readCampaignFile(path, fakeIo({ files: { ...files, [path]: text }, links, stdin: input }), rest);
}

/** The error of a file with mistakes. @throws when the file has no mistakes, or for another error. */
export async function errorOf(text: string, options: ReadOptions = {}): Promise<CampaignFileError> {
  try {
    await read(text, options);
  } catch (error) {
    if ((error as Error).name === "CampaignFileError") return error as CampaignFileError;
    throw error;
  }
  throw new Error(`no mistake was found in:\n${text}`);
}

/** The mistakes of a file, each as `LINE:COLUMN key: message`; with the name of the file in front where it is another one. */
export async function mistakesOf(text: string, options: ReadOptions = {}): Promise<string[]> {
  const { mistakes } = await errorOf(text, options);
  const at = ({ file, line, column }: Mistake) => `${file === "c.yaml" ? "" : `${file}:`}${line}:${column}`;
  return mistakes.map((mistake) => `${at(mistake)} ${mistake.key}: ${mistake.message}`);
}

/** Reads a text, which is either a campaign file or has mistakes, each with its place. */
export async function outcome(text: string, files: Record<string, string> = {}): Promise<"read" | "refused"> {
  try {
    await read(text, { files });
    return "read";
  } catch (error) {
    if ((error as Error).name !== "CampaignFileError") throw error;
    const { lines, mistakes, exitCode } = error as CampaignFileError;
    expect(exitCode).toBe(2);
    expect(mistakes.length).toBeGreaterThan(0);
    // Each is a line of its own, with a place that is in the file.
    expect(lines.length).toBe(mistakes.length + 1 + (lines.at(-1)?.startsWith("… and ") ? 1 : 0));
    for (const { line, column, message } of mistakes) {
      expect(Number(line) >= 1 && Number(column) >= 1 && message !== "").toBe(true);
    }
    return "refused";
  }
}
