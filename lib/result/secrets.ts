/**
 * Finds secrets in a value. A file with a secret is refused as a whole. A partial value is not a result, and a masked value could be mistaken for a
 * valid value.
 * @module
 */
import { isObject } from "../lookup.ts";
import { redactHidden } from "../text/redact.ts";
import { pointerTo } from "./strict_json.ts";

type Redact = (text: string) => string;

const isSecret = (text: string, redact: Redact) => redactHidden(text, redact) !== text;

/** For a key, the result is the pointer to the object, because the key itself must not be shown. */
export function secretIn(value: unknown, redact: Redact, pointer = ""): string | undefined {
  if (typeof value === "string") return isSecret(value, redact) ? pointer : undefined;
  if (Array.isArray(value)) {
    return first(value.entries(), (item, index) => secretIn(item, redact, pointerTo(pointer, index)));
  }
  if (isObject(value)) {
    if (Object.keys(value).some((key) => isSecret(key, redact))) return pointer;
    return first(Object.entries(value), (item, key) => secretIn(item, redact, pointerTo(pointer, key)));
  }
  // A number can also be a secret, such as a variable that consists of digits.
  return isSecret(String(value), redact) ? pointer : undefined;
}

function first<K, V>(entries: Iterable<[K, V]>, find: (value: V, key: K) => string | undefined): string | undefined {
  for (const [key, value] of entries) {
    const match = find(value, key);
    if (match !== undefined) return match;
  }
  return undefined;
}
