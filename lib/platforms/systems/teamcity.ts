/**
 * TeamCity.
 *
 * @module
 */
import { definePlatform } from "../define.ts";
import { escapeServiceMessage } from "../../text/escape/service_message.ts";
import type { AnnotationLevel, Platform } from "../platform.ts";

// `message` with status ERROR fails a build only if its failure conditions say so. `buildProblem` would always fail it, even
// when the caller accepts the exit code.
const STATUSES: Record<AnnotationLevel, string> = { notice: "NORMAL", warning: "WARNING", error: "ERROR" };

function serviceMessage(name: string, attributes: Record<string, string>): string {
  const values = Object.entries(attributes).map(([key, value]) => ` ${key}='${escapeServiceMessage(value)}'`);
  return `##teamcity[${name}${values.join("")}]`;
}

/**
 * A rerun is a new build, and nothing in the environment connects it with the old one. `BUILD_URL` exists since 2022.04.
 * Source: TeamCity, "List of predefined build parameters".
 *
 * Source of its commands: TeamCity, "Service messages". `setOutput` sets an environment variable of later steps, which is also a
 * parameter (`%dep.<build>.env.MOGPLEX_RUN_ID%`) of builds that depend on this one.
 */
export const teamcity: Platform = definePlatform({
  name: "teamcity",
  showsColours: true,
  server: ["BUILD_URL"],
  serverOrigin: true,
  project: ["TEAMCITY_PROJECT_NAME"],
  pipeline: ["BUILD_URL", "BUILD_NUMBER"],
  job: ["TEAMCITY_BUILDCONF_NAME"],
  attempt: ["BUILD_NUMBER"],
  links: { pipeline: "{BUILD_URL}" },
  log: ["legacy"],
  section: (name, header) => ({
    open: serviceMessage("blockOpened", { name, description: header }),
    close: () => serviceMessage("blockClosed", { name }),
  }),
  annotate: (level, title, text) => serviceMessage("message", { text: `${title}: ${text}`, status: STATUSES[level] }),
  setOutput: (name, value) => serviceMessage("setParameter", { name: `env.${name}`, value }),
});
