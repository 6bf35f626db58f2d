/**
 * The SBOM of a program: the npm packages that esbuild bundled into the program. `npm sbom` cannot create it, because every package is a development
 * dependency here, and `npm sbom --omit dev` lists nothing.
 *
 * Source: CycloneDX 1.6, JSON; package-url, "npm". The lab validates the files against the published schema.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { VERSION } from "../../lib/version.ts";
import { root, sha256 } from "../setup.mjs";

const SPDX_ID = /^[A-Za-z0-9.+-]+$/;

/**
 * The same file has the same serial number: a UUID of version 8 from the first 128 bits of the file's SHA-256.
 *
 * Source: RFC 9562, section 5.8.
 */
function serialNumber(digest: string): string {
  const variant = (8 + parseInt(digest[16] ?? "0", 16) % 4).toString(16);
  const groups = [
    digest.slice(0, 8),
    digest.slice(8, 12),
    `8${digest.slice(13, 16)}`,
    `${variant}${digest.slice(17, 20)}`,
    digest.slice(20, 32),
  ];
  return `urn:uuid:${groups.join("-")}`;
}

interface LockedPackage {
  version: string;
  integrity: string;
}

/** The `@` of a scope is encoded. */
const purl = (name: string, version: string) => `pkg:npm/${name.replace("@", "%40")}@${version}`;

function component(name: string, locked: LockedPackage) {
  const { license } = JSON.parse(readFileSync(join(root, "node_modules", name, "package.json"), "utf8"));
  if (typeof license !== "string" || !SPDX_ID.test(license)) {
    throw new Error(`Cannot write SBOM because package "${name}" names no SPDX license: ${JSON.stringify(license)}`);
  }
  const reference = purl(name, locked.version);
  const sum = Buffer.from(locked.integrity.replace(/^sha512-/, ""), "base64").toString("hex");
  return {
    type: "library",
    "bom-ref": reference,
    name,
    version: locked.version,
    hashes: [{ alg: "SHA-512", content: sum }],
    licenses: [{ license: { id: license } }],
    purl: reference,
  };
}

/** The same program has the same SBOM, which contains no time and no random number. */
export function sbom(file: string, text: string, packages: readonly string[]): string {
  const lock: { packages: Record<string, LockedPackage> } = JSON.parse(
    readFileSync(join(root, "package-lock.json"), "utf8"),
  );
  const digest = sha256(text);
  const components = packages.map((name) => {
    const locked = lock.packages[`node_modules/${name}`];
    if (locked === undefined) throw new Error(`Cannot write SBOM because package-lock.json has no package "${name}"`);
    return component(name, locked);
  });
  const self = `${file}@${VERSION}`;
  const document = {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: serialNumber(digest),
    version: 1,
    metadata: {
      component: {
        type: "application",
        "bom-ref": self,
        name: file,
        version: VERSION,
        hashes: [{ alg: "SHA-256", content: digest }],
        licenses: [{ license: { id: "MIT" } }],
      },
    },
    components,
    dependencies: [
      { ref: self, dependsOn: components.map((each) => each["bom-ref"]) },
      ...components.map((each) => ({ ref: each["bom-ref"] })),
    ],
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
