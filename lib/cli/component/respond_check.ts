/**
 * The setup check of the component `respond`. It runs only the checks of `doctor --for respond` that concern the two tokens and the project, because
 * each template would be several KB larger with all checks.
 *
 * @module
 */
import { adviceOf, type Check, failedWith, ok, tried } from "../../check.ts";
import { EXIT } from "../../exit_codes.ts";
import { openOneShot } from "../context.ts";
import { checkJobForge } from "../job/open_forge.ts";
import type { Context } from "../verb.ts";

async function checkToken(context: Context): Promise<Check> {
  const access = await tried(async () => {
    const { session: { client }, call } = openOneShot(context);
    await client.checkStartAccess(call);
  });
  if (access.ok) return ok("token", "it can start runs");
  return failedWith("token", access.error, adviceOf(access.error, "Create a token with the read and write scopes"));
}

/** Writes nothing at the forge. */
export async function checkRespond(context: Context): Promise<number> {
  const { writer } = context;
  const checks = [
    await checkToken(context),
    ...await checkJobForge(context),
  ];
  for (const { name, state, finding, advice } of checks) {
    const line = `${state.padEnd(7)}  ${name.padEnd(9)}  ${finding}`;
    writer.out(writer.untrusted(advice === null ? line : `${line} > ${advice}`));
  }
  return checks.find(({ code }) => code !== undefined)?.code ?? EXIT.success;
}
