/**
 * What other layers use of pages.
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
} from "./page.ts";
export { type Line, steps, strip, swatch } from "./page.ts";
export { page } from "./page.ts";
export { renderRunPage } from "./run_page.ts";
