import { expect, test } from "bun:test";
import { CORPUS } from "../../hostile/corpus.ts";
import { errorOf, fileWith, outcome } from "./files.ts";

const HEAD = "version: 1\nname: fix\nprompt: x\n";

/** So many bytes of something. */
function much(piece: string, bytes: number): string {
  return piece.repeat(Math.ceil(bytes / piece.length));
}

// The first are refused after a part of them was read; the others are read to their end, and cost much more.
test.each([
  ...["[", "{", "{[\n", "- ", "? ", "a: ", "{{", "{{ a }}", "]", "}\n", "'", "@", "\t", ":", ",", " ", '"a": 1,']
    .map((piece) => [500_000, piece] as const),
  ...["- - a\n", "&a ", "!a ", "*a ", '"', '"" ', "---\n", "...\n", "%a\n", "\ta: b\n", "|\n", "# c\n", "\n", "- \n"]
    .map((piece) => [80_000, piece] as const),
  ...["- a/b\n", "a: b\n", "? a\n: b\n"].map((piece) => [80_000, piece] as const),
])("readCampaignFile() refuses %d bytes of %j", async (bytes, piece) => {
  expect(await outcome(much(piece, bytes))).toBe("refused");
  expect(await outcome(`${HEAD}repositories:\n${much(piece, bytes)}`)).toBe("refused");
});

test("readCampaignFile() refuses long lists, many keys and large texts that are repeated", async () => {
  const keys = Array.from({ length: 30_000 }, (_, index) => `k${index}: v\n`).join("");
  const entries = Array.from({ length: 20_001 }, (_, index) => `- a/b${index}\n`).join("");
  expect((await errorOf(`${HEAD}${keys}`)).mistakes.length).toBe(1_000);
  expect((await errorOf(`${HEAD}repositories:\n${entries}`)).lines[1]).toEndWith(
    "it is a list of 20001 items; it must be a list of 1 to 20000 items",
  );
  const list = `${HEAD}repositories: [{ file: a.txt }, { file: b.txt }]`;
  const [first, second] = ["a", "b"].map((owner) => entries.replaceAll("- a/", `${owner}/`));
  expect((await errorOf(list, { files: { "a.txt": first ?? "", "b.txt": "a/b" } })).lines).toContain(
    "a.txt:20001:1: repositories[0].file: a list can have at most 20000 lines; split the campaign",
  );
  const shorter = (text = "") => text.split("\n").slice(0, 15_000).join("\n");
  expect((await errorOf(list, { files: { "a.txt": shorter(first), "b.txt": shorter(second) } })).lines[1]).toBe(
    "c.yaml:4:15: repositories: there are 30000 entries; at most 20000 are allowed; split the campaign",
  );
  const large = `variables: { v: ${"x".repeat(10_000)} }\nprompt: '${"{{ v }}".repeat(10_000)}'`;
  expect(await outcome(`version: 1\nname: fix\nrepositories: [a/b]\n${large}`)).toBe("refused");
});

test("readCampaignFile() reads 20000 entries with templates in branch and prompt", async () => {
  const entries = Array.from({ length: 20_000 }, (_, index) => `- { repo: a/b, root: r${index} }\n`).join("");
  expect(await outcome(`${HEAD}branch: 'x/{{ root }}'\nrepositories:\n${entries}`)).toBe("read");
});

test(
  "readCampaignFile() refuses or reads hostile texts in every place, and every mistake stays on its line",
  async () => {
    for (const { text } of CORPUS) {
      const short = text.slice(0, 2_000);
      const quoted = JSON.stringify(short);
      await outcome(short);
      await outcome(fileWith({ title: `title: ${quoted}`, branch: `branch: ${quoted}`, key: `${quoted}: ${quoted}` }));
      await outcome(fileWith({ repositories: `repositories: [${quoted}, { repo: ${quoted} }, { file: ${quoted} }]` }));
      await outcome(fileWith({ prompt: "prompt-file: p", windows: `windows: [${quoted}]` }), { p: short });
      await outcome(fileWith({ repositories: "repositories: [{ file: l }]", e: "exclude-file: l" }), { l: short });
    }
  },
);
