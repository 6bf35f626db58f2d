import { expect, test } from "bun:test";
import { withPageLink } from "../../../lib/report/page_link.ts";

const LINKS = {
  job: "https://gitlab.example.com/a/-/jobs/1",
  file: "https://gitlab.example.com/a/-/jobs/1/artifacts/file/",
};
const pageOf = (path: string) => withPageLink(LINKS, path).page;

test("withPageLink() adds the address of the page among the job's artifacts", () => {
  expect(pageOf("mogplex-ci/run.html")).toBe(`${LINKS.file}mogplex-ci/run.html`);
  expect(pageOf("out/a b?#.html")).toBe(`${LINKS.file}out/a%20b%3F%23.html`);
  expect(withPageLink(LINKS, "x.html").job).toBe(LINKS.job);
});

test("withPageLink() adds nothing for a page outside of the project, without a page, and where files are not shown", () => {
  for (const path of ["/tmp/run.html", "../run.html", "a/../../run.html"]) expect(pageOf(path)).toBeUndefined();
  expect(withPageLink(LINKS, undefined)).toEqual(LINKS);
  expect(withPageLink({}, "run.html")).toEqual({});
});
