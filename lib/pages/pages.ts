/**
 * What other layers use of pages. Built files load it with the first call of one of these functions, so it has functions alone.
 *
 * @module
 */
export { renderRunPage } from "./run/run_page.ts";
