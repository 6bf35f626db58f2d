import { expect, test } from "bun:test";
import { BodyTooLargeError } from "../../../lib/errors.ts";
import { readPages } from "../../../lib/forge/pages.ts";

/** A list whose answers hold 10 units: a row of more is in no answer. */
function listOf(rows: readonly number[]) {
  const asked: string[] = [];
  // deno-lint-ignore require-await
  const read = async (page: number, size: number) => {
    asked.push(`${size}/${page}`);
    const found = rows.slice((page - 1) * size, page * size);
    if (found.reduce((sum, row) => sum + row, 0) > 10) throw new BodyTooLargeError("the answer is too large");
    return found;
  };
  return { asked, read };
}

test("readPages() reads a page in parts when its rows are too large for one answer, and leaves out one that is in no answer", async () => {
  const rows = Array.from({ length: 130 }, (_, index) => index === 7 ? 11 : index % 10 === 0 ? 4 : 0);
  const small = rows.filter((row) => row !== 11);
  for (const size of [100, 50]) {
    const { read } = listOf(rows);
    expect(await readPages(read, { size })).toEqual({ list: small, isWhole: true });
    // As on Gitea, where an empty page alone is surely the last.
    expect(await readPages(read, { size, last: "empty" })).toEqual({ list: small, isWhole: true });
  }
});

test("readPages() goes on behind a page whose rows are all too large", async () => {
  const { read, asked } = listOf([...Array.from({ length: 50 }, () => 11), 1, 2]);
  expect(await readPages(read, { size: 50, last: "empty" })).toEqual({ list: [1, 2], isWhole: true });
  expect(asked.filter((each) => each.startsWith("50/"))).toEqual(["50/1", "50/2", "50/3"]);
});

test("readPages() asks once for a page that is small enough, and passes on any other failure", async () => {
  const { read, asked } = listOf([1, 2, 3]);
  expect(await readPages(read)).toEqual({ list: [1, 2, 3], isWhole: true });
  expect(asked).toEqual(["100/1"]);
  await expect(readPages(() => Promise.reject(new TypeError("fetch failed")))).rejects.toThrow("fetch failed");
});
