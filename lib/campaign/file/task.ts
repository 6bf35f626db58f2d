/**
 * The task of an item: prompt and branch with the values of its variables.
 *
 * @module
 */
import type { CampaignFile } from "./campaign_file.ts";
import { renderTemplate } from "./templates.ts";

/** The templates that items share. */
export type TaskTemplates = Pick<CampaignFile, "title" | "prompt" | "variables" | "branch">;

/** What templates know about an item. */
export interface TaskItem {
  /** Name of the campaign. */
  campaign: string;
  /** Round of the campaign. */
  round: string;
  /** `owner/name`; for a hidden repository its id, which is its name then, without an owner. */
  repository: string;
  /** Root directory; null for the repository's root, which is an empty text. */
  root: string | null;
  /** Variables of the item. They win over those of the file. */
  variables: Readonly<Record<string, string>>;
}

/** The texts of a request that differ between items. */
export interface Task {
  /** The title, a blank line, and the task. */
  prompt: string;
  /** Working branch; null when the service names it. */
  branch: string | null;
}

/** The values of all variables of an item. The names of the built-in ones cannot be given. */
export function variablesOf(file: CampaignFile["variables"], item: TaskItem): Readonly<Record<string, string>> {
  const slash = item.repository.indexOf("/");
  const values: Record<string, string> = Object.create(null);
  return Object.assign(values, file, item.variables, {
    "campaign": item.campaign,
    "round": item.round,
    "repository.owner": item.repository.slice(0, Math.max(slash, 0)),
    "repository.name": item.repository.slice(slash + 1),
    "root": item.root ?? "",
  });
}

/**
 * The task of an item.
 *
 * @param templates The task of the file, or of the lock.
 * @throws {UsageError} when a variable has no value.
 */
export function renderTask(templates: TaskTemplates, item: TaskItem): Task {
  const values = variablesOf(templates.variables, item);
  const title = templates.title === null ? "" : renderTemplate(templates.title, values).trim();
  const prompt = renderTemplate(templates.prompt, values).trim();
  return {
    prompt: title === "" ? prompt : `${title}\n\n${prompt}`,
    branch: templates.branch === null ? null : renderTemplate(templates.branch, values),
  };
}
