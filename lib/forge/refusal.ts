import { isObject } from "../lookup.ts";
import { cutText, plainText } from "../text/plain_text.ts";

const MAX_WORDS = 300;

function textsIn(value: unknown, depth = 0): string[] {
  if (typeof value === "string") return [value];
  if (depth > 3) return [];
  if (Array.isArray(value)) return value.flatMap((each) => textsIn(each, depth + 1));
  return isObject(value) ? Object.values(value).flatMap((each) => textsIn(each, depth + 1)) : [];
}

/**
 * Returns the message in the JSON of a refusal as one safe line. In GitLab's responses, `message` may be an object of lists, or the text may be in
 * `error` instead. Source: GitHub and Gitea, `message`; GitLab, "REST API troubleshooting".
 */
export function wordsOfRefusal(body: unknown): string {
  const { message, error, errors } = isObject(body) ? body : {};
  const texts = [message, errors, error].map((each) => textsIn(each)).find((each) => each.length > 0) ?? [];
  const line = plainText(texts.join("; ")).replace(/\s+/g, " ").trim().replace(/\.$/, "");
  return line === "" ? "no reason given" : cutText(line, MAX_WORDS);
}
