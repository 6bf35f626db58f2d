/**
 * Nothing is sent, started or written.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import type { ReadEnv } from "../../ci/platform.ts";
import type { Forge, OfJob } from "../../forge/forge.ts";
import { forgeOfJob, namedBy } from "../../forge/open.ts";
import {
  type Association,
  ASSOCIATIONS,
  assumedEvent,
  assumedLabel,
  type AssumedPlace,
  assumedText,
  assumptionsOf,
} from "../../respond/assumed.ts";
import type { RespondJob } from "../../respond/job.ts";
import { failedHeadlines, rehearse } from "../../respond/rehearsal.ts";
import { valueOr } from "../../lookup.ts";
import { repoName } from "../../service/repository.ts";
import { own } from "../../text/safe_line.ts";
import { MAX_EVENT } from "../job/open_forge.ts";
import { hostOf, remotesOf } from "../job/origin.ts";
import { ALLOW_USERS, MENTION_LABEL, oneOf, REPO } from "../options.ts";
import { type JobVariables, MENTION_WORD, variableOf } from "../settings.ts";
import { RECIPES, respondRecipe } from "../setup/recipes.ts";
import type { Context, Option, VerbFlag } from "../verb.ts";

export const DRY_RUN: VerbFlag = {
  name: "dry-run",
  help: "Print decision, prompt and note for --text, --label or --event; send, start and write nothing",
  heading: "Dry run",
  flagForText: "text",
};
const TEXT: Option<string> = {
  name: "text",
  value: "TEXT",
  help: "Text of the comment, - for standard input; assumes issue 1 and a user who can push",
  heading: "Dry run",
  parse: (text) => text,
};
const EVENT: Option<string> = {
  name: "event",
  value: "FILE",
  help: "The event of a webhook as JSON, instead of --text",
  heading: "Dry run",
  parse: (text) => text,
};
const PULL_REQUEST: VerbFlag = {
  name: "pull-request",
  help: "Assume a pull request (with --text or --label)",
  heading: "Dry run",
};
const FORK: VerbFlag = {
  name: "fork",
  help: "Assume a pull request from a fork (with --text or --label)",
  heading: "Dry run",
};
const AS: Option<string> = {
  name: "as",
  value: "NAME",
  help: "The user who makes the request",
  heading: "Dry run",
  parse: (text) => text.replace(/^@/, ""),
};
const ASSOCIATION: Option<Association> = {
  name: "association",
  value: "WORD",
  help: `Relation of that user to the repository: ${ASSOCIATIONS.join(", ")}; the first three can push`,
  heading: "Dry run",
  parse: oneOf(ASSOCIATIONS),
};

export const REHEARSAL: readonly VerbFlag[] = [DRY_RUN, TEXT, EVENT, PULL_REQUEST, FORK, AS, ASSOCIATION];

const ATTEMPTED = "make a dry run";

export function refuseRehearsalFlags({ flags }: Context): void {
  const flag = REHEARSAL.find((each) => flags.has(each) || flags.get(each) !== undefined);
  if (flag === undefined) return;
  const advice = "add --dry-run, or leave out the flag";
  throw new UsageError({ attempted: "respond", why: `--${flag.name} works only in a dry run`, advice });
}

export async function rehearseMention(
  context: Context,
  readJob: (job: JobVariables) => Pick<RespondJob, "settings" | "request" | "showsTask" | "setsStatus">,
): Promise<number> {
  const { io, clock, option, platform, writer } = context;
  const assumed = await readAssumed(context);
  const job = readJob(assumed.isForgeKnown ? assumed.forge.job ?? {} : {});
  const jobSettings = ofJob(context, job.settings);
  const settings = {
    ...assumed.isAskerKnown ? jobSettings : withoutNumber(jobSettings, assumed.asker.name),
    isPublic: assumed.isPublic === true,
  };
  const say = (...lines: readonly string[]) => {
    for (const line of lines) {
      const indent = /^ */.exec(line)?.[0].length ?? 0;
      writer.out(...writer.broken("stdout", writer.untrustedLines(line), indent));
    }
  };
  const quote = (head: string, text: string) => say("", head, ...text.split("\n").map((line) => `  ${line}`.trimEnd()));
  say("Dry run: nothing is sent, started or written. Assumed:");
  say(...assumptionsOf(assumed).map((each) => `  ${each}`));
  if (assumed.event.kind === "ask" && assumed.comment === null && option(EVENT) === undefined) {
    say(`  The label of the job is ${JSON.stringify(settings.label)}. To change it, set ${MENTION_LABEL.variable}.`);
    if (assumed.thread.pull !== null && assumed.forge.job?.missesPullLabels === true) {
      say(
        `  On ${assumed.forge.system}, a label on a pull request starts no job, unless you add \`pull_request_target\` to the ` +
          "workflow. The run waits for the next scheduled check. With `--schedule none`, it never starts.",
      );
    }
  }
  if (assumed.isRightDefault && settings.allowUsers === null) {
    say(`  If ${assumed.asker.name} cannot push, add --association none.`);
  }
  if (settings.allowUsers === null && context.variables(ALLOW_USERS.variable) !== undefined) {
    say(
      `  ${ALLOW_USERS.variable} is empty here. Assumed: not set. If it is empty on the forge, the job fails and nothing starts.`,
    );
  }
  if (settings.allowUsers !== job.settings.allowUsers) {
    const number = numberOf(job.settings, assumed.asker.name);
    const list = job.settings.userLists.find(({ users }) => numberIn(users, assumed.asker.name) === number);
    say(`  ${assumed.asker.name} is account ${number}, as ${list?.from} requires.`);
  }
  const rehearsed = { ...job, settings, io, clock, platform, writer };
  const { exitCode, request, notes, log, pullNoun } = await rehearse(rehearsed, assumed);
  const where = request?.workingBranch === undefined
    ? `on a new branch, with a ${pullNoun} if the agent changes something`
    : `on the branch ${request.workingBranch}`;
  say("", request === null ? "Decision: no run would start" : `Decision: a run would start ${where}`);
  writer.out(...writer.broken("stdout", log.map((line) => own`  ${line}`), 2));
  if (request !== null) quote("Prompt:", request.prompt);
  const [first, last] = [notes[0], notes.at(-1)];
  if (first === undefined) say("", "No note would be written.");
  else quote(request === null ? "Note:" : "Note at the start:", first);
  if (request === null || last === undefined) return exitCode;
  quote("Note at the end, if the run succeeds:", last);
  const answered = await rehearse(rehearsed, assumed, "answer");
  quote("Note at the end, if the agent only answers and changes nothing:", answered.notes.at(-1) ?? "");
  quote("First line of the note, if the run does not succeed:", (await failedHeadlines(rehearsed, assumed)).join("\n"));
  return exitCode;
}

