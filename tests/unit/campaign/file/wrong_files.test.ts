import { expect, test } from "bun:test";
import { mistakesOf } from "./files.ts";
import { WRONG_FILES } from "./wrong_files.ts";

test.each(WRONG_FILES.map((file) => [file.name, file] as const))(
  "readCampaignFile() names place, key and remedy when a file has this mistake: %s",
  async (_name, { text, files = {}, mistakes }) => {
    const found = await mistakesOf(text, { files });
    expect(found.map((line) => line.slice(0, line.indexOf(": ")))).toEqual(mistakes.map(([place]) => place));
    found.forEach((line, index) => expect(line).toContain(mistakes[index]?.[1] ?? ""));
  },
);
