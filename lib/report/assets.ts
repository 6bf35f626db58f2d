/**
 * The texts of style.css and page.js, as pages have them. Written by `npm run docs`.
 *
 * @module
 */

/** Style of all pages. */
export const STYLE: string = String.raw`
:root {
  color-scheme: light dark;
  --bg: #fff;
  --panel: #f5f7f9;
  --ink: #1b1f24;
  --soft: #56606b;
  --line: #d3d9df;
  --link: #0b57c2;
  --good: #17702f;
  --bad: #b42318;
  --wait: #835400;
  --good-bg: #e8f6ec;
  --bad-bg: #fdeceb;
  --wait-bg: #fcf2da;
  --mark: #fff3b8;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --bg: #14171b;
    --panel: #1d2127;
    --ink: #e6e9ed;
    --soft: #a4aeb9;
    --line: #3a424b;
    --link: #80b8ff;
    --good: #63d284;
    --bad: #ff958b;
    --wait: #eebf5c;
    --good-bg: #14281b;
    --bad-bg: #341b19;
    --wait-bg: #2d2512;
    --mark: #4a3f0c;
  }
}
* {
  box-sizing: border-box;
}
html {
  scroll-padding-top: 1rem;
  -webkit-text-size-adjust: 100%;
}
body {
  margin: 0 auto;
  padding: 1rem clamp(0.75rem, 3vw, 2rem) 3rem;
  max-width: 84rem;
  background: var(--bg);
  color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif;
  overflow-wrap: anywhere;
}
a {
  color: var(--link);
}
:focus-visible {
  outline: 3px solid var(--link);
  outline-offset: 2px;
}
h1,
h2,
h3 {
  line-height: 1.25;
  text-wrap: balance;
}
h1 {
  margin: 0;
  font-size: clamp(1.25rem, 5vw, 1.6rem);
}
h2 {
  margin: 2.25rem 0 0.6rem;
  font-size: 1.2rem;
}
h3 {
  margin: 0;
  font-size: 1rem;
}
p,
dl,
ol,
ul,
figure {
  margin: 0 0 0.75rem;
}
code,
pre {
  unicode-bidi: isolate;
  font: 0.875em/1.5 ui-monospace, monospace;
}
pre {
  margin: 0 0 0.75rem;
  padding: 0.6rem 0.8rem;
  border: 1px solid var(--line);
  border-radius: 6px;
  background: var(--panel);
  white-space: pre-wrap;
}
.skip {
  position: absolute;
  left: -99rem;
}
.skip:focus {
  left: 1rem;
  top: 0.25rem;
}
.soft,
figcaption,
dt,
caption,
footer {
  color: var(--soft);
}
.top {
  display: flex;
  gap: 1rem;
  padding: 1rem 1.25rem;
  border: 1px solid var(--line);
  border-left: 6px solid var(--tone);
  border-radius: 8px;
  background: var(--tone-bg);
}
.top > :last-child {
  flex: 1;
  min-width: 0;
}
.top > svg {
  flex: none;
  color: var(--tone);
}
.top p,
.step {
  margin: 0.25rem 0 0;
}
.top pre {
  margin: 0.75rem 0 0;
  background: var(--bg);
}
.good {
  --tone: var(--good);
  --tone-bg: var(--good-bg);
}
.bad {
  --tone: var(--bad);
  --tone-bg: var(--bad-bg);
}
.wait {
  --tone: var(--wait);
  --tone-bg: var(--wait-bg);
}
.none {
  --tone: var(--soft);
  --tone-bg: var(--panel);
}
.chip {
  display: inline-block;
  padding: 0 0.5em;
  border: 1px solid var(--tone, var(--line));
  border-radius: 1em;
  background: var(--tone-bg, var(--panel));
  color: var(--tone, var(--ink));
  font-size: 0.85em;
  max-width: 100%;
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
  vertical-align: bottom;
}
.hide {
  position: absolute;
  width: 1px;
  height: 1px;
  overflow: hidden;
  clip-path: inset(50%);
}
.line {
  white-space: nowrap;
}
.word {
  display: inline-block;
  max-width: 100%;
}
/* A grid lets a text shrink to nothing and still ask for all of its width: a table gives it what the other columns leave. */
.clip {
  display: inline-block;
  min-width: 8rem;
  max-width: 100%;
  vertical-align: bottom;
}
.clip summary {
  display: grid;
  grid-template-columns: minmax(0, max-content);
  width: auto;
  list-style: none;
  color: inherit;
}
.clip summary::-webkit-details-marker {
  display: none;
}
.clip bdi {
  max-width: 36rem;
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}
.clip[open] bdi {
  white-space: normal;
}
dl.facts {
  display: grid;
  grid-template-columns: minmax(7rem, max-content) 1fr;
  gap: 0.3rem 1.25rem;
}
dd {
  margin: 0;
  min-width: 0;
}
dd > :last-child {
  margin-bottom: 0;
}
.shares {
  margin: 1.1rem 0 0;
}
.shares svg {
  margin-bottom: 0.4rem;
}
dl.numbers {
  display: grid;
  grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr));
  gap: 0.75rem;
  margin-top: 1rem;
}
.numbers div {
  overflow-wrap: break-word;
  display: flex;
  flex-direction: column-reverse;
  justify-content: flex-end;
  padding: 0.6rem 0.75rem;
  border: 1px solid var(--line);
  border-radius: 8px;
}
.numbers dt {
  font-size: 0.9em;
  line-height: 1.35;
}
.numbers dd {
  color: var(--tone, var(--ink));
  font-size: 1.7rem;
  font-weight: 600;
  font-variant-numeric: tabular-nums;
  line-height: 1.2;
}
summary {
  width: fit-content;
  color: var(--link);
  cursor: pointer;
}
details > :not(summary) {
  margin-top: 0.5rem;
}
svg {
  vertical-align: middle;
}
.wide {
  display: block;
  width: 100%;
}
.chart {
  display: grid;
  grid-template-columns: auto minmax(0, 1fr);
  gap: 0.3rem 0.6rem;
  padding: 0.5rem 0;
  color: var(--soft);
  font-size: 0.8rem;
  font-variant-numeric: tabular-nums;
}
.chart ol {
  display: flex;
  flex-direction: column-reverse;
  justify-content: space-between;
  height: 220px;
  margin: 0;
  padding: 0;
  list-style: none;
  text-align: right;
}
.chart li {
  height: 0;
  line-height: 0;
}
.chart p {
  display: flex;
  grid-column: 2;
  justify-content: space-between;
  gap: 1rem;
  margin: 0;
}
.chart p :last-child {
  text-align: right;
}
.legend {
  display: flex;
  flex-wrap: wrap;
  gap: 0.25rem 1.25rem;
  padding: 0;
  list-style: none;
}
.scroll {
  overflow-x: auto;
  margin: 0.75rem 0;
}
table {
  border-collapse: collapse;
  min-width: min(100%, 30rem);
}
@media screen {
  .rows .clip:not([open]) bdi {
    display: -webkit-box;
    -webkit-box-orient: vertical;
    -webkit-line-clamp: 2;
    white-space: normal;
  }
  /* A long list that was opened has its own scrolling: what stands below it is not pages away. */
  details .rows .scroll {
    max-height: 75vh;
    overflow-y: auto;
  }
}
caption {
  padding-bottom: 0.3rem;
  text-align: left;
}
th,
td {
  padding: 0.35rem 0.9rem 0.35rem 0;
  border-bottom: 1px solid var(--line);
  text-align: left;
  vertical-align: top;
}
[data-list] :is(td, tbody th),
.rows :is(td, tbody th) {
  overflow-wrap: break-word;
}
thead th {
  overflow-wrap: normal;
  vertical-align: bottom;
}
td.number,
th.number {
  text-align: right;
  font-variant-numeric: tabular-nums;
}
td.number {
  white-space: nowrap;
}
.number + :not(.number) {
  padding-left: 0.9rem;
}
th:last-child,
td:last-child {
  padding-right: 0;
}
th button {
  padding: 0;
  border: 0;
  background: none;
  color: inherit;
  font: inherit;
  text-align: inherit;
  cursor: pointer;
}
th button::after {
  content: "\a0\2195";
  color: var(--soft);
}
th[aria-sort="ascending"] button::after {
  content: "\a0\2191";
}
th[aria-sort="descending"] button::after {
  content: "\a0\2193";
}
.tools {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 0.6rem;
  margin-bottom: 0.75rem;
}
.tools input,
.tools select,
.tools button {
  padding: 0.3rem 0.6rem;
  border: 1px solid var(--soft);
  border-radius: 6px;
  background: var(--bg);
  color: inherit;
  font: inherit;
  max-width: 100%;
}
.tools select {
  max-width: min(100%, 16rem);
}
.tools input {
  flex: 1 1 14rem;
  min-width: 0;
}
[hidden] {
  display: none !important;
}
.diff .add {
  color: var(--good);
}
.diff .del {
  color: var(--bad);
}
.diff .hunk {
  color: var(--link);
}
.diff .file {
  font-weight: bold;
}
ol.events {
  padding: 0;
  list-style: none;
}
.events li {
  display: grid;
  grid-template-columns: 2.2rem 4.4rem 9.5rem minmax(0, 1fr) auto;
  align-items: baseline;
  gap: 0.1rem 0.75rem;
  padding: 0.3rem 0.25rem;
  border-bottom: 1px solid var(--line);
}
.events li.gap {
  display: block;
  padding-left: 1rem;
  border-left: 3px dotted var(--soft);
  color: var(--soft);
  font-style: italic;
}
.events .at,
.events .n {
  font-variant-numeric: tabular-nums;
}
.what p {
  margin: 0;
  white-space: pre-wrap;
}
.events details[open] {
  grid-column: 1 / -1;
}
.last {
  margin: 0.5rem 0 0;
  padding: 0;
  list-style: none;
}
.last li {
  display: grid;
  grid-template-columns: 5rem 9.5rem minmax(0, 1fr);
  align-items: baseline;
  gap: 0 0.75rem;
  padding: 0.1rem 0;
}
.last a {
  white-space: nowrap;
}
li:target {
  background: var(--mark);
}
section.entry {
  margin-bottom: 0.9rem;
  padding: 0.8rem 1.1rem;
  border: 1px solid var(--line);
  border-left: 5px solid var(--tone);
  border-radius: 8px;
}
.entry > p,
.entry > ul,
.entry > pre {
  margin: 0.5rem 0 0;
}
.entry ul {
  display: flex;
  flex-wrap: wrap;
  gap: 0.1rem 1.2rem;
  padding: 0;
  list-style: none;
}
.concerns {
  padding: 0;
  list-style: none;
}
.concern {
  margin-bottom: 0.5rem;
  padding: 0.45rem 0.9rem;
  border: 1px solid var(--line);
  border-left: 5px solid var(--tone);
  border-radius: 6px;
}
.concern p {
  margin: 0.1rem 0 0;
}
time {
  white-space: nowrap;
}
nav {
  margin-top: 0.9rem;
}
.quotas {
  display: grid;
  grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr));
  gap: 0.9rem;
  padding: 0;
  list-style: none;
}
footer {
  margin-top: 3rem;
  padding-top: 0.75rem;
  border-top: 1px solid var(--line);
  font-size: 0.9rem;
}
/* Where lists are tables, long texts get the room that there is. */
@media screen and (min-width: 64.01rem) {
  table:has(.clip) .tight {
    width: 1px;
  }
}
/* Where there is more room, everything else keeps to one line. */
@media screen and (min-width: 75rem) {
  :is([data-list], .rows) tbody th,
  .items td > bdi {
    white-space: nowrap;
  }
  :is([data-list], .rows) .long {
    white-space: normal;
  }
}
@media screen and (max-width: 64rem) {
  .clip bdi {
    max-width: 100%;
  }
  :is([data-list], .rows) :is(table, caption, thead, tbody) {
    display: block;
  }
  :is([data-list], .rows) tr {
    display: flex;
    flex-wrap: wrap;
    align-items: baseline;
    gap: 0.1rem 0.8rem;
    padding: 0.4rem 0;
    border-bottom: 1px solid var(--line);
  }
  :is([data-list], .rows) tr > * {
    display: block;
    max-width: 100%;
    padding: 0 !important;
    border: 0;
    white-space: normal;
  }
  :is([data-list], .rows) tbody th {
    flex: 0 0 100%;
  }
  :is([data-list], .rows) td:empty {
    display: none;
  }
  /* What opens begins at the edge, however long the text before it is. */
  .rows td:has(> details:not(.clip)) {
    flex: 0 0 100%;
  }
  .items tbody th {
    flex-basis: 15rem;
  }
  .rows:not([data-list]) thead {
    display: none;
  }
  [data-list] thead tr:has(button)::before {
    content: "Sort by";
    color: var(--soft);
  }
  td[data-n]::before {
    content: attr(data-n) ": ";
    color: var(--soft);
  }
}
@media (max-width: 38rem) {
  dl.facts {
    display: block;
  }
  dl.facts dd {
    margin-bottom: 0.5rem;
  }
  .top > svg,
  .extra {
    display: none;
  }
  .items tbody th {
    flex-basis: 100%;
  }
  th,
  td {
    padding-right: 0.5rem;
  }
  thead th {
    white-space: normal;
    overflow-wrap: normal;
  }
  .events li {
    grid-template-columns: 1.8rem 3.6rem minmax(0, 1fr) auto;
  }
  .events details:not([open]) {
    grid-area: 1 / 4;
  }
  .events .what {
    grid-column: 1 / -1;
  }
  .last li {
    grid-template-columns: 5rem minmax(0, 1fr);
  }
  .last .what {
    grid-column: 1 / -1;
  }
}
@media print {
  /* Paper is white, whatever the screen is. */
  :root {
    color-scheme: light;
  }
  body {
    max-width: none;
    font-size: 10pt;
  }
  /* Nobody can open anything on paper. Payloads would take hundreds of sheets: those that are open are printed. */
  details:not(.events details)::details-content {
    content-visibility: visible;
  }
  .events details:not([open]) {
    display: none;
  }
  dl.numbers {
    grid-template-columns: repeat(auto-fit, minmax(6rem, 1fr));
  }
  .items tbody th {
    min-width: 8rem;
  }
  .tools,
  .skip,
  nav {
    display: none;
  }
  h2,
  h3 {
    break-after: avoid;
  }
  li,
  tr,
  section.entry {
    break-inside: avoid;
  }
  .scroll {
    overflow: visible;
  }
  .clip,
  .clip bdi,
  thead th,
  .scroll td:not(.number) {
    max-width: none;
    white-space: normal;
    overflow-wrap: break-word;
  }
  :is([data-list], .rows) td {
    overflow-wrap: anywhere;
  }
  .clip {
    min-width: 5rem;
  }
  td > svg[role="img"] {
    max-width: 7rem;
  }
  table {
    font-size: 0.85em;
  }
  th button::after {
    content: none;
  }
}
`;

