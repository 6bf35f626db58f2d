/** What the tests of the verbs about automations share. */
import { REPO, type World } from "../world.ts";

export const AUTOMATION = "f1000000-0000-4000-8000-000000000001";
export const DRAFT = "f1000000-0000-4000-8000-000000000003";
export const JOB = { CI: "true", MOGPLEX_CI_JOB: "nightly" };
export const TRIGGER = ["automations", "trigger", AUTOMATION, "--repo", REPO];

/** Puts names in the place of what differs from time to time. */
export function named({ emulator }: World, text: string): string {
  const ids = [...emulator.world.store.automationRuns.keys()];
  return ids.reduce((all, id) => all.replaceAll(id, "<job>"), text).replace(/ci1-[0-9a-f]{40}/g, "ci1-<hash>")
    .replace(/^time .*/m, "time          <time>");
}

/** The objects of lines of JSON. */
export function lines(text: string): Record<string, unknown>[] {
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}
