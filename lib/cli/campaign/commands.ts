/**
 * `campaign commands`: prints command lines of `gh`, `glab` and `curl` that merge or close the pull requests of a campaign. It does not run them.
 * @module
 */
import { readCampaignWith } from "../../campaign/campaign.ts";
import { matchesGlob } from "../../campaign/file/rules.ts";
import { forgeCommands, type Readiness } from "../../campaign/forge_commands.ts";
import type { CampaignItem, CampaignView } from "../../campaign/view/view.ts";
import { UsageError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import { FORGE_NAMES_TEXT, FORGE_TOKENS_TEXT } from "../../forge/all.ts";
import type { MergeMethod } from "../../forge/model.ts";
import { formatCount } from "../../text/duration.ts";
import { oneOf } from "../options.ts";
import type { Context, Option, Verb, VerbFlag } from "../verb.ts";
import { maskToken, readPlace } from "./campaign_job.ts";
import { CAUSE, FORGE, JSON_OBJECT, ONLY, PLACE } from "./flags.ts";

const MERGE: VerbFlag = {
  name: "merge",
  help: "Print commands that merge the pull requests that are approved and green",
};

const CLOSE: VerbFlag = { name: "close", help: "Print commands that close the open pull requests" };

const ALL_OPEN: VerbFlag = {
  name: "all",
  help:
    "--merge: also those without review or with unfinished checks; --close: also those that were not read, or are elsewhere",
};

const READY: Option<Readiness> = {
  name: "ready",
  value: "WHEN",
  help: "What --merge takes: approved (a person has approved it) or green (its checks alone)",
  parse: oneOf(["approved", "green"]),
};

const METHOD: Option<"merge" | "squash" | "rebase"> = {
  name: "method",
  value: "METHOD",
  help: "merge, squash or rebase (merge)",
  parse: oneOf(["merge", "squash", "rebase"]),
};

export const campaignCommandsVerb: Verb = {
  name: "campaign commands",
  usage: "<file>",
  maxPositionals: 1,
  summary: "Print command lines of gh, glab and curl that merge or close the open pull requests",
  group: "toolkit",
  flags: [PLACE, [MERGE, CLOSE, READY, METHOD, ALL_OPEN], [CAUSE, ONLY], FORGE, JSON_OBJECT],
  codes: ["success", "usage", "unavailable", "internal"],
  meanings: {
    success: "they were printed; none was run",
    usage: "nothing was planned; a mistake in file or arguments; a lock or journal that was changed",
    unavailable: "the directory cannot be read",
  },
  examples: [
    "mogplex-ci campaign commands campaign.yml --merge",
    "mogplex-ci campaign commands campaign.yml --merge --ready green",
    "mogplex-ci campaign commands campaign.yml --close --all",
  ],
  run: commands,
};

async function commands(context: Context): Promise<number> {
  const { flags, option, writer } = context;
  const place = readPlace(context, "campaign commands");
  maskToken(context);
  const [merge, close] = [flags.has(MERGE), flags.has(CLOSE)];
  if (merge === close) {
    throw new UsageError({
      attempted: "print commands",
      why: "it is not clear which",
      advice: "give --merge or --close",
    });
  }
  const view = await readCampaignWith(place.path, place.options, place.internals);
  const method: MergeMethod | undefined = option(METHOD);
  const all = flags.has(ALL_OPEN);
  const action = merge ? "merge" : "close";
  const how = { method, all, ready: option(READY) };
  const { lines, unready, behind, unread, elsewhere } = forgeCommands(chosen(context, view), action, how);
  if (flags.has(JSON_OBJECT)) {
    writer.json(writer.clean({ commands: lines, unready, behind, unread, elsewhere }));
    return EXIT.success;
  }
  if (lines.length > 0) writer.output(lines.join("\n"));
  if (elsewhere.length > 0) {
    const count = formatCount(elsewhere.length, "pull request");
    const more = merge ? "" : ", --all takes them";
    writer.note(
      `left out: ${count} in another repository or on another branch than their runs; look at them first${more}`,
    );
  }
  if (behind.length > 0) {
    const count = formatCount(behind.length, "pull request");
    writer.note(
      `left out: ${count} behind the base branch; merge the base branch into them first, as gh pr update-branch does`,
    );
  }
  if (unready.length > 0) {
    writer.note(`${formatCount(unready.length, "pull request")} not ready to be merged: left out`);
  }
  if (unread.length > 0) {
    const count = formatCount(unread.length, "pull request");
    writer.note(
      all && !merge
        ? `${count} left out: their addresses are not of ${FORGE_NAMES_TEXT}, so no command is known for them`
        : `${count} not read: left out; give a token of their forge, in ${FORGE_TOKENS_TEXT}${
          merge ? "" : ", or --all"
        }`,
    );
  }
  return EXIT.success;
}

/** @throws {UsageError} if there is no such cause. */
function chosen({ flags, option }: Context, { items, causes }: CampaignView): CampaignItem[] {
  const word = option(CAUSE);
  const only = flags.all(ONLY);
  const group = causes.find((cause) => cause.word === word);
  if (word !== undefined && group === undefined) {
    const advice = `there are ${causes.map((cause) => cause.word).join(", ") || "none"}`;
    throw new UsageError({
      attempted: "print commands",
      why: "there is no such cause",
      value: JSON.stringify(word),
      advice,
    });
  }
  const ids = new Set(group?.items);
  return items.filter(({ id, repository }) =>
    (group === undefined || ids.has(id)) &&
    (only.length === 0 || only.some((glob) => matchesGlob(glob, repository) || matchesGlob(glob, id)))
  );
}
