/**
 * TeamCity.
 *
 * @module
 */
import { definePlatform } from "../define.ts";
import { escapeServiceMessage } from "../../text/escape/service_message.ts";
import type { AnnotationLevel, Platform } from "../platform.ts";

// An error of the log fails a build only where its failure conditions say so; `buildProblem` would always, also where the
// caller has an exit code pass.
const STATUSES: Record<AnnotationLevel, string> = { notice: "NORMAL", warning: "WARNING", error: "ERROR" };

function serviceMessage(name: string, attributes: Record<string, string>): string {
  const values = Object.entries(attributes).map(([key, value]) => ` ${key}='${escapeServiceMessage(value)}'`);
  return `##teamcity[${name}${values.join("")}]`;
}

/**
 * TeamCity. A build that is run again is a new build, and nothing in its environment joins the two; `BUILD_URL` exists from
 * 2022.04 on. Source: TeamCity, "List of predefined build parameters".
 *
 * Commands: TeamCity, "Service messages". An output is an environment variable of later steps, and a parameter
 * (`%dep.<build>.env.MOGPLEX_RUN_ID%`) of builds that depend on this one.
 */
export const teamcity: Platform = definePlatform({
  name: "teamcity",
  detect: ["TEAMCITY_VERSION"],
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