/** Without an event, the flag for the label is not a setting of the job. The flag then names the label that a user adds in the rehearsal. */
function ofJob({ option, variables }: Context, settings: RespondJob["settings"]): RespondJob["settings"] {
  if (option(EVENT) !== undefined) return settings;
  return { ...settings, label: variableOf(variables, MENTION_LABEL) ?? MENTION_WORD };
}

/** Without an event, a rehearsal only knows the name of an account, so an id after that name is not compared. */
function withoutNumber(settings: RespondJob["settings"], name: string): RespondJob["settings"] {
  if (settings.allowUsers === null || numberOf(settings, name) === undefined) return settings;
  return { ...settings, allowUsers: [...settings.allowUsers, name.toLowerCase()] };
}

function numberOf({ allowUsers }: RespondJob["settings"], name: string): string | undefined {
  return numberIn(allowUsers ?? [], name);
}

function numberIn(users: readonly string[], name: string): string | undefined {
  const start = `${name.toLowerCase()}=`;
  return users.find((each) => each.startsWith(start))?.slice(start.length);
}

async function readAssumed(context: Context) {
  const { io, option, flags, forges, clock } = context;
  const [argument, path] = [option(TEXT), option(EVENT)];
  const wishes = {
    place: placeOf(context),
    name: option(AS),
    association: option(ASSOCIATION),
    isForeign: flags.has(FORK),
    nowMs: clock.wallTime(),
  };
  const isPull = flags.has(PULL_REQUEST) || flags.has(FORK);
  const label = flags.get(MENTION_LABEL) === undefined ? undefined : option(MENTION_LABEL);
  const other = path !== undefined ? EVENT.name : label !== undefined ? MENTION_LABEL.name : undefined;
  if (argument !== undefined && other !== undefined) {
    throw new UsageError({ attempted: ATTEMPTED, why: `--text and --${other} cannot be used together` });
  }
  if (path !== undefined) {
    const flag = [PULL_REQUEST, FORK].find((each) => flags.has(each));
    if (flag !== undefined) {
      const advice = `leave out --${flag.name}`;
      throw new UsageError({
        attempted: ATTEMPTED,
        why: "the file in --event already identifies the issue or pull request",
        advice,
      });
    }
    const event = io.readFile(path, MAX_EVENT, "follow", "replace");
    if (event !== undefined) return await assumedEvent(event, forges, wishes);
    throw new UsageError({ attempted: ATTEMPTED, why: "there is no such file", value: JSON.stringify(path) });
  }
  const text = argument === "-" ? await io.readStdin() : argument;
  if (text !== undefined) return assumedText(text, isPull, wishes);
  if (label !== undefined) return assumedLabel(label, isPull, wishes);
  throw new UsageError({
    attempted: ATTEMPTED,
    why: "there is no comment, label or event",
    advice: 'give --text "@mogplex <task>", --label mogplex or --event FILE',
  });
}

