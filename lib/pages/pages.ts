/**
 * What other layers use of pages. Built files load it with the first call of one of these functions, so it has functions alone.
 *
 * @module
 */
export {
  block,
  type Cell,
  chip,
  code,
  type Column,
  facts,
  fold,
  type Html,
  jobLinks,
  link,
  list,
  longBlock,
  markup,
  numbers,
  type Part,
  section,
  table,
  type TableRow,
  time,
  type Tone,
} from "./blocks.ts";
export { type Line, steps, strip, swatch } from "./charts.ts";
export { page } from "./page.ts";
export { renderRunPage } from "./run_page.ts";
// No page is made with it. It is here since it is called as rarely: to show the files of an earlier job.
export { readResult } from "../result/stored/read_result.ts";
