import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  parseTemplate,
  renderTask,
  renderTemplate,
  templateProblems,
  variablesOf,
} from "../../../../lib/campaign/file/items.ts";

const VALUES = { ticket: "OPS-12", "repository.name": "web", x: "{{ ticket }}" };

test.each([
  ["Fix {{ ticket }}", "Fix OPS-12"],
  ["{{ticket}}{{\tticket }}", "OPS-12OPS-12"],
  ["{{ repository.name }}!", "web!"],
  ["a {{ x }} b", "a {{ ticket }} b"],
  ["${{ github.ref }} ${{ ticket }}", "${{ github.ref }} ${{ ticket }}"],
  ["{{{{ ticket }}", "{{ ticket }}"],
  ["{{{{{{ ticket }}", "{{OPS-12"],
  ["${{{{ ticket }}", "${{ ticket }}"],
  ["{ticket} }} {", "{ticket} }} {"],
  ["", ""],
])("renderTemplate() makes of %j: %j", (text, expected) => {
  expect(renderTemplate(text, VALUES)).toBe(expected);
  expect(templateProblems(text, Object.keys(VALUES))).toEqual([]);
});

test("renderTemplate() throws when a variable has no value, inherited names included", () => {
  expect(() => renderTemplate("{{ toString }}", VALUES)).toThrow(
    'Cannot fill in a template because a variable has no value: "toString"; set it in variables',
  );
});

test("templateProblems() names place and nearest name when a variable is unknown", () => {
  expect(templateProblems("a {{ tikcet }} {{ zzzzzzzz }}", ["ticket", "root"])).toEqual([
    {
      offset: 2,
      length: 12,
      message:
        'there is no variable "tikcet"; define it in variables, or write {{{{ for a literal {{; did you mean "{{ ticket }}"?',
    },
    {
      offset: 15,
      length: 14,
      message:
        'there is no variable "zzzzzzzz"; define it in variables, or write {{{{ for a literal {{; valid names are ticket, root',
    },
  ]);
});

test.each(["{{", "{{ }}", "{{ a b }}", "{{ a", "{{{ a }}", "{{ 1a }}", "{{\na }}", "x {{ a }"])(
  "templateProblems() refuses %j, and the same text escaped is itself",
  (text) => {
    const [problem, ...others] = templateProblems(text, ["a"]);
    expect(others).toEqual([]);
    expect(problem?.offset).toBe(text.indexOf("{{"));
    expect(problem?.message).toEndWith("is not a variable; write {{ name }}, or {{{{ for a literal {{");
    expect(renderTemplate(text.replace("{{", "{{{{"), {})).toBe(text);
  },
);

test("parseTemplate() takes any text apart, and rendering with the variables' own spelling gives it back", () => {
  const pieces = fc.constantFrom("{{", "}}", "{", "}", "$", " ", "\n", "a", "{{ a }}", "{{{{", "${{ b }}");
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 30 }), (parts) => {
      const text = parts.join("");
      const template = parseTemplate(text);
      const again = template.parts.map((part) => {
        if (typeof part !== "string") return text.slice(part.offset, part.offset + part.length);
        return part;
      }).join("");
      expect(again).toBe(text.replaceAll("{{{{", "{{"));
      for (const part of template.parts) if (typeof part !== "string") expect(text).toContain(part.name);
      for (const { offset, length } of template.problems) expect(text.slice(offset, offset + length)).toBe("{{");
    }),
  );
});

test("parseTemplate() reads a megabyte of braces", () => {
  for (const piece of ["{", "{{", "{{ ", "{{a", "{{ a }", "{{{", "${{", "{{ a }}", "{{\t"]) {
    const text = piece.repeat(Math.floor(1_000_000 / piece.length));
    expect(parseTemplate(text).problems.length).toBeLessThanOrEqual(100);
    expect(templateProblems(text, []).length).toBeLessThanOrEqual(100);
  }
});

test("renderTask() puts the title on the first line, and lets the variables of the item win", () => {
  const templates = {
    title: "Fix {{ repository.name }}",
    prompt: "  For {{ ticket }} in {{ root }} of {{ repository.owner }}.\n",
    variables: { ticket: "A", other: "x" },
    branch: "{{ campaign }}-{{ round }}/{{ root }}",
  };
  const item = {
    campaign: "fix",
    round: "2",
    repository: "acme/web",
    root: "packages/api",
    variables: { ticket: "B" },
  };
  expect(renderTask(templates, item)).toEqual({
    prompt: "Fix web\n\nFor B in packages/api of acme.",
    branch: "fix-2/packages/api",
  });
  expect(renderTask({ ...templates, title: null, branch: null }, { ...item, root: null })).toEqual({
    prompt: "For B in  of acme.",
    branch: null,
  });
});

test("variablesOf() gives the id of a hidden repository as its name, and never lets a variable replace a built-in one", () => {
  const id = "8f3a2b1c-1234-4abc-9def-1234567890ab";
  const item = { campaign: "fix", round: "", repository: id, root: null, variables: { root: "forged" } };
  expect({ ...variablesOf({ campaign: "forged" }, item) }).toEqual({
    "campaign": "fix",
    "round": "",
    "repository.owner": "",
    "repository.name": id,
    "root": "",
  });
});
