import type * as z from "zod/mini";
import { BodyTooLargeError, MogplexError } from "../errors.ts";
import type { ForgeClient, ListPage } from "./client.ts";

const PAGE = 100;
/**
 * Limits for one list. Anyone can write comments, and a few comments by strangers must not hide our own notes, which are used to count runs. A page
 * of Gitea has 50 rows.
 */
const MAX_ROWS = 5_000;
const MAX_PAGES = 100;

type ReadPage<T> = (page: number, size: number) => Promise<readonly T[] | ListPage<T>>;

/**
 * Reads a page. Users can write comments that make a page too large for one response. The page is then read in parts, and a single row that is too
 * large becomes `undefined`.
 */
async function readPage<T>(read: ReadPage<T>, page: number, size: number): Promise<ListPage<T | undefined>> {
  try {
    const answer = await read(page, size);
    return "rows" in answer ? answer : { rows: answer };
  } catch (error) {
    if (!(error instanceof BodyTooLargeError)) throw error;
    if (size === 1) return { rows: [undefined] };
  }
  const parts = size % 2 === 0 ? 2 : 5;
  const rows: (T | undefined)[] = [];
  let isLast: boolean | undefined;
  for (let part = 1; part <= parts; part++) {
    const some = await readPage(read, (page - 1) * parts + part, size / parts);
    rows.push(...some.rows);
    ({ isLast } = some);
  }
  return { rows, isLast };
}

interface ListRules<T> {
  size?: number;
  /**
   * `short`: a page with fewer rows than requested is the last page, unless the response itself shows which page is the last. `empty`: only a page
   * without rows is the last page, so the first two pages are requested at once. @default {"short"}
   */
  last?: "short" | "empty";
  isEnough?: ((rows: readonly T[]) => Promise<boolean>) | undefined;
}

/** Leaves out rows that are too large for any response. Our own notes are never too large. */
export async function readPages<T>(
  read: ReadPage<T>,
  { size = PAGE, last = "short", isEnough }: ListRules<T> = {},
): Promise<{ list: T[]; isWhole: boolean }> {
  const list: T[] = [];
  let next = 1;
  while (next <= MAX_PAGES && list.length < MAX_ROWS) {
    const pages = last === "empty" && next === 1 ? [1, 2] : [next];
    next += pages.length;
    for (const { rows, isLast } of await Promise.all(pages.map((page) => readPage(read, page, size)))) {
      const whole = rows.filter((row) => row !== undefined);
      list.push(...whole);
      if (await isEnough?.(whole)) return { list, isWhole: false };
      if (isLast ?? rows.length < (last === "empty" ? 1 : size)) return { list, isWhole: true };
    }
  }
  return { list, isWhole: false };
}

export function readList<T extends z.core.$ZodType>(
  client: ForgeClient,
  what: string,
  path: string,
  row: T,
  isEnough?: ListRules<z.output<T>>["isEnough"],
) {
  const query = path.includes("?") ? "&" : "?";
  const read = (page: number, size: number) =>
    client.getPage(what, `${path}${query}per_page=${size}&page=${page}`, row);
  return readPages(read, { isEnough });
}

export async function wholeList<T>(
  attempted: string,
  promise: Promise<{ readonly list: readonly T[]; readonly isWhole: boolean }>,
): Promise<readonly T[]> {
  const { list, isWhole } = await promise;
  if (!isWhole) throw new MogplexError({ attempted, why: "the list is too long" }, "unavailable");
  return list;
}
