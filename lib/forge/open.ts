/**
 * Opens a forge: finds its token, and checks it before it is sent anywhere.
 *
 * @module
 */
import { isFileVariable } from "../ci/platform.ts";
import { UsageError } from "../errors.ts";
import type { ForgeToken } from "./forge.ts";

/** Where a token is from, and what it is for. */
interface TokenCheck {
  /** What is attempted, after "Cannot". */
  attempted: string;
  /** Name of the forge, for messages. */
  system: string;
  /** Where it was found, for messages: `variable GITLAB_TOKEN`. */
  place: string;
  /** Variable that holds it; undefined if it is an input. */
  variable?: string | undefined;
  /** What to do if there is none. */
  advice: string;
  /** Whether it is the token of Mogplex, which goes nowhere else. */
  isMogplex(token: string): boolean;
}

/** Checks the token of a forge. @throws {UsageError} if there is none, no header can hold it, or it belongs to Mogplex. */
export function checkForgeToken(
  text: string | undefined,
  { attempted, system, place, variable, advice, isMogplex }: TokenCheck,
): ForgeToken {
  const token = text?.trim() ?? "";
  if (token === "") throw new UsageError({ attempted, why: `${place} is empty`, advice });
  if (variable !== undefined && isFileVariable(variable, token)) {
    throw new UsageError({ attempted, why: `${place} is of type File`, advice: "change its type to Variable" });
  }
  if (isMogplex(token)) {
    throw new UsageError({ attempted, why: `${place} holds the token of Mogplex, which is not sent to ${system}` });
  }
  // A header can hold no other characters.
  if (/^[\x21-\x7e]+$/.test(token) && !token.startsWith("$")) return { token, place };
  throw new UsageError({ attempted, why: `the value of ${place} cannot be a token` });
}
