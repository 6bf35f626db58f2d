/**
 * The differences between forges: one record of parts for each. A part that a forge lacks is absent, and the verb that needs the part reports its
 * absence.
 * @module
 */
import type { ReadEnv } from "../ci/platform.ts";
import type { TreeReader } from "../git/tree.ts";
import type { AddressForm } from "./address.ts";
import type { ClientPlace, ForgeClient } from "./client.ts";
import type { Findings, FindingsOf } from "./findings.ts";
import type { ForgeMerging } from "./merging.ts";
import type { PullRequestAddress, PullRequestOutcome } from "./model.ts";
import type { NotePlace } from "./note.ts";
import type { ForgeStatuses } from "./statuses.ts";
import type { AskEvent, ThreadPlace, Threads } from "./threads.ts";
import type { ForgeWrites } from "./writes.ts";

/**
 * The part of a forge that every program needs: its addresses, its token, its jobs and its files. Each program gets only the parts that it
 * uses, because a bundler can only leave out whole records.
 */
export interface FileForge extends ClientPlace {
  /** Name in records and keys: `github`. */
  readonly name: string;
  /** Other forges with the same API, for messages. */
  readonly relatives?: readonly string[];
  /** Public host of the forge, such as github.com; absent if there is none. */
  readonly publicHost?: string;
  readonly variable: string;
  /**
   * The host for the token in {@linkcode FileForge.variable}. In a job of the forge, this is the forge's server, otherwise the public host. Undefined
   * if there is none.
   */
  tokenHost(env: ReadEnv): string | undefined;
  readonly address: AddressForm;
  /** Base address of the API, without a trailing slash. @param origin Scheme, host and port of the server. */
  api(origin: string): string;
  readonly files?: ForgeFiles;
  /** Jobs of the forge's own CI system; absent if no job can detect that it runs on such a forge. */
  readonly job?: ForgeJob;
}

export interface Forge extends FileForge {
  readonly pulls: ForgePulls;
  /** Opens the issues and pull requests of a repository, for mentions and follow-ups. */
  threads?(client: ForgeClient, place: RepositoryPlace): Threads;
  readonly notes?: ForgeNotes;
  /**
   * What is read before a merge. Like the next two parts, it is absent from forges where nothing can be merged, and from programs that merge nothing.
   */
  readonly merging?: ForgeMerging;
  readonly statuses?: ForgeStatuses;
  readonly writes?: ForgeWrites;
}

export type TokenForge = Pick<FileForge, "name" | "variable" | "tokenHost" | "publicHost">;

export type OfJob<F extends FileForge> = F & { readonly job: ForgeJob };

export interface OpenPull {
  readonly forge: Forge;
  readonly client: ForgeClient;
  readonly address: PullRequestAddress;
}

export interface RepositoryPlace {
  readonly origin: string;
  /** `owner/name`, with all groups; on GitLab the project id works as well. */
  readonly repository: string;
}

export interface WantedBranch {
  /** `owner/name`, with all groups. */
  readonly repository: string;
  readonly branch: string;
  /** Ignores older pull requests; milliseconds since 1970. */
  readonly since: number;
}

export interface ForgePulls {
  /** Maximum number of pull requests for one call of `read`. */
  readonly largest: number;
  /** Reads at most {@linkcode ForgePulls.largest}. @returns An outcome for each pull request, in their order. @throws the errors of the client. */
  read(client: ForgeClient, batch: readonly PullRequestAddress[]): Promise<PullRequestOutcome[]>;
  /**
   * Finds the newest pull request from a branch of the repository itself.
   * @returns Its address; null if the branch has none; undefined if the forge does not show it.
   * @throws the errors of the client.
   */
  find(client: ForgeClient, wanted: WantedBranch): Promise<string | null | undefined>;
  /** Reads the failed checks or the open remarks. @throws the errors of the client. */
  findings(client: ForgeClient, address: PullRequestAddress, of: FindingsOf): Promise<Findings>;
}

export interface ForgeFiles {
  /** What a token must have to read files: `the permission "contents: read"`. */
  readonly needs: string;
  /** @param repository See {@linkcode RepositoryPlace}. */
  open(client: ForgeClient, repository: string): TreeReader;
}

