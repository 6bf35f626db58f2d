import { UsageError } from "../errors.ts";
import { sha256Hex } from "../sha256.ts";

/** Most file systems permit 255 bytes for a name. This limit leaves room for what the recipes add. */
const MAX_BYTES = 200;
const ID_LENGTH = 8;

export function checkResultPath(path: string): string {
  const refuse = (why: string, advice?: string) =>
    new UsageError({ attempted: "use the path of the result", why, value: JSON.stringify(path), advice });
  const parts = path.split("/");
  const advice = "use a path such as .mogplex/result-{id}.json";
  if (path === "" || path.endsWith("/")) throw refuse("it must be the path of a file", advice);
  if (parts.some((part) => ["", ".", ".."].includes(part))) {
    throw refuse("it must be relative to the root of the repository, without . or ..", advice);
  }
  if (parts.some((part) => !/^[\w.,@+={}-]+(?: [\w.,@+={}-]+)*$/.test(part))) {
    throw refuse("it must contain only letters, digits, spaces and . _ , @ + = -", advice);
  }
  if (parts.some((part) => part.toLowerCase() === ".git")) throw refuse(".git is reserved for Git");
  if (/[{}]/.test(path.replaceAll("{id}", ""))) throw refuse("{id} is the only placeholder");
  if (path.length > MAX_BYTES) throw refuse(`it must have at most ${MAX_BYTES} characters`);
  return path;
}

export function resultPathFor(path: string, key: string): string {
  return path.replaceAll("{id}", sha256Hex(key).slice(0, ID_LENGTH));
}
