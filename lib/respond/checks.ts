import { formatCount, formatDuration } from "../text/duration.ts";

export const CHECK_SCHEDULES = ["hourly", "daily", "none"] as const;
export type CheckSchedule = typeof CHECK_SCHEDULES[number];

export interface Checks {
  readonly schedule: CheckSchedule | undefined;
  readonly sinceMs: number;
}

const HOUR_MS = 3_600_000;

/** Forges start scheduled jobs late, so a daily check looks back more than a day. */
export function lookBackMs(schedule: CheckSchedule | undefined): number {
  return (schedule === "daily" ? 48 : 24) * HOUR_MS;
}

export function completerText(schedule: CheckSchedule | undefined): string {
  if (schedule === "none") return "the next mention in this thread";
  return schedule === undefined ? "the scheduled check, if there is one," : `the ${schedule} check`;
}

/** A sentence that begins with a verb, for a task that no check starts. */
export function startAfresh(name: string): string {
  return `write \`@${name} stop\`, so that no retried job starts the task, then write it again.`;
}

/**
 * Describes what the checks do, or what to do if there are no checks.
 * @param promise Creates the sentence about the checks.
 * @param instead A sentence for jobs without checks. The sentence begins with a verb.
 */
export function checksText(
  { schedule, sinceMs }: Checks,
  promise: (check: string, span: string) => string,
  instead: string,
): string {
  if (schedule === "none") return instead;
  const hours = sinceMs / HOUR_MS;
  const span = Number.isInteger(hours) ? formatCount(hours, "hour") : formatDuration(sinceMs);
  const text = promise(`the ${schedule ?? "scheduled"} check`, span);
  return schedule === undefined
    ? `${text} Without a scheduled check, ${instead.slice(0, 1).toLowerCase()}${instead.slice(1)}`
    : text;
}
