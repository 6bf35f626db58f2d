/** Every recipe of a CI system but GitHub's, how it is run, and what is to be expected of it. */
import { runAzure } from "./models/azure.ts";
import { runBitbucket } from "./models/bitbucket.ts";
import type { RunBuild } from "../build.ts";
import { runBuildkite } from "./models/buildkite.ts";
import { runCircle } from "./models/circleci.ts";
import { runJenkins } from "./models/jenkins.ts";
import { leftBehind, signalled, signalledAll, type Stop } from "./machine.ts";
import { runTeamcity } from "./models/teamcity.ts";
import { runWoodpecker } from "./models/woodpecker.ts";

/** A recipe, and what is to be expected of its system. */
export interface System {
  /** Below `examples/`. */
  file: string;
  /** Model of the system. */
  run: RunBuild;
  /** How it stops what is running, where something is run after that. */
  stops: Record<string, Stop>;
  /** How often it tries when the token's quota is used up. */
  tries: number;
  /** Seconds that its script pauses between and after the tries, where not the system does that. */
  pauses: string[];
  /** Whether it keeps reports. */
  keeps: boolean;
  /** Codes of the scripts when the run succeeds, when it fails, and when the token's quota is used up. */
  codes: { success: (number | null)[]; failure: (number | null)[]; limited: (number | null)[] };
}

const killed = { killed: signalledAll("SIGKILL") };
const asked = { "asked to stop": signalledAll("SIGTERM"), ...killed };

export const SYSTEMS: readonly System[] = [
  {
    file: "azure/azure-pipelines.yml",
    run: runAzure,
    stops: { "asked to stop": signalled("SIGINT"), "left behind": leftBehind, ...killed },
    tries: 1,
    pauses: [],
    keeps: true,
    codes: { success: [0, 0, 0], failure: [0, 1, 0], limited: [0, 75, 0] },
  },
  {
    file: "bitbucket/bitbucket-pipelines.yml",
    run: runBitbucket,
    stops: asked,
    tries: 1,
    pauses: [],
    keeps: true,
    codes: { success: [0, 0, 0, 0], failure: [0, 1, 0], limited: [75, 0] },
  },
  {
    file: "buildkite/pipeline.yml",
    run: runBuildkite,
    stops: asked,
    tries: 1,
    pauses: [],
    keeps: true,
    codes: { success: [0, 0], failure: [1, 0], limited: [75, 0] },
  },
  {
    file: "circleci/config.yml",
    run: runCircle,
    stops: asked,
    tries: 1,
    pauses: [],
    keeps: true,
    codes: { success: [0, 0, 0, 0], failure: [0, 0, 1], limited: [0, 75] },
  },
  {
    file: "jenkins/Jenkinsfile",
    run: runJenkins,
    stops: asked,
    tries: 3,
    pauses: ["60", "300", "0"],
    keeps: true,
    codes: { success: [0, 0, 0, 0], failure: [0, 1, 0, 0], limited: [0, 75, 0, 0] },
  },
  {
    file: "teamcity/settings.kts",
    run: runTeamcity,
    stops: asked,
    tries: 1,
    pauses: [],
    keeps: true,
    codes: { success: [0, 0, 0], failure: [0, 1, 0], limited: [0, 75, 0] },
  },
  {
    file: "woodpecker/cleanup.yaml",
    run: runWoodpecker,
    stops: {},
    tries: 1,
    pauses: [],
    keeps: false,
    codes: { success: [0, 0], failure: [1, 0], limited: [75, 0] },
  },
];
