/**
 * Values by their kind, tables that change row by row, and lists with all their states.
 */
import {
  announce,
  copyButton,
  curlButton,
  emptyState,
  errorState,
  exactTime,
  fill,
  formatBytes,
  formatDuration,
  formatNumber,
  h,
  humanize,
  icon,
  isSafeUrl,
  plural,
  relativeTime,
  skeleton,
  timeElement,
} from "./dom.js";
import { get, withQuery } from "./api.js";

/** @typedef {import("./schema.js").Field} Field */

// ---- values --------------------------------------------------------------

const TONES = [
  ["good", /^(active|up|ok|on|healthy|success|succeeded|delivered|done|enabled|open)$/],
  ["warn", /^(upcoming|pending|paused|late|degraded|waiting|grace|retrying|new|started|running|scheduled)$/],
  ["bad", /^(down|failed|failing|error|parked|revoked|blocked|rejected)$/],
];

/** A word in a small frame; known words have a tone. @param {string} word */
export const badge = (word) => {
  const [tone] = TONES.find(([, words]) => words.test(word)) ?? ["plain"];
  return h(`span.badge.${tone}`, null, humanize(String(word)));
};

const none = () =>
  h("span.none", null, h("span.visually-hidden", null, "none"), h("span", { "aria-hidden": "true" }, "–"));

const shortUrl = (url) => url.replace(/^https?:\/\/(www\.)?/, "").replace(/\/$/, "");

/** @param {string} url */
export const urlElement = (url) =>
  isSafeUrl(url)
    ? h("a.url", { href: url, title: url, rel: "noreferrer noopener", target: "_blank" }, shortUrl(url))
    : h("span.url", null, url);

const isNumeric = ({ kind }) => kind === "integer" || kind === "number" || kind === "duration";

const numberText = (field, value) => {
  if (field.kind === "duration") return formatDuration(value);
  return /(^|_)(bytes|size)$/.test(field.name) ? formatBytes(value) : formatNumber(value);
};

const boolean = (value, isFull) => {
  if (isFull) return h("span", null, value ? "Yes" : "No");
  return value
    ? h("span.yes", null, icon("check"), h("span.visually-hidden", null, "yes"))
    : h("span.none", null, h("span.visually-hidden", null, "no"), h("span", { "aria-hidden": "true" }, "–"));
};

/** A far day says nothing more when it is said twice. */
const bothTimes = (at) => {
  const exact = exactTime(at);
  const isFar = exact.startsWith(relativeTime(at));
  return isFar
    ? h("time", { datetime: at }, exact)
    : h("span.both-times", null, timeElement(at), h("span.muted", null, exact));
};

const isBlank = (value) =>
  value === null || value === undefined || value === "" || (Array.isArray(value) && !value.length);

/** Data with its own copy button; the keyboard can scroll it, since it may be longer than the box. */
const jsonBlock = (field, value) => {
  const text = JSON.stringify(value, null, 2);
  return h(
    "div.json-block",
    null,
    h("pre.json", { tabindex: "0", role: "region", "aria-label": field.label }, text),
    copyButton(text, `Copy ${field.label}`),
  );
};

/**
 * A value as people read it.
 * @param {Field} field @param {any} value
 * @param {{ isFull?: boolean }} [options] full: nothing shortened
 * @returns {Node}
 */
export const valueElement = (field, value, { isFull = false } = {}) => {
  if (isBlank(value)) return none();
  if (typeof value === "boolean") return boolean(value, isFull);
  if (field.kind === "datetime") return isFull ? bothTimes(value) : timeElement(value);
  if (typeof value === "number" && isNumeric(field)) return h("span.number", null, numberText(field, value));
  if (field.kind === "enum" && typeof value === "string") return badge(value);
  if (field.kind === "tags" || field.kind === "choices")
    return h(
      "span.tags",
      null,
      value.map((each) => h("span.tag", null, String(each))),
    );
  if (field.kind === "url" || (typeof value === "string" && /^https?:\/\/\S+$/.test(value))) return urlElement(value);
  if (typeof value === "object")
    return isFull ? jsonBlock(field, value) : h("code.clip", null, JSON.stringify(value));
  if (/(^|_)(id|by|slug|hash|digest)$/.test(field.name)) return h("code.id", null, String(value));
  return h(
    isFull ? "span.full-text" : "span.clip",
    { title: isFull ? null : String(value).length > 60 ? String(value) : null },
    String(value),
  );
};

// ---- tables --------------------------------------------------------------

const isSame = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/**
 * A table whose rows come, change and go by key.
 * @param {Object} options
 * @param {Field[]} options.columns
 * @param {string} options.label
 * @param {(item: any) => string} options.keyOf
 * @param {(item: any) => string | null} [options.hrefOf] where the first cell leads
 * @param {Record<string, (item: any, field: Field) => Node>} [options.cells] own cells by field name
 * @param {(item: any) => Node | null} [options.beside] what stands beside the link of the first cell
 */
