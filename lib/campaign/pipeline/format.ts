/**
 * What a pipeline of a campaign is made of, and what a CI system makes of it. A format is a pure function: the same input, the same bytes.
 *
 * @module
 */

/** A file of the repository that the jobs of a pipeline work with. */
export interface CarriedFile {
  /** Path below the root of the repository: relative, without `..`, checked by `checkCarriedPath`. */
  readonly path: string;
  /** Its text, byte for byte. */
  readonly text: string;
  /** SHA-256 of its bytes, as 64 hex digits: jobs compare it before they use the file. */
  readonly sha256: string;
}

/** How jobs get the program. */
export type PipelineProgram =
  /** The file `mogplex.mjs`, which lies in the repository; its text is not part of the input. */
  | ({ readonly kind: "file" } & Pick<CarriedFile, "path" | "sha256">)
  /** A command that the image has: letters, digits and `._/-`. */
  | { readonly kind: "command"; readonly name: string };

/** When the waves of a campaign are made, as its plan and the forecast have it. */
export interface WavePlan {
  /** Time between the wave before and each wave, in milliseconds; 0 for the first, which follows the plan at once. At least one. */
  readonly delaysMs: readonly number[];
  /** Index of the wave that a person has to release, since it opens a gate; null for none. */
  readonly gate: number | null;
}

/** What a user says about the jobs. Every text has passed the check of its flag: it holds nothing that YAML or a shell could read wrongly. */
export interface PipelineSettings {
  /** Container image; undefined for that of the format. */
  readonly image: string | undefined;
  /** Tags, labels or queues of the machine that does the work. */
  readonly tags: readonly string[];
  /** Shortest time between two waves, in milliseconds: the schedule of systems that have one. */
  readonly everyMs: number;
  /** For rehearsals: takes the place of every delay, in milliseconds; undefined for real delays. */
  readonly rehearsalMs: number | undefined;
  /** The job of the CI system in which the pipeline is made and whose artifacts hold everything; undefined for a checkout. */
  readonly source: { readonly pipeline: string; readonly job: string } | undefined;
}

/** Everything that a format knows. */
export interface PipelineInput {
  /** Name of the campaign: `[a-z0-9-]`. */
  readonly campaign: string;
  /** Its round, a text of the user's; empty by default. */
  readonly round: string;
  /** The campaign file. */
  readonly file: CarriedFile;
  /** The files that it names, in the order in which they are read. */
  readonly includes: readonly CarriedFile[];
  /** How jobs get the program. */
  readonly program: PipelineProgram;
  /** Where lock and journal are between two waves: `dir`, or `git:REMOTE#BRANCH`; undefined when the user did not say. */
  readonly home: string | undefined;
  /** Directory of the campaign where the pipeline was made; jobs may use another. */
  readonly directory: string;
  /** When the waves are made; undefined when nothing was planned, which only formats without `needsPlan` see. */
  readonly waves: WavePlan | undefined;
  readonly settings: PipelineSettings;
  /** Directory that several files are written to, below the root of the repository; undefined when the user gave none. */
  readonly output: string | undefined;
}

/** A file of a pipeline. */
export interface PipelineFile {
  /** Path below the directory of `--output`: letters, digits and `._/-`. */
  readonly path: string;
  readonly text: string;
}

/** A CI system. */
export interface PipelineFormat {
  /** Whether the campaign has to be planned first. */
  readonly needsPlan: boolean;
  /**
   * Makes the files. Pure and deterministic; the first one is the one to begin with.
   *
   * @throws {UsageError} when the system cannot do what the input asks for.
   */
  readonly render: (input: PipelineInput) => readonly PipelineFile[];
}
