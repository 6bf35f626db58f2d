import type { Check } from "../../check.ts";
import { readAddress } from "../../forge/address.ts";
import { checkForge } from "../../forge/check_forge.ts";
import type { TokenNeeds } from "../../forge/forge.ts";
import { forgeOfJob, type OpenForge, openForge, type OpenOptions } from "../../forge/open.ts";
import type { OnNotice } from "../../notice.ts";
import { listNames } from "../../respond/rights.ts";
import { MENTION_LABEL, MENTION_NAME } from "../options.ts";
import { commonUsers, MENTION_WORD, readUserLists } from "../settings.ts";
import type { Context } from "../verb.ts";
import { valueOr } from "../../lookup.ts";

/** Maximum size of the file of an event. Source: GitHub, "Webhook events and payloads": 25 MB at most. */
export const MAX_EVENT = 2 ** 25;

export function openOptions(
  { io, forges, tokenInstead, clock, fetch, platform, writer: { redact } }: Pick<
    Context,
    "io" | "forges" | "tokenInstead" | "clock" | "fetch" | "platform" | "writer"
  >,
  onNotice?: OnNotice,
): OpenOptions {
  return {
    ...{ forges, env: io.env, world: { clock, fetch, onNotice }, ciSystem: platform.name, tokenInstead },
    isMogplex: (token) => redact.token(token) !== token,
    readFile(path) {
      // An event that cannot be read here is requested from the forge.
      return valueOr(() => io.readFile(path, MAX_EVENT, "follow", "replace") ?? "", "");
    },
  };
}

export function openJobForge(
  context: Context,
  { use, onNotice }: { use: keyof TokenNeeds; onNotice?: OnNotice },
): OpenForge {
  // This call resolves and masks the Mogplex token, which must not be sent to a forge.
  context.connection();
  return openForge(openOptions(context, onNotice), use);
}

export function checkJobForge(context: Context): Promise<Check[]> {
  const { option, platform: { isCi } } = context;
  return checkForge({
    isCi,
    agent: option(MENTION_NAME) ?? MENTION_WORD,
    open: () => openJobForge(context, { use: "respond", onNotice: noteWaits(context) }),
    users() {
      const lists = readUserLists(context);
      return { allowed: commonUsers(lists), from: listNames(lists) };
    },
    label: () => option(MENTION_LABEL) ?? MENTION_WORD,
  });
}

/** Minimum time between two notes. Waits for a forge are often short, so the first attempts print no note. */
const WAIT_NOTE_MS = 60_000;
const WAIT_ATTEMPT = 3;

export function noteWaits({ clock, writer }: Pick<Context, "clock" | "writer">): OnNotice {
  let nextMs = -Infinity;
  return (notice) => {
    if (notice.kind !== "wait" || notice.attempt < WAIT_ATTEMPT || clock.now() < nextMs) return;
    nextMs = clock.now() + WAIT_NOTE_MS;
    writer.note(`waiting for the forge: ${notice.message}`);
  };
}

export function forgeNeeds(
  { io: { env }, platform: { name }, forges }: Pick<Context, "io" | "platform" | "forges">,
  after?: string,
): { net: string[]; env: string[]; read: string[] } {
  const job = forgeOfJob(forges, name)?.job;
  const address = after === undefined ? undefined : readAddress(forges.map((forge) => forge.address), after);
  const variables = job === undefined ? [] : [job.tokenVariable(env)];
  if (address !== undefined) {
    const apis = forges.filter((forge) => forge.name === address.forge).map((forge) => forge.api(address.origin));
    return { net: apis.map((api) => new URL(api).host), env: variables, read: [] };
  }
  const payload = job?.payload(env);
  const path = payload !== undefined && "path" in payload ? payload.path : "";
  return {
    net: job === undefined ? [] : hostOf(() => job.api(env)),
    // `permissionsFor` adds the other variables of the CI system.
    env: [...job?.variables ?? [], ...variables],
    read: after !== undefined ? [after] : path === "" ? [] : [path],
  };
}

function hostOf(api: () => string): string[] {
  return valueOr(() => [new URL(api()).host], []);
}
