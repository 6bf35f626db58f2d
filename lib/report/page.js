/**
 * The script of all pages. `npm run docs` writes the script into assets.ts. Pages are complete without it: the script only searches, filters,
 * sorts and copies what a page shows.
 *
 * A list is an element with `data-list`. Its tools are in `.tools`, hidden until the script runs: a search field, a choice of kinds (the
 * `data-k` of rows), a button that copies the table, and a place for the number of rows. Rows are children of `[data-rows]`.
 */
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
