import { isFileVariable, type ReadEnv } from "../ci/platform.ts";
import { MogplexError, UnauthorizedError, UsageError } from "../errors.ts";
import { addressAt, readAddress } from "./address.ts";
import { ForgeClient, type ForgeToken, type ForgeWorld } from "./client.ts";
import type { FileForge, Forge, ForgeJob, ForgeNotes, OfJob, OpenPull, TokenForge, TokenNeeds } from "./forge.ts";
import type { PullRequestAddress } from "./model.ts";
import { pullNeeds } from "./needs.ts";
import type { NotePlace } from "./note.ts";
import { type AskEvent, remembered, type ThreadPlace, type Threads } from "./threads.ts";

export interface TokenOptions {
  readonly forges: readonly FileForge[];
  readonly env: ReadEnv;
  readonly ciSystem: string;
  readonly hosts?: readonly string[] | undefined;
  tokenInstead?(variable: string): ForgeToken | undefined;
  /** A Mogplex token is never sent to a forge. */
  isMogplex(token: string): boolean;
}

export interface OpenOptions extends TokenOptions {
  readonly forges: readonly Forge[];
  readonly world: ForgeWorld;
  readFile(path: string): string;
}

export interface OpenForge {
  readonly threads: Threads;
  readonly token: string;
  readonly tokenPlace: string;
  repositoryId(): Promise<number>;
  event(): Promise<AskEvent>;
  notes(thread: ThreadPlace): NotePlace;
  needs(number: number, url: string | null): Promise<string | null>;
  mayLink(url: string): boolean;
  pullName(url: string): string | undefined;
  pullFrom(branch: string): Promise<number | null | undefined>;
  readonly workflowFolders?: readonly string[];
}

const ATTEMPTED = "access the forge";

export function forgeOfJob<F extends FileForge>(forges: readonly F[], ciSystem: string): OfJob<F> | undefined {
  return forges.find((forge): forge is OfJob<F> => forge.job?.ciSystems.includes(ciSystem) === true);
}

/** Names the forge after the product that runs the job, for messages: `Forgejo` instead of `Gitea`. */
export function namedBy<F extends FileForge>(forge: F, ciSystem: string): F {
  const system = forge.relatives?.find((name) => name.toLowerCase() === ciSystem);
  return system === undefined ? forge : { ...forge, system };
}

export function jobUser(
  forges: readonly FileForge[],
  env: ReadEnv,
  ciSystem: string,
): { host: string; name: string; id: number | null } | undefined {
  const job = forgeOfJob(forges, ciSystem)?.job;
  const host = job?.host(env);
  const name = job === undefined ? "" : env(job.user.name)?.trim() ?? "";
  if (job === undefined || !host || name === "") return undefined;
  const id = Number(job.user.id === null ? "" : env(job.user.id));
  return { host, name, id: Number.isSafeInteger(id) && id > 0 ? id : null };
}

export function openForge(options: OpenOptions, use: keyof TokenNeeds): OpenForge {
  const { forges, env, ciSystem } = options;
  const forge = forgeOfJob(forges, ciSystem);
  if (forge === undefined) {
    throw new UsageError({
      attempted: ATTEMPTED,
      why: ciSystem === "none" ? "this is not a CI job" : `${ciSystem} jobs do not run on a supported forge`,
      advice: `run the command in a job on ${forgeNamesText(forges.filter((each) => each.job !== undefined))}`,
    });
  }
  const { job } = forge;
  const { place: tokenPlace, token } = jobToken(options, forge, { attempted: ATTEMPTED, use });
  const place = job.place(env);
  const client = new ForgeClient(options.world, namedBy(forge, ciSystem), job.api(env), { token, place: tokenPlace });
  const { repository } = place;
  const addressOf = (number: number) => addressAt(forge.address, place.origin, repository, number);
  const threads = threadsOf(forge, client, place);
  const repositoryId = remembered(async () => (await threads.repository()).id);
  return {
    threads,
    token,
    tokenPlace,
    repositoryId,
    async event() {
      return await job.event(env, payloadOf(options, job), repositoryId);
    },
    notes: (thread) => notesOf(forge).open(client, repository, thread),
    needs: (number, url) => needsFor(options, { forge, client, address: addressOf(number) }, url),
    mayLink: (url) => mayLink(url, job, env),
    pullName: (url) => pullNameAt(url, job.pullsAt(env), forge),
    async pullFrom(branch) {
      const { name } = await threads.repository();
      const url = await forge.pulls.find(client, { repository: name, branch, since: 0 }).catch(() => undefined);
      return typeof url === "string" ? readAddress([forge.address], url)?.number : url;
    },
    workflowFolders: job.workflowFolders?.(ciSystem),
  };
}

