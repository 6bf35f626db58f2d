/**
 * What differs between forges: one record of parts for each. A part that a forge lacks is absent, and the verb that needs it says so.
 *
 * @module
 */
import type { ReadEnv } from "../ci/platform.ts";
import type { AddressForm } from "./address.ts";
import type { ClientPlace, ForgeClient } from "./client.ts";
import type { Findings, FindingsOf } from "./findings.ts";
import type { PullRequestAddress, PullRequestOutcome } from "./model.ts";
import type { NotePlace } from "./note.ts";
import type { AskEvent, ThreadPlace, Threads } from "./threads.ts";

/** One kind of forge. Each is a file of this folder; `all.ts` and the programs list those that they know. */
export interface Forge extends ClientPlace {
  /** Its name in records and keys: `github`. */
  readonly name: string;
  /** Other forges with the same API, for sentences. */
  readonly relatives?: readonly string[];
  /** Host with repositories of all users; absent without one. */
  readonly publicHost?: string;
  /** Variable with its token. */
  readonly variable: string;
  /** The host whose token that is: in a job of the forge that of its server, otherwise the public one; undefined for none. */
  tokenHost(env: ReadEnv): string | undefined;
  /** The form of its addresses. */
  readonly address: AddressForm;
  /** Base of its API, without a slash at its end. @param origin Scheme, host and port of its server. */
  api(origin: string): string;
  readonly pulls: ForgePulls;
  /** Opens the issues and pull requests of a repository, for mentions and follow-ups. */
  threads?(client: ForgeClient, place: RepositoryPlace): Threads;
  readonly notes?: ForgeNotes;
  /** Jobs of the forge's own CI system; absent if no job can tell that it is at such a forge. */
  readonly job?: ForgeJob;
  /** Command lines for people; absent where there is no program for them. */
  readonly commands?: ForgeCommandLines;
}

export interface RepositoryPlace {
  /** Scheme, host and port. */
  readonly origin: string;
  /** `owner/name`, with all groups; on GitLab the id of the project will do. */
  readonly repository: string;
}

/** A branch whose pull request is looked for. */
export interface WantedBranch {
  /** `owner/name`, with all groups. */
  readonly repository: string;
  readonly branch: string;
  /** Pull requests that are older are of no interest, in milliseconds since 1970. */
  readonly since: number;
}

/** How pull requests are read. */
export interface ForgePulls {
  /** How many are read together. */
  readonly largest: number;
  /** Reads at most {@linkcode ForgePulls.largest}. @returns An outcome for each, in their order. @throws what the client throws. */
  read(client: ForgeClient, batch: readonly PullRequestAddress[]): Promise<PullRequestOutcome[]>;
  /**
   * Finds the newest pull request that comes from a branch of the repository itself.
   *
   * @returns Its address; null if the branch has none; undefined if that is not shown.
   * @throws what the client throws.
   */
  find(client: ForgeClient, wanted: WantedBranch): Promise<string | null | undefined>;
  /** Reads the failed checks, or the open remarks. @throws what the client throws. */
  findings(client: ForgeClient, address: PullRequestAddress, of: FindingsOf): Promise<Findings>;
}

/** Notes of jobs on issues and pull requests. */
export interface ForgeNotes {
  /** What one is called there: `note`. */
  readonly noun: string;
  /** An issue or a pull request, for messages: `merge request !7`. */
  nameOf(thread: ThreadPlace): string;
  /** @param repository See {@linkcode RepositoryPlace}. */
  open(client: ForgeClient, repository: string, thread: ThreadPlace): NotePlace;
}

/** A job that runs at the forge: what its environment says. */
export interface ForgeJob {
  readonly ciSystems: readonly string[];
  /** Host of the server that runs the job; undefined if the environment names none, or a server of another kind. */
  host(env: ReadEnv): string | undefined;
  /** Variable with the token of the job's forge. @throws {UsageError} if a setting of ours names it, and cannot. */
  tokenVariable(env: ReadEnv): string;
  /** The same for masking, without a check; absent if it is the variable of the forge. */
  secretVariable?(env: ReadEnv): string;
  /** What to do without a token: to ask the forge, and to write the note of a job. */
  readonly advice: { readonly ask: string; readonly note: string };
  /** Base of the API, without a slash at its end. @throws {UsageError} if a variable cannot come from the CI system. */
  api(env: ReadEnv): string;
  /** The repository of the job. @throws {UsageError} if a variable cannot come from the CI system. */
  place(env: ReadEnv): RepositoryPlace;
  /** Address of the pull requests of that repository, up to the number. */
  pullsAt(env: ReadEnv): string;
  /** Host names where a link to an issue or a pull request leaves a mark there, no matter who wrote the address. */
  linkHosts(env: ReadEnv): readonly string[];
  /** Where the text of the event is that the job was started for: in a variable, or in a file. */
  payload(env: ReadEnv): { readonly text: string } | { readonly path: string };
  /** What the text of an event is about. @param repositoryId Asks the forge for the number of the repository. */
  event(env: ReadEnv, text: string, repositoryId: () => Promise<number>): Promise<AskEvent>;
  /**
   * The pull request that the job is about, where its note goes.
   *
   * @param payload Reads the text of the event.
   * @returns Undefined if it is about none.
   * @throws {UsageError} if it should be about one, and the environment does not say which.
   */
  pull(env: ReadEnv, payload: () => string): { readonly repository: string; readonly number: number } | undefined;
  readonly notes: JobNotes;
  /** Further variables that are read, for `permissions`. */
  readonly variables: readonly string[];
  /** Folders of workflows, the first one that is there counts; absent where jobs have none. */
  workflowFolders?(ciSystem: string): readonly string[];
}

interface JobNotes {
  /** Whether a job has a note unless it is switched off; otherwise it has to be asked for, since the token may be there for something else. */
  readonly byDefault: boolean;
  /** Whether a note may link pull requests of the job's own repository. */
  readonly linksPulls: boolean;
  /** What distinguishes the notes of different jobs, and how a note names its job. @param matrix The node, for people; may be empty. */
  naming(
    env: ReadEnv,
    job: { readonly job: string | null; readonly node: string },
    matrix: string,
  ): { readonly job: readonly [job: string, node: string]; readonly label: string; readonly namesPipeline: boolean };
}

/** How commits get into the base branch. */
export type MergeMethod = "merge" | "squash" | "rebase";

/** Command lines that a person looks at and runs, in words and quotes of a POSIX shell. */
interface ForgeCommandLines {
  /** Merges exactly the commit that was judged. */
  merge(
    address: PullRequestAddress,
    how: { readonly commit: string; readonly method: MergeMethod; readonly hasQueue: boolean },
  ): string;
  close(address: PullRequestAddress): string;
}
