/**
 * Where the project is published. `places.json` is the only file that names the places; package.json, pages and the commands that verify a
 * release get them from there when a release is prepared.
 *
 * Needs no package: the release job runs it on Deno alone.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Path of the file, below the checkout. */
export const PLACES = "tools/publish/places.json";

/** The places of the project. */
export interface Places {
  /** Repository on GitHub, `owner/name`: npm, JSR and the release with its files are published from there. */
  github: string;
  /** Project on GitLab.com, with its groups: the catalog and the signature are published from there. */
  gitlab: string;
  /** Name of the package on npm and JSR. */
  npm: string;
}

const FORMS: Readonly<Record<keyof Places, RegExp>> = {
  github: /^[\w.-]+\/[\w.-]+$/,
  gitlab: /^[\w.-]+(?:\/[\w.-]+)+$/,
  npm: /^@[a-z0-9-]+\/[a-z0-9-]+$/,
};

/**
 * The places of a checkout.
 *
 * @param top Top of the checkout.
 * @throws when a place is empty or has another form.
 */
export function readPlaces(top: string): Places {
  const places: Places = JSON.parse(readFileSync(join(top, PLACES), "utf8"));
  for (const [name, form] of Object.entries(FORMS)) {
    const value = places[name as keyof Places];
    if (typeof value !== "string" || !form.test(value)) {
      throw new Error(
        `Cannot read places because "${name}" in ${PLACES} must match ${form}: ${
          JSON.stringify(value)
        }; write it there`,
      );
    }
  }
  return places;
}
