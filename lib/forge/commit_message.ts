/**
 * Some words in commit messages are commands that skip CI, close issues, or trigger quick actions. These words are removed, because the text may come
 * from an agent.
 *
 * @module
 */
import { cutText, plainText } from "../text/plain_text.ts";

const MAX_TITLE = 200;
const MAX_BODY = 4_000;

/**
 * Marks that make a CI system skip something: words in brackets, a GitHub trailer, and an Azure mark. Source: GitHub, "Skipping workflow runs";
 * GitLab, "Skip a pipeline"; Gitea, "Configuration Cheat Sheet", `SKIP_WORKFLOW_STRINGS`; Azure, "Skipping CI for individual pushes".
 */
const SKIPS: readonly RegExp[] = [
  /\[[^[\]\n]{0,80}\bskip(?:ped|ping)?\b[^[\]\n]{0,80}\]/gi,
  /\[\s*no[\s_-]*(?:ci|actions?|builds?|pipelines?|tests?)\s*\]/gi,
  /\*{0,8}\bno_ci\b\*{0,8}/gi,
  /^[^\S\n]*(?:skip|request)-checks?[^\S\n]*:.*$/gim,
];

/** Source: GitLab, "GitLab quick actions", and "Commits", `/tag`. Prow and Gitea have no quick actions in commits. */
const QUICK_ACTIONS = /^[^\S\n]*\/+(?=[^\s/])/gm;

const CLOSE_WORDS =
  "(?:reopen(?:s|ed|ing)?|clos(?:e|es|ed|ing)|fix(?:es|ed|ing)?|resolv(?:e|es|ed|ing)|implement(?:s|ed|ing)?)";

/**
 * A closing keyword before an issue. Source: GitHub, "Linking a pull request to an issue"; GitLab, "Default closing pattern"; Gitea, "Configuration
 * Cheat Sheet", `CLOSE_KEYWORDS` and `REOPEN_KEYWORDS`; Atlassian, "Process issues with smart commits".
 */
const CLOSING: readonly RegExp[] = [
  new RegExp(
    `\\b${CLOSE_WORDS}\\b[\\s:*_\`]*(?=(?:(?:issues?|tasks?|tickets?)\\s+)?(?:[\\w.-]+(?:/[\\w.-]+)*)?[#!&]\\d|https?:|gh-\\d)`,
    "gi",
  ),
  /\b(?:[Rr]eopen(?:s|ed|ing)?|[Cc]los(?:e|es|ed|ing)|[Ff]ix(?:es|ed|ing)?|[Rr]esolv(?:e|es|ed|ing)|[Ii]mplement(?:s|ed|ing)?)[\s:*_`]+(?=[A-Z][A-Z\d_]+-\d)/g,
  /(?<=^|\s)#(?=(?:clos|resolv|fix|done|reopen)\w*)/gim,
];

/** Repeats the removal until the text no longer changes, because a removed part may have split another command. */
function withoutCommands(text: string): string {
  let before: string;
  let now = text;
  do {
    before = now;
    for (const pattern of SKIPS) now = now.replace(pattern, " ");
    now = now.replace(QUICK_ACTIONS, "");
    for (const pattern of CLOSING) now = now.replace(pattern, "");
  } while (now !== before);
  return now;
}

export function commitMessage(title: string, body: string): { title: string; body: string } {
  const line = withoutCommands(cutText(plainText(title).replace(/\s+/g, " "), MAX_TITLE)).replace(/\s+/g, " ").trim();
  const text = withoutCommands(cutText(plainText(body), MAX_BODY));
  const lines = text.split("\n").map((each) => each.replace(/[^\S\n]+/g, " ").trimEnd());
  return {
    title: withoutCommands(line) || "Merge pull request",
    body: withoutCommands(lines.join("\n").replace(/\n{3,}/g, "\n\n").trim()),
  };
}