/** `files`: to read files, a token needs the same permissions in and outside a job (`needs` of {@linkcode FileForge.files}). */
type TokenUse = keyof TokenNeeds | "files";

export interface JobNotePlace {
  readonly place: NotePlace;
  needs(url: string | null): Promise<string | null>;
  readonly forge: OfJob<Forge>;
  mayLink(url: string): boolean;
  pullName(url: string): string | undefined;
}

export function openJobNote(
  options: OpenOptions,
  { number, inputAdvice }: { number?: number | undefined; inputAdvice?: string | undefined },
): JobNotePlace | undefined {
  const { forges, env, ciSystem } = options;
  const forge = forgeOfJob(forges, ciSystem);
  if (forge === undefined) return undefined;
  const { job } = forge;
  const pull = number === undefined
    ? job.pull(env, () => payloadOf(options, job))
    : { repository: job.place(env).repository, number };
  if (pull === undefined) return undefined;
  const thread: ThreadPlace = { kind: "pull", number: pull.number };
  const notes = notesOf(forge);
  const attempted = `write a ${notes.noun} on ${notes.nameOf(thread)}`;
  const token = jobToken(options, forge, { attempted, use: "note", inputAdvice });
  const client = new ForgeClient(options.world, namedBy(forge, ciSystem), job.api(env), token);
  return {
    place: notes.open(client, pull.repository, thread),
    needs(url) {
      const address = addressAt(forge.address, job.place(env).origin, pull.repository, pull.number);
      return needsFor(options, { forge, client, address }, url);
    },
    forge,
    mayLink: (url) => mayLink(url, job, env),
    pullName: (url) => pullNameAt(url, job.pullsAt(env), forge),
  };
}

/** @param url Address of the run's pull request. Untrusted text: only a number is taken from it. */
async function needsFor(
  { env, world: { clock } }: OpenOptions,
  { forge, client, address }: OpenPull & { forge: OfJob<Forge> },
  url: string | null,
): Promise<string | null> {
  const { job } = forge;
  const { origin, repository } = address;
  const base = job.pullsAt(env);
  // In a pipeline of a fork, the note and the job are in different projects.
  const isHere = url === null || isPull(url, base) && job.place(env).repository === repository;
  if (!isHere) return null;
  const number = url === null ? address.number : Number(url.slice(base.length));
  const pull = { forge, client, address: addressAt(forge.address, origin, repository, number) };
  const needs = await pullNeeds(pull, clock);
  return needs === null ? null : `${shortName(forge, number)}: ${needs}`;
}

/**
 * On the job's host, a note may link only to pull requests of the job's repository. GitLab turns both a link and a bare address of a merge request
 * into a reference. Source: GitLab, "GitLab Flavored Markdown", references.
 */
function mayLink(url: string, job: ForgeJob, env: ReadEnv): boolean {
  return isPull(url, job.pullsAt(env)) || !job.linkHosts(env).includes(hostnameOf(url));
}

export function openForgeAt(options: OpenOptions, address: PullRequestAddress, use: keyof TokenNeeds): Threads {
  const { forge, client } = openAt(options, address, use);
  const { origin, repository } = address;
  return threadsOf(forge, client, { origin, repository });
}

export function openPull(
  options: OpenOptions,
  address: PullRequestAddress | number | undefined,
  use: keyof TokenNeeds,
): OpenPull | undefined {
  if (typeof address === "object") return { ...openAt(options, address, use), address };
  const { forges, env, world, ciSystem } = options;
  const forge = forgeOfJob(forges, ciSystem);
  if (forge === undefined) return undefined;
  const { job } = forge;
  const pull = address === undefined
    ? job.pull(env, () => payloadOf(options, job))
    : { repository: job.place(env).repository, number: address };
  if (pull === undefined) return undefined;
  const token = jobToken(options, forge, { attempted: ATTEMPTED, use });
  const { origin } = job.place(env);
  return {
    forge,
    client: new ForgeClient(world, namedBy(forge, ciSystem), job.api(env), token),
    address: addressAt(forge.address, origin, pull.repository, pull.number),
  };
}

