/**
 * TeamCity.
 *
 * @module
 */
import { definePlatform } from "./define.ts";
import type { Platform } from "./platform.ts";

/**
 * TeamCity. A build that is run again is a new build, and nothing in its environment joins the two; `BUILD_URL` exists from
 * 2022.04 on. Source: TeamCity, "Predefined build parameters", "Service messages".
 */
export const teamcity: Platform = definePlatform({
  name: "teamcity",
  server: ["BUILD_URL"],
  serverOrigin: true,
  project: ["TEAMCITY_PROJECT_NAME"],
  pipeline: ["BUILD_URL", "BUILD_NUMBER"],
  job: ["TEAMCITY_BUILDCONF_NAME"],
  attempt: ["BUILD_NUMBER"],
  log: ["legacy"],
  section: (name, header) => ({
    open: `##teamcity[blockOpened name='${escapeText(name)}' description='${escapeText(header)}']`,
    close: () => `##teamcity[blockClosed name='${escapeText(name)}']`,
  }),
});

function escapeText(text: string): string {
  return text.replace(/[|'[\]]/g, "|$&").replaceAll("\n", "|n").replaceAll("\r", "|r");
}