/** Script of all pages. */
export const SCRIPT: string = String.raw`
(() => {
  const formula = /^\s*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/;

  // What is shown short has all of it in its title, and a number of a pull request in its address.
  const longer = (element) =>
    Array.from(
      element.querySelectorAll("[title], a[href^=http]"),
      (part) => [part.textContent, part.title || part.href],
    );

  function wholeText(cell) {
    let text = (cell.textContent ?? "").trim();
    for (const [short, long] of longer(cell)) text = text.replace(short, () => long);
    return text;
  }

  function csvOf(rows) {
    return rows.map((row) =>
      Array.from(row.children, (cell) => {
        const text = wholeText(cell);
        return '"' + (formula.test(text) ? "'" : "") + text.replaceAll('"', '""') + '"';
      }).join(",")
    ).join("\r\n");
  }

  function sortable(head, column, body) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.onclick = () => {
      const down = head.ariaSort === "ascending";
      for (const other of head.parentElement?.children ?? []) other.removeAttribute("aria-sort");
      head.ariaSort = down ? "descending" : "ascending";
      const value = (row) => {
        const cell = row.children[column];
        return cell?.dataset.v ?? cell?.textContent?.trim() ?? "";
      };
      const compare = new Intl.Collator("en", { numeric: true }).compare;
      const rows = Array.from(body.children, (row) => ({ row, value: value(row) }));
      // Rows without a value stay at the end.
      rows.sort((a, b) =>
        a.value === "" || b.value === ""
          ? Number(a.value === "") - Number(b.value === "")
          : compare(a.value, b.value) * (down ? -1 : 1)
      );
      body.append(...rows.map(({ row }) => row));
    };
  }

  function listOf(list) {
    const tools = list.querySelector(".tools");
    const body = list.querySelector("[data-rows]");
    if (tools === null || body === null) return;
    const search = tools.querySelector("input");
    const choice = tools.querySelector("select");
    const copy = tools.querySelector("button");
    const count = tools.querySelector("output");
    const rows = [];
    const gaps = [];
    for (const row of body.children) {
      if (row.dataset.k === undefined) gaps.push(row);
      else rows.push({ row });
    }
    const textOf = (each) =>
      each.text ??= [each.row.textContent, ...longer(each.row).map(([, long]) => long)].join(" ").toLowerCase();
    const show = () => {
      const words = (search?.value ?? "").toLowerCase().split(/\s+/);
      const kind = choice?.value ?? "";
      let shown = 0;
      for (const each of rows) {
        const { row } = each;
        row.hidden = kind !== "" && row.dataset.k !== kind ||
          !words.every((word) => word === "" || textOf(each).includes(word));
        if (!row.hidden) shown++;
      }
      for (const gap of gaps) gap.hidden = shown < rows.length;
      if (count !== null) count.textContent = shown + " of " + rows.length;
    };
    if (search !== null) {
      search.oninput = show;
      search.onkeydown = ({ key }) => {
        if (key !== "Escape") return;
        search.value = "";
        show();
      };
    }
    if (choice !== null) choice.onchange = show;
    if (copy !== null) {
      const label = copy.textContent ?? "";
      copy.onclick = async () => {
        const head = Array.from(list.querySelectorAll("thead tr"));
        const text = csvOf([...head, ...Array.from(body.children).filter((row) => !row.hidden)]);
        try {
          await navigator.clipboard.writeText(text);
          copy.textContent = "copied";
        } catch {
          copy.textContent = "the browser refused";
        }
      };
      copy.onblur = () => copy.textContent = label;
    }
    list.querySelectorAll("th").forEach((head, column) => {
      if (head.scope === "col") sortable(head, column, body);
    });
    // A link to a row must lead somewhere, whatever is filtered.
    addEventListener("hashchange", () => {
      const target = document.getElementById(location.hash.slice(1));
      if (target === null || !target.hidden || !body.contains(target)) return;
      if (search !== null) search.value = "";
      if (choice !== null) choice.value = "";
      show();
      target.scrollIntoView();
    });
    tools.hidden = false;
    show();
  }

  document.querySelectorAll("[data-list]").forEach(listOf);
  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (key !== "/" || target instanceof HTMLInputElement || target instanceof HTMLSelectElement) return;
    const search = document.querySelector(".tools input");
    if (search === null) return;
    event.preventDefault();
    search.focus();
  });
})();
`;
