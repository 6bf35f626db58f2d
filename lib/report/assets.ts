/**
 * The contents of style.css and page.js for all pages. Written by `npm run docs`.
 *
 * @module
 */

/** Style of all pages. */
export const STYLE: string = String.raw`
:root { color-scheme: light dark; --canvas: #f6f7f9; --surface: #fff; --sunken: #f1f3f6; --line: #e2e6eb; --edge: #828c98; --ink: #14181d; --soft: #56606c; --accent: #2a4fd0; --tint: #eef2fe; --good: #147a3d; --bad: #bf2a1e; --warn: #8a5700; --good-fill: #2b9a57; --bad-fill: #cf3f32; --warn-fill: #c47f0b; --run-fill: #4468e6; --idle-fill: #8a94a0; --on: #fff; --mark: #fff3b8; --small: 0.8125rem; --normal: 0.9375rem; --large: 1.1875rem; --huge: 1.75rem; --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
@media screen and (prefers-color-scheme: dark) { :root { --canvas: #0e1116; --surface: #151a20; --sunken: #1d232b; --line: #2b333d; --edge: #717d8b; --ink: #e8ebef; --soft: #9ea9b5; --accent: #93adff; --tint: #182140; --good: #58cf85; --bad: #ff9287; --warn: #f0b849; --good-fill: #2fae63; --bad-fill: #e65b4e; --warn-fill: #d3962a; --run-fill: #6b8cf7; --idle-fill: #6a7683; --on: #14090a; --mark: #4a3f0c; } }
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--canvas); color: var(--ink); font: var(--normal)/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1, h2, h3, p, ul, ol, dl, dd, figure, pre { margin: 0; padding: 0; }
ul, ol { list-style: none; }
h1 { display: flex; gap: 12px; align-items: baseline; min-width: 0; font-size: var(--huge); font-weight: 650; letter-spacing: -0.02em; line-height: 1.2; text-wrap: balance; }
h2 { font-size: var(--large); font-weight: 600; line-height: 1.3; }
h3 { font-size: var(--normal); font-weight: 600; }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
:is(p, dd, footer) a { text-decoration: underline; text-decoration-thickness: 1px; text-underline-offset: 3px; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
code, pre { font: var(--small)/1.5 var(--mono); unicode-bidi: isolate; }
pre { padding: 10px 14px; border-radius: 8px; background: var(--sunken); white-space: pre-wrap; }
svg { flex: none; }
time, .line, .number { white-space: nowrap; }
small, figcaption .soft, .sec .soft { font-size: var(--small); }
.soft, small, .facts dt { color: var(--soft); }
.good { color: var(--good); }
.bad { color: var(--bad); }
.warn { color: var(--warn); }
.run { color: var(--accent); }
.idle { color: var(--soft); }
.hide { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.skip { position: absolute; left: -99rem; }
.skip:focus { z-index: 1; left: 16px; top: 8px; padding: 8px; background: var(--surface); }
[hidden] { display: none !important; }
.wrap { max-width: 1264px; margin: 0 auto; padding: 0 32px; }
.bar { border-bottom: 1px solid var(--line); background: var(--surface); }
.bar .wrap { display: flex; flex-wrap: wrap; gap: 0 10px; align-items: center; min-height: 52px; }
.bar svg { flex: none; }
.bar ol { display: flex; flex: 1; flex-wrap: wrap; align-items: baseline; gap: 0 8px; min-width: 0; }
.bar li + li::before { content: "/"; margin-right: 8px; color: var(--edge); }
.bar li:last-child { font-weight: 600; }
.asof { margin-left: auto; color: var(--soft); font-size: var(--small); font-variant-numeric: tabular-nums; }
.head { padding: 32px 0 24px; }
.title { display: flex; flex-wrap: wrap; gap: 4px 16px; align-items: baseline; padding-left: 36px; }
.title > h1 { margin-left: -36px; }
h1 small { font-weight: 400; letter-spacing: normal; }
h1 > svg { position: relative; top: 3px; }
.head > p { margin-top: 8px; max-width: 96ch; color: var(--soft); text-wrap: pretty; }
.head > .stale { margin: 0 0 20px; max-width: none; padding: 10px 16px; border: 1px solid var(--warn-fill); border-radius: 8px; background: var(--surface); color: var(--warn); font-weight: 600; }
.head strong { color: var(--ink); font-weight: 600; }
.state { display: inline-flex; gap: 7px; align-items: baseline; max-width: 100%; font-weight: 500; }
.state > svg { position: relative; top: 2.5px; }
main > section { margin-top: 40px; }
main > section:first-child { margin-top: 0; }
.sec { display: flex; flex-wrap: wrap; gap: 4px 12px; align-items: baseline; margin-bottom: 12px; }
.sec + .soft { margin-bottom: 12px; }
.panel { min-width: 0; border: 1px solid var(--line); border-radius: 10px; background: var(--surface); }
:is(.panel, .grid) + :is(.panel, details) { margin-top: 12px; }
.grid > .panel.panel { margin: 0; }
.grid > figure:has(.gantt) { display: grid; grid-template-rows: auto minmax(0, 1fr); }
.pad { padding: 20px 24px; }
.stack > * + * { margin-top: 12px; }
.grid { display: grid; gap: 16px; }
.halves { grid-template-columns: repeat(2, minmax(0, 1fr)); }
.thirds { grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); }
.thirds:not(:has(.chart, .legend)) { align-items: start; }
.thirds > div.panel { align-self: start; }
.quarters { grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr)); }
.foot { padding: 10px 20px; border-top: 1px solid var(--line); font-size: var(--small); }
.facts { display: grid; grid-template-columns: fit-content(40%) minmax(0, 1fr); gap: 7px 20px; align-items: baseline; }
.prose { padding: 0; background: none; font: inherit; }
.names { columns: 4 148px; column-gap: 24px; }
.names li { padding: 2px 0; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; color: var(--soft); font-size: var(--small); }
.legend li { display: inline-flex; gap: 6px; align-items: center; }
summary { width: fit-content; padding: 4px 0; color: var(--accent); font-size: var(--small); cursor: pointer; }
details[open] > summary { margin-bottom: 8px; }
.word { display: inline-block; max-width: 100%; }
.todo li { display: grid; grid-template-columns: 20px minmax(0, 1fr) auto auto; gap: 2px 12px; align-items: baseline; padding: 13px 20px; }
.todo li + li { border-top: 1px solid var(--line); }
.todo svg { align-self: start; margin-top: 3px; }
.todo p { color: var(--soft); }
.todo .cmd { margin-top: 6px; }
.todo .cmd code { padding: 5px 10px; }
.todo .cmd button { padding: 5px 10px; }
.age { color: var(--soft); font-size: var(--small); text-align: right; white-space: nowrap; }
.go > * + * { margin-left: 12px; }
.go { min-width: 112px; text-align: right; white-space: nowrap; }
.call { border-left: 4px solid var(--idle-fill); border-radius: 6px 10px 10px 6px; }
.call.warn { border-left-color: var(--warn-fill); }
.call.bad { border-left-color: var(--bad-fill); }
.call.good { border-left-color: var(--good-fill); }
.call.run { border-left-color: var(--run-fill); }
.call { color: var(--ink); }
.call > .lead { padding: 20px 24px 16px; }
.call > .lead p { margin-top: 4px; color: var(--soft); }
.call > .acts { display: grid; gap: 16px; padding: 16px 24px 20px; border-top: 1px solid var(--line); }
.call > .lead .cause { color: var(--ink); }
.call > .lead .when::first-letter { text-transform: uppercase; }
.call > .evidence { padding: 0 24px 16px; }
.evidence > p + pre { margin-top: 6px; }
.act { display: grid; gap: 6px; align-content: start; }
.halves > .act { grid-row: span 2; grid-template-rows: subgrid; }
.act > p { color: var(--soft); }
.act.first > p { color: var(--ink); font-weight: 600; }
.cmd { display: flex; min-width: 0; border: 1px solid var(--line); border-radius: 8px; background: var(--sunken); }
.cmd code { flex: 1; align-self: center; min-width: 0; padding: 10px 14px; white-space: pre-wrap; -webkit-user-select: all; user-select: all; }
.cmd button { flex: none; padding: 8px 14px; border: 0; border-left: 1px solid var(--line); background: none; color: var(--accent); font: 500 var(--small) system-ui, sans-serif; cursor: pointer; }
.first > .cmd { border-color: var(--run-fill); background: var(--tint); }
.first > .cmd button { border-color: var(--run-fill); }
.log { padding: 12px 24px; border-top: 1px solid var(--line); background: var(--sunken); font: var(--small)/1.65 var(--mono); }
.log li { display: grid; grid-template-columns: 72px minmax(0, 1fr); gap: 12px; }
.log a { color: var(--soft); }
.log span { white-space: pre-wrap; }
.tile { display: grid; grid-template-columns: minmax(0, 1fr) 40%; gap: 0 12px; align-items: center; align-content: start; padding: 16px 20px 14px; }
.tile :is(dt, .delta), .strip :is(dt, .delta) { grid-column: 1 / -1; color: var(--soft); font-size: var(--small); }
.big { font-size: var(--huge); font-weight: 600; font-variant-numeric: tabular-nums; letter-spacing: -0.02em; line-height: 1.35; white-space: nowrap; }
.big small { font-size: var(--normal); font-weight: 500; letter-spacing: 0; }
.strip { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); overflow: hidden; border-bottom: 1px solid var(--line); }
.strip:last-child { border-bottom: 0; }
.strip > div { padding: 16px 20px 14px; box-shadow: -1px -1px 0 var(--line); }
.strip > .ages { grid-column-end: span 2; }
.ages li { display: grid; grid-template-columns: 7em minmax(0, 1fr) 2em; gap: 10px; align-items: center; font-size: var(--small); line-height: 1.45; }
.ages b { font-weight: 600; text-align: right; }
.meters { display: grid; gap: 14px; }
.meters li { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 4px 12px; font-size: var(--small); }
.meters svg { grid-column: 1 / -1; }
.gantt li { display: grid; grid-template-columns: 5.5em minmax(0, 1fr) minmax(6.5em, auto); gap: 12px; align-items: center; padding: 4px 0; font-size: var(--small); }
.grid > figure > .gantt { display: grid; grid-auto-rows: 1fr; }
.gantt b { font-weight: 600; }
.gantt span { color: var(--soft); text-align: right; }
figure > figcaption { display: flex; flex-wrap: wrap; gap: 4px 16px; align-items: baseline; margin-bottom: 12px; }
figcaption .legend { margin-left: auto; }
.chart { display: block; overflow: visible; }
svg text { fill: var(--soft); font: 12px system-ui, sans-serif; font-variant-numeric: tabular-nums; }
svg .name { fill: var(--ink); font-weight: 600; }
svg .on { fill: var(--on); font-weight: 600; }
.f-good { fill: var(--good-fill); }
.f-bad { fill: var(--bad-fill); }
.f-warn { fill: var(--warn-fill); }
.f-run { fill: var(--run-fill); }
.f-idle { fill: var(--idle-fill); }
.f-track { fill: var(--line); }
.f-brand { fill: var(--accent); }
.f-surface { fill: var(--surface); }
.s-run { stroke: var(--run-fill); }
.s-idle { stroke: var(--edge); }
.s-good { stroke: var(--good-fill); }
.s-surface { stroke: var(--surface); }
.s-grid { stroke: var(--line); }
.meter { display: block; border-radius: 4px; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 9px 12px; font-weight: 400; text-align: left; vertical-align: top; }
thead th { padding-bottom: 8px; color: var(--soft); font-size: var(--small); overflow-wrap: normal; vertical-align: bottom; }
tbody tr { border-top: 1px solid var(--line); }
tbody tr:hover { background: var(--sunken); }
tbody th { font-weight: 500; }
:is(th, td):first-child { padding-left: 20px; }
:is(th, td):last-child { padding-right: 20px; }
.call :is(th, td):first-child { padding-left: 24px; }
.number { text-align: right; }
td > svg { vertical-align: middle; }
td summary { padding: 0; }
code.id { display: inline-block; overflow: hidden; width: 8ch; white-space: nowrap; vertical-align: bottom; -webkit-user-select: all; user-select: all; }
th button { padding: 0; border: 0; background: none; color: inherit; font: inherit; text-align: inherit; cursor: pointer; }
th button::after { content: "\a0\2195"; }
th[aria-sort="ascending"] button::after { content: "\a0\2191"; }
th[aria-sort="descending"] button::after { content: "\a0\2193"; }
.tools { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; padding: 12px 20px; border-bottom: 1px solid var(--line); }
.tools :is(input, select, button) { min-width: 0; max-width: 100%; padding: 6px 10px; border: 1px solid var(--edge); border-radius: 6px; background: var(--surface); color: inherit; font: inherit; font-size: var(--small); }
.tools select { max-width: min(100%, 16rem); }
.tools input { flex: 1 1 12rem; }
output { color: var(--soft); font-size: var(--small); }
.clip { display: inline-block; min-width: 8rem; max-width: 100%; vertical-align: bottom; }
.clip summary { display: grid; grid-template-columns: minmax(0, max-content); width: auto; margin: 0; padding: 0; color: inherit; font-size: inherit; list-style: none; }
.clip summary::-webkit-details-marker { display: none; }
.clip bdi { max-width: 36rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.clip[open] bdi { white-space: normal; }
.more { min-width: 12rem; }
@media screen { .rows .clip:not([open]) bdi { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; white-space: normal; } .rows td:has(> .clip + a) > .clip:not([open]) bdi { -webkit-line-clamp: 2; } details [data-list] .scroll { max-height: 75vh; overflow-y: auto; } }
.events > li { border-top: 1px solid var(--line); }
.events > li:first-child { border-top: 0; }
.event { display: grid; grid-template-columns: 56px 100px minmax(0, 1fr); gap: 12px; align-items: baseline; padding: 8px 20px; }
.event .at { color: var(--soft); font-size: var(--small); font-variant-numeric: tabular-nums; }
.event .what { white-space: pre-wrap; }
.events summary { width: auto; margin: 0; color: inherit; font-size: inherit; list-style: none; }
.events summary::-webkit-details-marker { display: none; }
.events summary:hover { background: var(--sunken); }
.events summary .what::after { content: "\a0\25b8"; color: var(--soft); }
.events [open] > summary .what::after { content: "\a0\25be"; }
.events pre { margin: 0 20px 12px 200px; }
.events .gap { padding: 6px 20px 6px 200px; background: var(--sunken); color: var(--soft); font-size: var(--small); }
li:target, tr:target { background: var(--mark); }
.call:target, .evidence:target { outline: 2px solid var(--accent); outline-offset: 2px; }
.diff { padding: 10px 0; border-radius: 0 0 10px 10px; background: none; }
.diff span { display: block; padding: 0 20px; }
.diff .add { background: color-mix(in srgb, var(--good-fill) 14%, transparent); }
.diff .del { background: color-mix(in srgb, var(--bad-fill) 14%, transparent); }
.diff .hunk { color: var(--soft); }
.file > summary { width: auto; margin: 0; padding: 10px 20px; color: inherit; }
.file[open] > summary { border-bottom: 1px solid var(--line); }
body > footer { margin-top: 48px; border-top: 1px solid var(--line); color: var(--soft); font-size: var(--small); }
body > footer .wrap { display: grid; gap: 4px; padding-top: 16px; padding-bottom: 32px; }
@media screen and (min-width: 1101px) { .rows tbody th { white-space: nowrap; } .thirds .rows tbody th { white-space: normal; } .rows :is(tbody th, td:not(.full)) > :is(a, bdi, code:not(.id)) { display: inline-block; width: max-content; max-width: 14rem; white-space: normal; } .rows td > details:not(.clip, .more, [open]) { display: inline-block; } .rows .long, .rows tbody th:has(.clip) { white-space: normal; } table:has(.clip) .tight { width: 1px; } }
@media screen and (min-width: 1161px) { .rows .state { white-space: nowrap; } }
@media screen and (min-width: 1281px) { thead th { white-space: nowrap; } }
@media screen and (max-width: 940px) { .halves, .thirds { grid-template-columns: minmax(0, 1fr); } .quarters { grid-template-columns: repeat(2, minmax(0, 1fr)); } .strip > .ages { grid-column: 1 / -1; } }
@media screen and (max-width: 1100px) { .clip bdi { max-width: 100%; } .rows :is(table, thead, tbody) { display: block; } .rows thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); } .rows tr { display: flex; flex-wrap: wrap; gap: 2px 14px; align-items: baseline; padding: 10px 20px; } .rows :is(th, td):nth-child(n) { max-width: 100%; padding: 0; } .rows tbody th { flex: 1 1 60%; min-width: 0; } .rows tbody th:has(+ td[data-n]) { flex-basis: 100%; } .rows td { color: var(--soft); font-size: var(--small); text-align: left; } .rows td:empty { display: none; } .rows td:has(> details:not(.clip)), .rows td.full { flex: 1 1 100%; } .rows td[data-n]::before { content: attr(data-n) " "; } [data-list] .rows thead:has(button) { position: static; width: auto; height: auto; clip-path: none; } [data-list] .rows thead th { padding: 0; } [data-list] .rows thead tr::before { content: "Sort by"; color: var(--soft); font-size: var(--small); } }
@media screen and (max-width: 640px) { :root { --huge: 1.5rem; } .wrap { padding: 0 16px; } .bar .wrap { padding-top: 8px; padding-bottom: 8px; } .asof { width: 100%; } .head { padding: 20px 0 16px; } h1 small { display: block; } main > section { margin-top: 32px; } .grid { gap: 12px; } .pad, .call > :is(.lead, .acts) { padding: 16px; } .call > .evidence { padding: 0 16px 16px; } .todo li { grid-template-columns: 20px minmax(0, 1fr) fit-content(45%); padding: 12px 16px; } .todo li > div { grid-column: 2 / -1; } .todo .age { grid-column: 2; text-align: left; white-space: normal; } .todo .go { grid-column: 3; min-width: 0; white-space: normal; } .go > * { white-space: nowrap; } .tile { grid-template-columns: minmax(0, 1fr); padding: 12px 14px; } .tile svg { display: none; } .strip > div { padding: 12px 16px; } figcaption .legend { width: 100%; margin-left: 0; } .rows tr, .foot, .tools, .file > summary, .diff span { padding-right: 16px; padding-left: 16px; } .facts { grid-template-columns: minmax(0, 1fr); gap: 0; } .facts dd { margin-bottom: 8px; } .log { padding: 12px 16px; } .log li { grid-template-columns: minmax(0, 1fr); gap: 0; margin-bottom: 4px; } .event { grid-template-columns: 48px minmax(0, 1fr); gap: 2px 8px; padding: 8px 16px; } .event .what { grid-column: 2; } .events .gap { padding-right: 16px; padding-left: 72px; } .events pre { margin-right: 16px; margin-left: 16px; } }
@media print { :root { color-scheme: light; --canvas: #fff; } html { font-size: 12px; } .wrap { max-width: none; padding: 0; } main > section { margin-top: 20px; } details:not(.events details)::details-content { content-visibility: visible; } .tools, .cmd button, .skip { display: none; } .halves, .thirds { grid-template-columns: minmax(0, 1fr); } h2, h3, .sec { break-after: avoid; } li, tr, .tile { break-inside: avoid; } .scroll { overflow: visible; } th, td { padding: 4px 6px; } table { font-size: 0.85em; } .clip, .clip bdi, thead th, .scroll td:not(.number) { min-width: 0; max-width: none; white-space: normal; } a { color: inherit; } th button::after, .events summary .what::after { content: none; } * { -webkit-print-color-adjust: exact; print-color-adjust: exact; } }
`;