function adviceOf({ files, job }: OfJob<FileForge>, use: TokenUse, isSet: boolean): string {
  const { needs, tokenLine, noteAdvice } = job;
  if (use === "note" && noteAdvice !== undefined) return noteAdvice;
  const put = isSet || tokenLine === undefined ? "put a token there" : `add "${tokenLine}" to the env of the step`;
  return `${put}, with ${use === "files" ? files?.needs : needs[use]}`;
}

function openAt(
  options: OpenOptions,
  { forge: name, host, origin }: PullRequestAddress,
  use: keyof TokenNeeds,
): Omit<OpenPull, "address"> {
  const { forges, env, world } = options;
  const forge = forges.find((each) => each.name === name);
  if (forge === undefined) throw new Error(`Cannot open an unknown forge: ${name}`);
  const token = tokenAt(options, forge, host, { use });
  if (token instanceof MogplexError) throw token;
  if (token === undefined) {
    const { variable } = forge;
    // The token in a variable must not be sent to any other host.
    const isForHost = forge.tokenHost(env) === host;
    throw new UnauthorizedError({
      attempted: ATTEMPTED,
      why: isForHost && env(variable)?.trim()
        ? `variable ${variable} does not contain a token for ${host}`
        : `there is no token for ${host}`,
      advice: isForHost
        ? `set ${variable}, or run the command in a job on that forge`
        : "run the command in a job on that server",
    });
  }
  return { forge, client: new ForgeClient(world, forge, forge.api(origin), token) };
}

function payloadOf({ env, readFile }: OpenOptions, job: ForgeJob): string {
  const source = job.payload(env);
  return "text" in source ? source.text : readFile(source.path);
}

function threadsOf(forge: Forge, client: ForgeClient, place: { origin: string; repository: string }): Threads {
  const threads = forge.threads?.(client, place);
  if (threads !== undefined) return threads;
  throw new UsageError({ attempted: ATTEMPTED, why: `mentions and follow-ups are not supported on ${forge.system}` });
}

function notesOf({ notes, system }: Forge): ForgeNotes {
  if (notes !== undefined) return notes;
  throw new UsageError({ attempted: "write a note", why: `notes are not supported on ${system}` });
}

const hostnameOf = (url: string) => new URL(url).hostname;

export function isPull(url: string, base: string): boolean {
  return base.startsWith("http") && url.toLowerCase().startsWith(base.toLowerCase()) &&
    /^[1-9]\d{0,8}$/.test(url.slice(base.length));
}

export function tokenAt(
  options: TokenOptions,
  forge: TokenForge,
  host: string,
  { all = options.forges, use }: { all?: readonly TokenForge[]; use: TokenUse },
): ForgeToken | MogplexError | undefined {
  const { forges, env, ciSystem, hosts } = options;
  const jobForge = forgeOfJob(forges, ciSystem);
  const isThere = jobForge === forge && jobForge.job.host(env) === host;
  const tokenOfJob = isThere ? tokenOrProblem(options, jobForge, use) : undefined;
  if (tokenOfJob !== undefined && !(tokenOfJob instanceof MogplexError)) return tokenOfJob;
  return resolveForgeAccess(all, env, hosts)?.tokenFor({ forge: forge.name, host }) ?? tokenOfJob;
}

export function pullNameAt(url: string, base: string, forge: Forge): string | undefined {
  return isPull(url, base) ? shortName(forge, Number(url.slice(base.length))) : undefined;
}

function shortName({ notes }: Forge, number: number): string | undefined {
  return notes?.nameOf({ kind: "pull", number }).split(" ").at(-1);
}

function tokenOrProblem(
  options: TokenOptions,
  forge: OfJob<FileForge>,
  use: TokenUse,
): ForgeToken | MogplexError {
  try {
    return jobToken(options, forge, { attempted: ATTEMPTED, use });
  } catch (error) {
    // Return the error, because another variable may contain a token for the host.
    if (!(error instanceof MogplexError)) throw error;
    return error;
  }
}

function jobToken(
  { env, tokenInstead, isMogplex }: TokenOptions,
  forge: OfJob<FileForge>,
  { attempted, use, inputAdvice }: { attempted: string; use: TokenUse; inputAdvice?: string | undefined },
): ForgeToken {
  const { system, job } = forge;
  const variable = job.tokenVariable(env);
  const instead = tokenInstead?.(variable);
  const text = instead?.token ?? env(variable);
  const advice = adviceOf(forge, use, text !== undefined);
  return checkToken(text, {
    ...{ attempted, system, isMogplex },
    advice: instead === undefined ? advice : inputAdvice ?? advice,
    place: instead?.place ?? `variable ${variable}`,
    variable: instead === undefined ? variable : undefined,
  });
}

