import type { Check } from "../../check.ts";
import { UsageError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import { readAddress, readPullNumber } from "../../forge/address.ts";
import { ALL_FORGES } from "../../forge/all.ts";
import { checkGate } from "../../forge/check_gate.ts";
import { runGate } from "../../forge/gate.ts";
import type { OpenPull } from "../../forge/forge.ts";
import type { PullRequestAddress } from "../../forge/model.ts";
import { openForge, openForgeAt, openPull } from "../../forge/open.ts";
import { noteWaits, openOptions } from "../job/open_forge.ts";
import { maskToken } from "../context.ts";
import { commandError } from "../log/writer.ts";
import { JSON_LINES, wholeNumber } from "../options.ts";
import type { Context, Option, Verb, VerbFlag } from "../verb.ts";

const APPROVALS: Option<number> = {
  name: "approvals",
  value: "NUMBER",
  help: "Minimum number of approvals, 1 to 20. If the target branch requires more, that number applies.",
  parse: wholeNumber(1, 20),
};
export const PULL_REQUEST: VerbFlag = {
  name: "pull-request",
  value: "URL|NUMBER",
  help: "The pull request to check. Default: the pull request of the job.",
};
const AUTHOR: VerbFlag = {
  name: "author",
  value: "NAME",
  help: "Require approvals only for pull requests by this user or bot. Default: all.",
};
const REQUESTER: VerbFlag = {
  name: "requester",
  value: "NAME",
  multiple: true,
  help: "A user who asked for the work: their approval does not count.",
};
const NOT_PEOPLE: VerbFlag = {
  name: "not-people",
  value: "NAME",
  multiple: true,
  help: "A bot that looks like a person to the forge: its approval does not count.",
};
const STATUS: VerbFlag = {
  name: "status",
  help: "Set the commit status `mogplex/gate`: `success`, or `pending` while approvals are missing.",
};

function pullAddress({ flags, forges }: Context): PullRequestAddress | number | undefined {
  const url = flags.get(PULL_REQUEST);
  if (url === undefined) return undefined;
  const address = readPullNumber(url) ?? readAddress(forges.map((forge) => forge.address), url);
  if (address !== undefined) return address;
  throw new UsageError({
    attempted: "use --pull-request",
    why: "it must be the address of a pull request, or its number in the job's repository",
    value: JSON.stringify(url),
  });
}

export function checkGateOf(context: Context): Promise<Check[]> {
  // The Mogplex token must not be sent to a forge.
  maskToken(context);
  const options = openOptions(context, noteWaits(context));
  return checkGate({
    isThere: context.platform.isCi || context.flags.get(PULL_REQUEST) !== undefined,
    open() {
      const address = pullAddress(context);
      return typeof address === "object" ? openForgeAt(options, address, "gate") : openForge(options, "gate").threads;
    },
    async judge() {
      const pull = openPull(options, pullAddress(context), "gate");
      return pull && await runGate(pull, { approvals: 1, requesters: [], notPeople: [] }, false);
    },
  });
}

function open(context: Context): OpenPull {
  context.guard();
  // The Mogplex token must not be sent to a forge.
  maskToken(context);
  const address = pullAddress(context);
  const options = openOptions(context, noteWaits(context));
  const pull = openPull(options, address, context.flags.has(STATUS) ? "status" : "gate");
  if (pull !== undefined) return pull;
  throw new UsageError({
    attempted: "find the pull request",
    why: address === undefined
      ? "this job has no pull request"
      : "a number identifies a pull request only in a job on its forge",
    advice: "give --pull-request URL",
  });
}

/** Names as a forge shows them. A variable without a value adds no name. */
function namesOf(texts: readonly string[]): string[] {
  return texts.map((text) => text.trim().replace(/^@/, "")).filter((name) => name !== "");
}

async function gate(context: Context): Promise<number> {
  try {
    return await judge(context);
  } catch (error) {
    if (!context.flags.has(JSON_LINES)) commandError(context, "The Mogplex gate could not check the approvals", error);
    throw error;
  }
}

async function judge(context: Context): Promise<number> {
  const { flags, option, writer } = context;
  const approvals = option(APPROVALS);
  if (approvals === undefined) {
    throw new UsageError({ attempted: "check approvals", why: "--approvals is missing", advice: "give --approvals 1" });
  }
  const pull = open(context);
  const rules = {
    approvals,
    author: flags.get(AUTHOR),
    requesters: namesOf(flags.all(REQUESTER)),
    notPeople: namesOf(flags.all(NOT_PEOPLE)),
  };
  const { url, state, isOpen, text, isSet } = await runGate(pull, rules, flags.has(STATUS));
  if (flags.has(JSON_LINES)) {
    writer.json(writer.clean({ pullRequest: url, state, open: isOpen, reason: text, statusSet: isSet }));
  } else writer.out(writer.untrusted(`${url}: ${text}`));
  return isOpen ? EXIT.success : EXIT.failed;
}

export const gateVerb: Verb = {
  name: "gate",
  summary: "Check whether people have approved the newest commit of a pull request",
  remark:
    "It ignores approvals by the requester, the author, authors and pushers of commits, the token's user, and bots. " +
    `The forge's token is in ${ALL_FORGES.map(({ variable }) => variable).join(", ")}; no Mogplex token is needed.`,
  group: "toolkit",
  flags: [APPROVALS, PULL_REQUEST, AUTHOR, REQUESTER, NOT_PEOPLE, STATUS, JSON_LINES],
  variables: ["MOGPLEX_NOTE_TOKEN_VARIABLE"],
  codes: ["success", "failed", "usage", "unauthorized", "forbidden", "unavailable", "internal"],
  meanings: {
    success: "enough people have approved the pull request, or it is no longer open or not by the --author",
    failed:
      "approvals are missing, somebody requests changes, another pull request has the same commit, or the forge does not show enough to decide",
    usage:
      "usage error; the job has no pull request; a rule of the target would accept this status in place of another check",
    unauthorized: "there is no token, or the forge refuses it",
    forbidden: "the token lacks a permission",
    unavailable: "the forge cannot be reached, or the pull request does not exist or is hidden from the token",
  },
  examples: [
    "mogplex-ci gate --approvals 1",
    'mogplex-ci gate --approvals 1 --status --pull-request "$URL"',
  ],
  run: gate,
};
