/**
 * Loads the code of campaigns, which only the verbs of `campaign` need.
 *
 * @module
 */

/**
 * The functions of the verbs. Rows of verbs call them through here, so that no other call of the command pays for code of campaigns: not for
 * reading it, not for running it.
 */
export async function campaignVerbs(): Promise<typeof import("./verbs/functions.ts")> {
  return await import("./verbs/functions.ts");
}