export const dataTable = ({ columns, label, keyOf, hrefOf = () => null, cells = {}, beside = () => null }) => {
  /** @type {Map<string, { row: HTMLElement, item: any }>} */
  const rows = new Map();
  const body = h("tbody", { role: "rowgroup" });

  const content = (field, item, index) => {
    const value = cells[field.name]?.(item, field) ?? valueElement(field, item[field.name]);
    if (index > 0) return value;
    const href = hrefOf(item);
    const link = href ? h("a.row-link", { href }, value) : value;
    const extra = beside(item);
    return extra ? h("div.with-copy", null, link, extra) : link;
  };

  const cell = (field, item, index) =>
    h(
      `${index ? "td" : "th"}${isNumeric(field) ? ".numeric" : ""}`,
      {
        role: index ? "cell" : "rowheader",
        scope: index ? null : "row",
        dataset: { label: field.label, kind: field.kind, field: field.name },
      },
      content(field, item, index),
    );

  const makeRow = (item) =>
    h(
      "tr",
      { role: "row", dataset: { key: keyOf(item) } },
      columns.map((field, index) => cell(field, item, index)),
    );

  const change = (entry, item) => {
    columns.forEach((field, index) => {
      // A cell drawn by a page may depend on any field of the item.
      const isEqual = isSame(entry.item[field.name], item[field.name]);
      if (isEqual && !(field.name in cells)) return;
      const box = entry.row.children[index];
      const hadFocus = box.contains(document.activeElement);
      if (hadFocus && isEqual) return;
      fill(box, content(field, item, index));
      if (!isEqual) flash(box);
      if (hadFocus) box.querySelector("a, button")?.focus();
    });
    entry.item = item;
  };

  const put = (item, { isFirst = false, isNew = false } = {}) => {
    const entry = rows.get(keyOf(item));
    if (entry) return change(entry, item);
    const row = makeRow(item);
    rows.set(keyOf(item), { row, item });
    if (isFirst) body.prepend(row);
    else body.append(row);
    if (isNew) flash(row);
  };

  const remove = (key) => {
    rows.get(key)?.row.remove();
    rows.delete(key);
  };

  const move = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    const links = [...body.querySelectorAll("tr > :first-child .row-link")];
    const at = links.findIndex((link) => link.closest("tr").contains(document.activeElement));
    const target = links[Math.max(0, Math.min(links.length - 1, at + step))];
    if (!target) return;
    event.preventDefault();
    target.focus();
  };
  body.addEventListener("keydown", move);

  const element = h(
    "table.data",
    { role: "table", "aria-label": label },
    h(
      "thead",
      { role: "rowgroup" },
      h(
        "tr",
        { role: "row" },
        columns.map((field) =>
          h(
            `th${isNumeric(field) ? ".numeric" : ""}`,
            { role: "columnheader", scope: "col", dataset: { field: field.name } },
            field.label,
          ),
        ),
      ),
    ),
    body,
  );

  return {
    element,
    put,
    remove,
    /** @param {string} key */
    itemOf: (key) => rows.get(key)?.item ?? null,
    count: () => rows.size,
    clear: () => {
      rows.clear();
      fill(body);
    },
  };
};

/** Marks what has just changed; the style sheet keeps it still for those who ask for less motion. @param {Element} element */
export const flash = (element) => {
  element.classList.remove("flash");
  requestAnimationFrame(() => element.classList.add("flash"));
};

// ---- lists ---------------------------------------------------------------

const PAGE_SIZE = 50;
/** What the API gives at once. */
const MOST_ROWS = 200;

/**
 * A list from a path: loading, empty, error and full, with "show more" and live changes.
 * @param {Object} options
 * @param {string} options.path without a query
 * @param {() => Record<string, any>} [options.query] the filters of now
 * @param {string} options.label
 * @param {string} options.one what an item is called in counts
 * @param {Field[]} options.columns
 * @param {(item: any) => string} options.keyOf
 * @param {(item: any) => string | null} [options.hrefOf]
 * @param {Record<string, (item: any, field: Field) => Node>} [options.cells]
 * @param {(item: any) => Node | null} [options.beside]
 * @param {() => Node} options.empty
 * @param {() => void} [options.onClearFilters]
 * @param {number} [options.pageSize]
 * @param {AbortSignal} options.signal
 */