export interface ForgeNotes {
  /** The forge's word for a note: `note`. */
  readonly noun: string;
  /** For messages: `merge request !7`. */
  nameOf(thread: ThreadPlace): string;
  /** @param repository See {@linkcode RepositoryPlace}. */
  open(client: ForgeClient, repository: string, thread: ThreadPlace): NotePlace;
}

/** Rights that the token of a job needs, as clauses: `the scopes read:user and write:issue`. This is the only source for messages and documents. */
export interface TokenNeeds {
  readonly respond: string;
  /** The note of a job on its pull request. */
  readonly note: string;
  /** For `gate` without `--status`. */
  readonly gate: string;
  /** For `gate --status`. */
  readonly status: string;
}

/** A job that runs on the forge, according to its environment. */
export interface ForgeJob {
  readonly ciSystems: readonly string[];
  /** Host of the server that runs the job; undefined if the environment names none, or a server of another kind. */
  host(env: ReadEnv): string | undefined;
  /** Variable with the token of the job's forge. @throws {UsageError} if our setting that names the variable is wrong. */
  tokenVariable(env: ReadEnv): string;
  /** The same variable for masking, unchecked; absent if it is the variable of the forge. */
  secretVariable?(env: ReadEnv): string;
  /** User name and variable of a token that only Git accepts; absent without such a token. */
  readonly git?: { readonly username: string; readonly variable: string };
  readonly needs: TokenNeeds;
  /** Workflows pass an unset variable as an empty one. */
  readonly passesUnset?: true;
  /** A line for the `env` of a step that passes the job's token to the step; absent if a step has the token anyway. */
  readonly tokenLine?: string;
  /** Advice if there is no token for a note; absent if the list of needed rights is enough. */
  readonly noteAdvice?: string;
  /** Base address of the API, without a trailing slash. @throws {UsageError} if a variable cannot come from the CI system. */
  api(env: ReadEnv): string;
  /** @throws {UsageError} if a variable cannot come from the CI system. */
  place(env: ReadEnv): RepositoryPlace;
  /** Base address of the pull requests of the job's repository, to which the number is appended. */
  pullsAt(env: ReadEnv): string;
  /** Hosts on which a link to an issue or a pull request leaves a reference, no matter who wrote the address. */
  linkHosts(env: ReadEnv): readonly string[];
  /** Where to find the text of the event that started the job: a variable or a file. */
  payload(env: ReadEnv): { readonly text: string } | { readonly path: string };
  /** @param repositoryId Requests the number of the repository from the forge. */
  event(env: ReadEnv, text: string, repositoryId: () => Promise<number>): Promise<AskEvent>;
  /**
   * The pull request of the job, on which the job writes its note.
   * @param payload Reads the text of the event.
   * @returns Undefined if the job has no pull request.
   * @throws {UsageError} if the job must have a pull request and the environment does not show it.
   */
  pull(env: ReadEnv, payload: () => string): { readonly repository: string; readonly number: number } | undefined;
  /** Variables with name and id of the user who started the job; null if no variable has the id. */
  readonly user: { readonly name: string; readonly id: string | null };
  /** Whether the job that `init` writes gets no event for a label on a pull request. Only a poll then finds the label. */
  readonly missesPullLabels?: boolean;
  /** Pattern of names that only bots have; absent if names do not show who is a bot. */
  readonly botNames?: RegExp;
  readonly notes: JobNotes;
  /** Further variables that are read, for `permissions`. */
  readonly variables: readonly string[];
  /** Folders of workflows; the first one that exists is used. Absent if jobs have no workflows. */
  workflowFolders?(ciSystem: string): readonly string[];
}

interface JobNotes {
  /** Whether a job writes a note by default. Otherwise, the user must turn notes on, because the token may be there for another purpose. */
  readonly byDefault: boolean;
  /**
   * What distinguishes the notes of different jobs, and how a note names its job. @param matrix The node of the matrix, for readers; may be empty.
   */
  naming(
    env: ReadEnv,
    job: { readonly job: string | null; readonly node: string },
    matrix: string,
  ): { readonly job: readonly [job: string, node: string]; readonly label: string; readonly namesPipeline: boolean };
}