export function forgeSecrets(
  { forges, env, tokenInstead }: Pick<TokenOptions, "forges" | "env" | "tokenInstead">,
): string[] {
  return forges.flatMap(({ job, variable }) => {
    const name = job?.secretVariable?.(env) ?? variable;
    return [env(name), tokenInstead?.(name)?.token];
  }).concat(mergeTokens(env).map((text) => env(text.split("=")[1]?.trim() ?? ""))).filter((token) =>
    token !== undefined
  );
}

interface TokenCheck {
  attempted: string;
  system: string;
  place: string;
  variable?: string | undefined;
  advice: string;
  isMogplex(token: string): boolean;
}

function checkToken(
  text: string | undefined,
  { attempted, system, place, variable, advice, isMogplex }: TokenCheck,
): ForgeToken {
  const token = text?.trim() ?? "";
  if (token === "") {
    throw new UnauthorizedError({ attempted, why: `${place} is ${text === undefined ? "not set" : "empty"}`, advice });
  }
  if (variable !== undefined && isFileVariable(variable, token)) {
    throw new UsageError({ attempted, why: `${place} is of type File`, advice: "change its type to Variable" });
  }
  if (isMogplex(token)) {
    throw new UsageError({ attempted, why: `${place} holds the Mogplex token, which is not sent to ${system}` });
  }
  // An HTTP header cannot contain any other characters.
  if (/^[\x21-\x7e]+$/.test(token) && !token.startsWith("$")) return { token, place };
  throw new UnauthorizedError({ attempted, why: `the value of ${place} is not a valid token` });
}

// A token is sent only to the server of its forge, or to the host for which the user has chosen it.

export interface ForgeAccess {
  readonly tokens: ReadonlyMap<string, ForgeToken>;
  tokenFor(address: Pick<PullRequestAddress, "forge" | "host">): ForgeToken | undefined;
  /** The host of the only token. `undefined` if there are several tokens, or if the user has named a host. */
  readonly only: { forge: string; host: string } | undefined;
}

export function forgeNamesText(forges: readonly FileForge[]): string {
  return forges.flatMap(({ system, relatives = [] }) => [system, ...relatives]).join(", ").replace(
    /, ([^,]*)$/,
    " or $1",
  );
}

export function forgeTokensText(forges: readonly FileForge[]): string {
  const [open, own] = [true, false].map((isOpen) =>
    forges.filter(({ publicHost }) => (publicHost !== undefined) === isOpen)
  ) as [FileForge[], FileForge[]];
  const others = own.map(({ system, variable }) => `for ${system} ${variable} and --forge-host HOST`);
  return [open.map(({ variable }) => variable).join(" or "), ...others].join(", or ");
}

export function resolveForgeAccess(
  forges: readonly TokenForge[],
  env: ReadEnv,
  hosts: readonly string[] = [],
): ForgeAccess | undefined {
  const named = new Map(hosts.map((text) => tokenOfHost(forges, env, text)));
  const usual = new Map<string, { forge: string; host: string; token: ForgeToken }>();
  for (const forge of forges) {
    const { name, variable } = forge;
    const token = usable(env, variable);
    const host = token === undefined ? undefined : forge.tokenHost(env);
    if (token === undefined || host === undefined || named.has(host)) continue;
    usual.set(host, { forge: name, host, token: { token, place: `variable ${variable}` } });
  }
  if (named.size + usual.size === 0) return undefined;
  const [first] = usual.values();
  return {
    tokens: new Map([...[...usual].map(([host, { token }]) => [host, token] as const), ...named]),
    tokenFor({ forge, host }) {
      const place = usual.get(host);
      return named.get(host) ?? (place?.forge === forge ? place.token : undefined);
    },
    only: named.size === 0 && usual.size === 1 && first !== undefined
      ? { forge: first.forge, host: first.host }
      : undefined,
  };
}

export const MERGE_TOKEN_VARIABLE = "MOGPLEX_MERGE_TOKEN_VARIABLE";

function mergeTokens(env: ReadEnv): string[] {
  return (env(MERGE_TOKEN_VARIABLE) ?? "").split(",").map((text) => text.trim()).filter((text) => text !== "");
}

