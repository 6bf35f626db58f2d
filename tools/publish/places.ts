/**
 * Where the project is published. `places.json` is the only file that names these places. When a release is prepared, package.json, the documents and
 * the commands that verify a release get the places from it.
 *
 * Imports no package, because the release job runs this module on Deno without packages.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const PLACES = "tools/publish/places.json";

export interface Places {
  /** Repository on GitHub, `owner/name`. Its workflows publish to npm and JSR, and create the release with its files. */
  github: string;
  /** Project on GitLab.com, with its groups. Its pipelines publish to the catalog, and create the signature. */
  gitlab: string;
  npm: string;
}

const FORMS: Readonly<Record<keyof Places, RegExp>> = {
  github: /^[\w.-]+\/[\w.-]+$/,
  gitlab: /^[\w.-]+(?:\/[\w.-]+)+$/,
  npm: /^@[a-z0-9-]+\/[a-z0-9-]+$/,
};

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
