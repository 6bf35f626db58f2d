/**
 * Names of inputs that an automation may never see.
 *
 * @module
 */

/**
 * Names and prefixes that later revisions of the service drop, unless the automation has an API trigger that declares them.
 * Source: contract, section 12.
 */
const DROPPED =
  /^(?:(?:flow_|repo_|sandbox_|source|dispatch_|trigger|input).*|working_branch|installation_id|team_id|default_branch|webhook|slack|schedule)$/s;

/** The warning about names that the service may drop; undefined when there are none. */
export function droppedInputsWarning(input: Readonly<Record<string, unknown>>): string | undefined {
  const names = Object.keys(input).filter((name) => DROPPED.test(name));
  if (names.length === 0) return undefined;
  return `the service may drop the input ${names.map((name) => JSON.stringify(name)).join(", ")}, as it uses ` +
    "such names itself: only an API trigger that declares them passes them on";
}
