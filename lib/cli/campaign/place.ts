/**
 * Which campaign a verb is about, and what the library needs to work on it.
 *
 * @module
 */
import type { CampaignOptions } from "../../campaign/campaign_options.ts";
import { readFileHome } from "../../campaign/file/read.ts";
import { type CampaignInternals, placeOf } from "../../campaign/open_campaign.ts";
import type { CampaignCommand } from "../../campaign/report/commands.ts";
import { personOf } from "../../platforms/person.ts";
import { createRedactor, joinRedactors } from "../../text/redact.ts";
import { noticeText } from "../log/notices.ts";
import { requiredArgument } from "../options/arguments.ts";
import type { VerbContext } from "../verb.ts";
import { ALLOW_OUTSIDE, BY, DIR, FORGE_HOST, HOME, STUCK_AFTER, WEBHOOK_VARIABLE } from "./flags.ts";

/** A campaign on the command line. */
export interface CampaignPlace {
  /** Path of the campaign file. */
  path: string;
  /** Path of the directory of its reports. */
  directory: string;
  options: CampaignOptions;
  internals: CampaignInternals;
  /** How hints write commands about it. */
  command: CampaignCommand;
}

/**
 * Reads the campaign of a verb. Service and token are looked for when a request is to be sent, and not before: a campaign that is done
 * needs neither.
 *
 * @param verb Words of the verb, for messages.
 * @throws {UsageError} when the file is missing, or a flag is wrong.
 */
export function readPlace(context: VerbContext, verb: string): CampaignPlace {
  const { io, flags, option, clock, fetch, machine, notes, platform, writer } = context;
  context.guard();
  const path = requiredArgument(context, verb, "file");
  const given = option(DIR);
  // What the file says needs no flag in the commands that are printed.
  const home = option(HOME);
  const place = placeOf({ directory: given, home }, readFileHome(path, io), io.env);
  const { directory } = place;
  const allowOutside = flags.has(ALLOW_OUTSIDE.name);
  const webhookVariable = option(WEBHOOK_VARIABLE);
  const command = {
    program: context.vocabulary.program,
    file: path,
    flags: [
      ...given === undefined ? [] : ["--dir", given],
      ...home === undefined ? [] : ["--home", home],
      ...allowOutside ? ["--allow-outside"] : [],
      ...webhookVariable === undefined ? [] : ["--webhook-variable", webhookVariable],
    ],
  };
  return {
    path,
    directory,
    options: {
      directory,
      home: place.home,
      allowOutside,
      webhookVariable,
      forge: { hosts: flags.all(FORGE_HOST.name) },
      stuckAfterMs: option(STUCK_AFTER),
      clock,
      fetch,
      env: io.env,
      onNotice: (notice) => writer.note(noticeText(notice)),
    },
    internals: {
      io,
      platform,
      command,
      ...machine,
      onMask: (mask) => writer.maskAlso(joinRedactors(mask, createRedactor({ secrets: notes?.secrets(io.env) }))),
      get connection() {
        return context.connection();
      },
    },
    command,
  };
}

/** Masks the token in everything that is printed, for verbs that send no request. A missing token is no mistake there. */
export function maskToken(context: VerbContext): void {
  try {
    context.connection();
  } catch {
    // Then there is none to mask.
  }
}

/** Who decides: the flag, else what the environment says. */
export function decider({ option, io, writer }: VerbContext): string {
  return writer.redact(option(BY)?.trim() || personOf(io.env));
}