/** @param needsNamed Whether a job or a wave merges. Only a person may merge with the tokens for reading. */
export function resolveMergeAccess(
  forges: readonly TokenForge[],
  env: ReadEnv,
  hosts: readonly string[],
  needsNamed: boolean,
): ForgeAccess | undefined {
  const named = mergeTokens(env);
  const readers = resolveForgeAccess(forges, env, hosts);
  if (named.length === 0) return needsNamed ? undefined : readers;
  const tokens = new Map<string, ForgeToken>();
  for (const text of named) {
    const [host, token] = mergeTokenOf(env, text);
    const attempted = `use ${MERGE_TOKEN_VARIABLE}`;
    if (tokens.has(host)) {
      throw new UsageError({ attempted, why: "a host is listed twice", value: JSON.stringify(host) });
    }
    const [other] = [...tokens].find(([, each]) => each.token === token.token) ?? [];
    if (other !== undefined) {
      const why = `the token in ${token.place} is used for both ${other} and ${host}`;
      throw new UsageError({ attempted, why, advice: "give each host its own token" });
    }
    tokens.set(host, token);
  }
  for (const { token, place } of tokens.values()) {
    const [host] = [...readers?.tokens ?? []].find(([, reader]) => reader.token === token) ?? [];
    if (host === undefined) continue;
    throw new UsageError({
      attempted: `use ${MERGE_TOKEN_VARIABLE}`,
      why: `the token in ${place} is also used to read ${host}`,
      advice: "use a separate token for merges",
    });
  }
  return { tokens, tokenFor: ({ host }) => tokens.get(host), only: undefined };
}

function mergeTokenOf(env: ReadEnv, text: string): [host: string, token: ForgeToken] {
  const attempted = `use ${MERGE_TOKEN_VARIABLE}`;
  const { host, variable } = parseHost(text, attempted);
  if (variable === undefined) {
    const advice = `write ${host}=VARIABLE, where VARIABLE is the name of the variable that holds the token`;
    throw new UsageError({ attempted, why: "a host has no variable", value: JSON.stringify(host), advice });
  }
  const token = usable(env, variable);
  if (token !== undefined) return [host, { token, place: `variable ${variable}` }];
  throw new UsageError({ attempted, why: `there is no token in ${variable}`, advice: "set the variable" });
}

function tokenOfHost(forges: readonly TokenForge[], env: ReadEnv, text: string): [host: string, token: ForgeToken] {
  const { host, variable } = parseHost(text);
  const names = variable === undefined ? forges.map((forge) => forge.variable) : [variable];
  const tokens = names.flatMap((name) => {
    const token = usable(env, name);
    return token === undefined ? [] : [{ name, token }];
  });
  const [only, other] = tokens;
  if (only === undefined) {
    throw refuse(text, `there is no token in ${names.join(" or ")}`, "set the variable, or leave out the flag");
  }
  if (other !== undefined) {
    throw refuse(
      text,
      `${tokens.map(({ name }) => name).join(" and ")} are set, but only one token can be used for a host`,
      `specify the variable: ${tokens.map(({ name }) => `${host}=${name}`).join(" or ")}`,
    );
  }
  return [host, { token: only.token, place: `variable ${only.name}` }];
}

export function hostIn(text: string): string {
  return text.split("=")[0]?.trim().toLowerCase() ?? "";
}

function parseHost(text: string, attempted?: string): { host: string; variable: string | undefined } {
  const [, host = "", variable] = /^([^=]*)(?:=(.*))?$/s.exec(text.trim()) ?? [];
  const form = "give the host of a forge, as in git.example.com or git.example.com=VARIABLE_WITH_ITS_TOKEN";
  if (
    !/^[A-Za-z0-9.-]+(?::\d{1,5})?$|^\[[0-9A-Fa-f:]+\](?::\d{1,5})?$/.test(host) || !URL.canParse(`https://${host}`)
  ) {
    throw refuse(text, "the value is not a host", form, attempted);
  }
  if (variable !== undefined && !/^[A-Za-z_]\w*$/.test(variable)) {
    // Do not quote the text after "=": users sometimes paste the token itself there.
    throw refuse(`${host}=…`, "the text after = is not the name of a variable", form, attempted);
  }
  return { host: new URL(`https://${host}`).host, variable };
}

function refuse(text: string, why: string, advice: string, attempted = "use --forge-host"): UsageError {
  return new UsageError({ attempted, why, value: JSON.stringify(text.slice(0, 200)), advice });
}

function usable(env: ReadEnv, name: string): string | undefined {
  const value = env(name)?.trim() ?? "";
  const isToken = /^[\x21-\x7e]+$/.test(value) && !value.startsWith("$") && !isFileVariable(name, value);
  return isToken && value !== env("MOGPLEX_API_KEY")?.trim() ? value : undefined;
}