export const listView = ({
  path,
  query = () => ({}),
  label,
  one,
  columns,
  keyOf,
  hrefOf,
  cells,
  beside,
  empty,
  onClearFilters,
  pageSize = PAGE_SIZE,
  signal,
}) => {
  const table = dataTable({ columns, label, keyOf, hrefOf, cells, beside });
  const stage = h("div.stage");
  const news = h("div.news", { hidden: true });
  const foot = h("div.list-foot");
  const element = h("div.list", { "aria-busy": "true" }, news, stage, foot);
  let next = null;
  let isFull = false;
  let turn = 0;

  const isFiltered = () =>
    Object.values(query())
      .flat()
      .some((value) => value !== "" && value !== null && value !== undefined);
  const url = (after, size = pageSize) =>
    withQuery(path, { ...query(), limit: size === PAGE_SIZE ? null : size, after });

  const showFoot = () => {
    const count = table.count();
    const more =
      next && h("button", { type: "button", onclick: (event) => loadMore(event.currentTarget) }, "Show more");
    fill(
      foot,
      h("p.muted", { role: "status" }, next ? `First ${plural(count, one)}` : plural(count, one)),
      more,
      curlButton(() => ({ path: url() })),
    );
  };

  const showTable = () => {
    isFull = true;
    if (stage.firstChild !== table.element) fill(stage, table.element);
    showFoot();
  };

  const showNothing = () => {
    isFull = false;
    fill(foot);
    if (!isFiltered()) return fill(stage, empty());
    fill(
      stage,
      emptyState({
        title: "Nothing matches",
        text: "No entry fits what you are looking for.",
        action: onClearFilters && h("button", { type: "button", onclick: onClearFilters }, "Clear the filters"),
      }),
    );
  };

  const showError = (error) => {
    isFull = false;
    fill(foot);
    fill(
      stage,
      errorState(error, () => load()),
    );
  };

  const take = (page) => {
    page.items.forEach((item) => table.put(item));
    next = page.next;
  };

  /** @param {{ isQuiet?: boolean, rows?: number }} [how] quiet: what is shown stays until the new rows are there; rows: that many if possible */
  const load = async ({ isQuiet = false, rows = 0 } = {}) => {
    const mine = (turn += 1);
    news.hidden = true;
    element.setAttribute("aria-busy", "true");
    if (!isQuiet || !isFull) {
      fill(foot);
      fill(stage, skeleton());
    }
    try {
      const page = await get(url(null, Math.min(MOST_ROWS, Math.max(pageSize, rows))), signal);
      if (mine !== turn) return;
      table.clear();
      take(page);
      if (table.count()) showTable();
      else showNothing();
      announce(`${plural(table.count(), one)}${next ? " shown, there are more" : ""}`);
    } catch (error) {
      if (mine === turn && !signal.aborted) showError(error);
    } finally {
      if (mine === turn) element.setAttribute("aria-busy", "false");
    }
  };

  const loadMore = async (button) => {
    const mine = turn;
    const before = table.count();
    button.disabled = true;
    try {
      const page = await get(url(next), signal);
      if (mine !== turn) return;
      take(page);
      showFoot();
      // The focus goes on with the first of the new rows.
      table.element.querySelectorAll("tbody .row-link")[before]?.focus({ preventScroll: true });
    } catch (error) {
      if (signal.aborted) return;
      button.disabled = false;
      fill(
        foot,
        errorState(error, () => loadMore(button)),
      );
    }
  };

  /** Offers to load what has come, where it cannot simply be put on top. @param {number} count */
  const offerNews = (count) => {
    const known = Number(news.dataset.count ?? 0) * Number(!news.hidden);
    news.dataset.count = String(known + count);
    news.hidden = false;
    fill(
      news,
      h(
        "button",
        { type: "button", onclick: () => load({ isQuiet: true }) },
        `${plural(known + count, `new ${one}`)} – show`,
      ),
    );
  };

  return {
    element,
    load,
    isFiltered,
    offerNews,
    /** @param {any} item */
    insert: (item) => {
      table.put(item, { isFirst: true, isNew: true });
      showTable();
    },
    /** Changes a row that is shown. @param {string} key @param {any} part */
    merge: (key, part) => {
      const item = table.itemOf(key);
      if (item) table.put({ ...item, ...part });
    },
    /** @param {string} key */
    remove: (key) => {
      if (!table.itemOf(key)) return;
      table.remove(key);
      if (table.count()) showFoot();
      else load();
    },
    /** @param {string} key */
    has: (key) => Boolean(table.itemOf(key)),
    /** What a row shows now. @param {string} key */
    itemOf: (key) => table.itemOf(key),
  };
};

/**
 * Fields and values of one object, each with a copy button where copying is of use. What is not set is named, and takes no room.
 * @param {Field[]} fields @param {any} item
 * @param {Record<string, (item: any, field: Field) => Node>} [cells]
 */
export const facts = (fields, item, cells = {}) => {
  const isSet = (field) => field.isDerived || !isBlank(item[field.name]);
  const unset = fields.filter((field) => !isSet(field));
  const fact = (field) => {
    const value = item[field.name];
    const isCopied = typeof value === "string" && !["datetime", "enum"].includes(field.kind);
    return h(
      "div.fact",
      { dataset: { field: field.name } },
      h("dt", null, field.label),
      h(
        "dd",
        null,
        cells[field.name]?.(item, field) ?? valueElement(field, value, { isFull: true }),
        isCopied && copyButton(value, `Copy ${field.label}`),
      ),
    );
  };
  return h(
    "dl.facts",
    null,
    fields.filter(isSet).map(fact),
    unset.length > 0 &&
      h("div.fact.unset", null, h("dt", null, "Not set"), h("dd", null, unset.map((field) => field.label).join(", "))),
  );
};
