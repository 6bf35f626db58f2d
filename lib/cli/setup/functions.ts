/**
 * The code of verbs that set something up or look at this machine. It is a text in the built file until one of them is called.
 *
 * @module
 */
export { initRepository } from "./init.ts";
export { printCompletion } from "./completion.ts";
export { printRecent } from "./recent.ts";
