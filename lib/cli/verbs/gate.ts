/**
 * `gate`: whether people have approved the newest commit of a pull request, as an exit code or a commit status.
 * @module
 */
import { MogplexError, UsageError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import { readAddress } from "../../forge/address.ts";
import { runGate } from "../../forge/gate.ts";
import type { OpenPull } from "../../forge/forge.ts";
import { openPull } from "../../forge/open.ts";
import { openOptions } from "../job/open_forge.ts";
import { JSON_LINES, wholeNumber } from "../options.ts";
import type { Context, Option, Verb, VerbFlag } from "../verb.ts";

const APPROVALS: Option<number> = {
  name: "approvals",
  value: "NUMBER",
  help: "Approvals that are needed, at least: 1 to 20. More if the forge shows that the target requires more.",
  parse: wholeNumber(1, 20),
};
const PULL_REQUEST: VerbFlag = {
  name: "pull-request",
  value: "URL",
  help: "The pull request. Default: that of the job.",
};
const AUTHOR: VerbFlag = {
  name: "author",
  value: "NAME",
  help: "Only pull requests that this user or program has opened need approvals. Default: all.",
};
const REQUESTER: VerbFlag = {
  name: "requester",
  value: "NAME",
  multiple: true,
  help: "Who asked for the work: their approval does not count.",
};
const NOT_PEOPLE: VerbFlag = {
  name: "not-people",
  value: "NAME",
  multiple: true,
  help: "A program that looks like a person to the forge: its approval does not count.",
};
const STATUS: VerbFlag = {
  name: "status",
  help: "Set the commit status `mogplex/gate`: `success`, or `pending` while approvals are missing.",
};

function open(context: Context): OpenPull {
  context.guard();
  try {
    // This resolves the token of Mogplex, which must not go to a forge. The gate does not need one.
    context.connection();
  } catch (error) {
    if (!(error instanceof MogplexError)) throw error;
  }
  const url = context.flags.get(PULL_REQUEST);
  const address = url === undefined ? undefined : readAddress(context.forges.map((forge) => forge.address), url);
  if (url !== undefined && address === undefined) {
    throw new UsageError({
      attempted: "use --pull-request",
      why: "it must be the address of a pull request",
      value: JSON.stringify(url),
    });
  }
  const pull = openPull(openOptions(context), address);
  if (pull !== undefined) return pull;
  throw new UsageError({
    attempted: "find the pull request",
    why: "this is not a job of one",
    advice: "name it: --pull-request URL",
  });
}

/** Names as a forge shows them. A variable without a value names nobody. */
function namesOf(texts: readonly string[]): string[] {
  return texts.map((text) => text.trim().replace(/^@/, "")).filter((name) => name !== "");
}

async function gate(context: Context): Promise<number> {
  const { flags, option, writer } = context;
  const approvals = option(APPROVALS);
  if (approvals === undefined) {
    throw new UsageError({ attempted: "judge approvals", why: "--approvals is missing", advice: "give --approvals 1" });
  }
  const pull = open(context);
  const rules = {
    approvals,
    author: flags.get(AUTHOR),
    requesters: namesOf(flags.all(REQUESTER)),
    notPeople: namesOf(flags.all(NOT_PEOPLE)),
  };
  const { url, isOpen, text, isSet } = await runGate(pull, rules, flags.has(STATUS));
  if (flags.has(JSON_LINES)) {
    writer.json(writer.clean({ pullRequest: url, open: isOpen, reason: text, statusSet: isSet }));
  } else writer.out(writer.untrusted(`${url}: ${text}`));
  return isOpen ? EXIT.success : EXIT.failed;
}

export const gateVerb: Verb = {
  name: "gate",
  usage: "",
  maxPositionals: 0,
  summary: "Check whether people have approved the newest commit of a pull request",
  remark:
    "Who asked for the work, its author, writers of its commits, the user of the token and programs do not count.",
  group: "toolkit",
  flags: [APPROVALS, PULL_REQUEST, AUTHOR, REQUESTER, NOT_PEOPLE, STATUS, JSON_LINES],
  variables: ["MOGPLEX_NOTE_TOKEN_VARIABLE"],
  codes: ["success", "failed", "usage", "unauthorized", "forbidden", "unavailable", "internal"],
  meanings: {
    success: "enough people have approved it, or it is not open any more",
    failed: "approvals are missing, somebody requests changes, or the forge shows too little",
    usage: "usage error; not a job of a pull request; a rule of the target would take the status for any check",
    unauthorized: "the forge refuses the token",
    forbidden: "the token lacks a right",
    unavailable: "the forge cannot be asked, or does not show the pull request",
  },
  examples: [
    "mogplex-ci gate --approvals 1",
    'mogplex-ci gate --approvals 1 --status --pull-request "$URL"',
  ],
  run: gate,
};