/** Script of all pages. */
export const SCRIPT: string = String.raw`
(() => {
  const formula = /^\s*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/;

  // The title of a shortened text contains the whole text. The number of a pull request links to its address.
  const longer = (element) =>
    Array.from(
      element.querySelectorAll("[title], a[href^=http]"),
      (part) => [part.textContent, part.title || part.href],
    );

  function wholeText(cell) {
    let text = (cell.textContent ?? "").replaceAll("\u00a0", " ").trim();
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
    // A search term in quotes must match the whole text of a cell.
    const hasCell = ({ row }, text) => Array.from(row.children).some((cell) => wholeText(cell).toLowerCase() === text);
    const textOf = (each) =>
      each.text ??= [each.row.textContent, ...longer(each.row).map(([, long]) => long)].join(" ").toLowerCase();
    const show = () => {
      const words = (search?.value ?? "").toLowerCase().match(/"[^"]*"|\S+/g) ?? [];
      const kind = choice?.value ?? "";
      let shown = 0;
      for (const each of rows) {
        const { row } = each;
        row.hidden = kind !== "" && row.dataset.k !== kind ||
          !words.every((word) => /^".+"$/.test(word) ? hasCell(each, word.slice(1, -1)) : textOf(each).includes(word));
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
          copy.textContent = "Copied";
        } catch {
          const table = list.querySelector("table");
          if (table !== null) getSelection()?.selectAllChildren(table);
          copy.textContent = "No clipboard access: copy the selected rows";
        }
      };
      copy.onblur = () => copy.textContent = label;
    }
    list.querySelectorAll("th").forEach((head, column) => {
      if (head.scope === "col") sortable(head, column, body);
    });
    // A link with data-search also sets the filters of the list that contains its target.
    document.querySelectorAll("a[data-search]").forEach((link) =>
      link.addEventListener("click", () => {
        const target = document.getElementById(link.hash.slice(1));
        if (!body.contains(target)) return;
        if (search !== null) search.value = link.dataset.search ?? "";
        if (choice !== null) choice.value = link.dataset.kind ?? "";
        show();
      })
    );
    // A link to a hidden row resets the filters.
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

  function copyable(place) {
    const code = place.querySelector("code");
    if (code === null) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.onclick = async () => {
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection()?.selectAllChildren(code);
        button.textContent = "Selected: copy it";
      }
    };
    button.onblur = () => button.textContent = "Copy";
    place.append(button);
  }

  // Opens the details of a link's target, and the fold around the target, which old browsers do not open.
  function unfold() {
    const target = document.getElementById(location.hash.slice(1));
    for (const fold of [target?.closest("details"), target?.querySelector("td > .more")]) {
      if (fold) fold.open = true;
    }
  }

  // Without its age, a page that is no longer updated would look current.
  function showAge(time) {
    const hours = Math.floor((Date.now() - Date.parse(time.dateTime)) / 3600000);
    if (!(hours >= 1)) return;
    const [count, unit] = hours < 48 ? [hours, "hour"] : [Math.floor(hours / 24), "day"];
    const age = count + " " + unit + (count === 1 ? "" : "s");
    time.parentElement?.append(" (" + age + " ago)");
    if (hours < 48) return;
    const warning = document.createElement("p");
    warning.className = "stale";
    warning.textContent = "This page is " + age + " old. The job that updates it may have stopped.";
    document.querySelector(".head")?.prepend(warning);
  }

  // Updates times such as "3 h ago". Durations are not updated, because the work may have ended after the page was written.
  function showAgo(time) {
    const minutes = (Date.now() - Date.parse(time.dateTime)) / 60000;
    if (!(minutes >= 0) || !/ ago$/.test(time.textContent.replaceAll("\u00a0", " "))) return;
    const hours = Math.round(minutes / 60);
    const age = minutes < 1
      ? "under 1 min"
      : minutes < 60
      ? Math.round(minutes) + " min"
      : hours < 24
      ? hours + " h"
      : Math.max(1, Math.floor(minutes / 1440)) + " d";
    time.textContent = (age + " ago").replaceAll(" ", "\u00a0");
  }

  document.querySelectorAll("time[data-age]").forEach(showAge);
  document.querySelectorAll("time[title]").forEach(showAgo);
  document.querySelectorAll("[data-list]").forEach(listOf);
  addEventListener("hashchange", unfold);
  unfold();
  document.querySelectorAll(".cmd").forEach(copyable);
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
