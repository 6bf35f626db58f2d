/**
 * Functions that a script gives us to be called. They return nothing, but an async function is accepted by their types.
 *
 * @module
 */

/** Lets the promise of an async hook fail: nothing waits for it, and an unhandled rejection would end the process. @param returned What a hook returned. */
export function unawaited(returned: unknown): void {
  if (typeof returned !== "object" || returned === null || !("then" in returned)) return;
  Promise.resolve(returned).catch(() => {});
}