/**
 * The forge and the repository of the job. Outside a job, they come from the file that `init --respond` wrote into this folder, and from the remote
 * `origin`. `--repo` overrides the repository.
 */
function placeOf(context: Context): AssumedPlace {
  const { option, forges, platform, io } = context;
  const wanted = option(REPO);
  const ofJob = forgeOfJob(forges, platform.name);
  const system = ofJob === undefined ? writtenSystem(context) : platform.name;
  const folder = addressPlace(forges, remotesOf(context).get("origin"), system);
  const here = ofJob === undefined ? folder : jobPlace(namedBy(ofJob, platform.name), io.env) ?? folder;
  if (wanted === undefined) return here;
  const named = addressPlace(forges, wanted);
  const isNamed = named.isForgeKnown || !here.isForgeKnown && named.origin !== undefined;
  return { ...isNamed ? named : here, repository: repoName(wanted) };
}

function writtenSystem({ forges, io }: Context): string | undefined {
  const isJob = (path: string) =>
    /\brespond\b/.test(valueOr(() => io.readFile(path, MAX_EVENT, "refuse", "replace"), undefined) ?? "");
  const systems = [...RECIPES].flatMap(([system, recipe]) => {
    const { file = "", beside = "" } = respondRecipe(recipe) ?? {};
    return [file, beside].some((path) => path !== "" && isJob(path)) ? [system] : [];
  });
  const ofSystems = new Set(systems.map((system) => forgeOfJob(forges, system)));
  return ofSystems.size === 1 ? systems[0] : undefined;
}

/** A rehearsal outside CI may set only a few of these variables. */
function jobPlace(forge: OfJob<Forge>, env: ReadEnv): AssumedPlace | undefined {
  const { address, job } = forge;
  try {
    const { origin, pathname } = new URL(`${job.pullsAt(env)}1`);
    const repository = address.path.exec(pathname)?.[1];
    return repository === undefined ? undefined : { forge, isForgeKnown: true, origin, repository };
  } catch {
    return undefined;
  }
}

/**
 * @param address Address of a repository, or a name, which has no host.
 * @param system The CI system of the forge, if the host does not show it.
 */
function addressPlace(forges: readonly Forge[], address = "", system?: string): AssumedPlace {
  const host = hostOf(address);
  const parts = host?.split(".") ?? [];
  const systemOfHost = forges.flatMap(({ job }) => job?.ciSystems ?? []).find((name) => parts.includes(name));
  const ofHost = forges.find(({ publicHost }) => host !== undefined && publicHost === host) ??
    forgeOfJob(forges, systemOfHost ?? "");
  const match = system === undefined ? ofHost : forgeOfJob(forges, system);
  const model = match ?? forges.find(({ publicHost }) => publicHost !== undefined);
  if (model === undefined) throw new UsageError({ attempted: ATTEMPTED, why: "no forge is known" });
  const place = { forge: namedBy(model, system ?? systemOfHost ?? ""), isForgeKnown: match !== undefined };
  const isUsed = host !== undefined && (ofHost ?? model) === model;
  if (!isUsed) return { ...place, origin: undefined, repository: undefined };
  return { ...place, origin: `https://${host}`, repository: repoName(address) };
}
