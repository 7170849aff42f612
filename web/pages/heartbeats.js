/**
 * Heartbeats: what state each job is in and when it is due next, its last pings, and all that is known of one. What is not
 * seen at once is loaded when it is.
 *
 * @typedef {import("../generic.js").Context} Context
 *
 * @type {import("../generic.js").Page}
 */
import { get, withQuery } from "../api.js";
import { curlText, emptyState, fill, firstSentence, formatNumber, h, icon, pageHead } from "../dom.js";
import { canDo, filterBar, listPath, otherQuery, tagCells } from "../generic.js";
import { menuButton } from "../menu.js";
import { listView } from "../table.js";
import { rowItems } from "./heartbeats/actions.js";
import { keepFresh } from "./heartbeats/fresh.js";
import { strips } from "./heartbeats/strip.js";
import {
  STATES,
  checkHref,
  drawn,
  dueWords,
  nameOf,
  quietMark,
  scheduleElement,
  stateMark,
} from "./heartbeats/words.js";

const PAGES = "/api/heartbeats/pages";
const MOST_ROWS = 200;

/** The style of these pages comes with them; nothing is shown without it. */
const styled = new Promise((resolve) => {
  const href = new URL("heartbeats/style.css", import.meta.url).href;
  document.head.append(h("link", { rel: "stylesheet", href, onload: resolve, onerror: resolve }));
});

// ---- counts --------------------------------------------------------------

/** How many there are of each state; each leads to those alone. @param {Context} ctx @param {(state: string) => void} onChoose */
const stateCounts = (ctx, onChoose) => {
  const element = h("nav.state-counts", { "aria-label": "By state" });
  let counts = {};
  let chosen = "";
  const choose = (state) => (event) => {
    if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    onChoose(state);
  };
  const link = ([state, { words, tone, drawing }]) =>
    h(
      `a.state-count.${tone}${counts[state || "total"] ? "" : ".is-zero"}`,
      {
        href: withQuery(listPath(ctx), { state }),
        "aria-current": state === chosen ? "true" : null,
        dataset: { state },
        onclick: choose(state),
      },
      h("strong", null, formatNumber(counts[state || "total"] ?? 0)),
      h("span", null, drawing && drawn(drawing), words),
    );
  const show = () => {
    const focused = element.contains(document.activeElement) ? document.activeElement.dataset.state : null;
    fill(
      element,
      [["", { words: "All", tone: "plain", drawing: "" }], ...Object.entries(STATES)].map(/** @type {any} */ (link)),
    );
    if (focused !== null) element.querySelector(`[data-state="${focused}"]`)?.focus();
  };
  const load = async () => {
    counts = await get(`${ctx.slice.api_url}/summary`, ctx.signal);
    element.hidden = !counts.total;
    show();
  };
  const mark = (state) => {
    chosen = state;
    show();
  };
  return { element, load, mark };
};

// ---- the list ------------------------------------------------------------

const column = (name, label, kind = "string") => /** @type {any} */ ({ name, label, kind, schema: {} });
const COLUMNS = [
  column("name", "Name"),
  column("state", "State"),
  column("schedule", "Schedule"),
  column("last_ping_at", "Last ping", "datetime"),
  column("pings", "Lately"),
  column("actions", "Actions"),
];

/** The state has a place of its own, and a slug is found by the search. @param {Context} ctx */
const withOwnFilters = (ctx) => {
  const filters = ctx.ops.filters.filter(({ name }) => !["state", "slug"].includes(name));
  return { ...ctx, ops: { ...ctx.ops, filters } };
};

/** What the list shows now. */
const shownKeys = (list) => [...list.element.querySelectorAll("tbody tr")].map((row) => row.dataset.key);

/** Loads all rows anew; the focus stays with its row. */
const reload = async (list, rows) => {
  const key = document.activeElement?.closest("tbody tr")?.dataset.key;
  await list.load({ isQuiet: true, rows });
  if (key) list.element.querySelector(`tr[data-key="${CSS.escape(key)}"] .row-link`)?.focus({ preventScroll: true });
};

/** Changes what has changed in rows that are there, and all of them once others belong there. */
const look = async (ctx, list, query) => {
  const keys = shownKeys(list);
  if (keys.length > MOST_ROWS) return;
  const { items } = await get(
    withQuery(ctx.slice.api_url, { ...query(), limit: Math.max(50, keys.length) }),
    ctx.signal,
  );
  const isSame = items.length === keys.length && items.every(({ id }, index) => id === keys[index]);
  if (!isSame) return reload(list, keys.length);
  items.forEach((item) => list.merge(item.id, item));
};

/** @param {Context} ctx */
const emptyList = (ctx, newButton) =>
  emptyState({
    title: "No heartbeats yet",
    text: "A job pings its URL each time it has run; when the ping does not come, you are told. Make one here, or from a terminal.",
    action: newButton,
    curl: curlText({
      method: "POST",
      path: ctx.slice.api_url,
      body: {
        name: "Nightly backup",
        schedule: { cron: "30 2 * * *", timezone: "Europe/Vienna" },
        grace_seconds: 3600,
      },
    }),
  });

/** @param {Context} ctx @param {{ bar: any, stateOf: () => string, newButton: (isMain: boolean) => any }} parts */
const checkList = (ctx, { bar, stateOf, newButton }) => {
  const canWrite = canDo(ctx.ops.update);
  const rows = strips({ signal: ctx.signal, onLoaded: (id) => list.merge(id, {}) });
  const tags = tagCells(ctx, bar).tags;
  const cells = {
    name: (check) => h("span", null, nameOf(check)),
    state: (check) =>
      h(
        "span.stacked.state-cell",
        null,
        h("span.with-badges", null, stateMark(check.state), quietMark(check)),
        h("span.muted", null, dueWords(check, rows.lastFlip(check.id))),
      ),
    schedule: (check) => scheduleElement(check.schedule),
    pings: rows.stripOf,
    actions: (check) =>
      canWrite
        ? menuButton({
            face: h("span", { "aria-hidden": "true" }, "•••"),
            label: `Actions of ${nameOf(check)}`,
            items: () =>
              rowItems({ check: list.itemOf(check.id) ?? check, onDone: (data) => list.merge(check.id, data) }),
            look: ".quiet.row-menu",
          }).element
        : h("span"),
  };
  const list = listView({
    path: ctx.slice.api_url,
    query: () => ({ ...bar.read(), state: stateOf() }),
    label: ctx.slice.title,
    one: "heartbeat",
    columns: COLUMNS,
    cells,
    keyOf: (check) => check.id,
    hrefOf: (check) => checkHref(check.id),
    beside: (check) => (check.tags.length ? tags(check) : null),
    empty: () => emptyList(ctx, newButton(false)),
    onClearFilters: () => ctx.go(listPath(ctx)),
    signal: ctx.signal,
  });
  return list;
};

/** @param {Context} bare */
const listPage = async (bare) => {
  await styled;
  const ctx = withOwnFilters(bare);
  const { slice, signal } = ctx;
  const given = ctx.url.searchParams.get("state");
  let state = given in STATES ? given : "";
  const bar = filterBar(ctx, () => show());
  const query = () => ({ ...bar.read(), state });
  const newButton = (isMain) =>
    canDo(ctx.ops.create) &&
    h(
      "a.button.primary",
      { href: `${listPath(ctx)}/new`, "aria-keyshortcuts": isMain ? "n" : null, dataset: isMain ? { new: "" } : {} },
      icon("plus"),
      "New heartbeat",
    );
  const list = checkList(ctx, { bar, stateOf: () => state, newButton });
  const counts = stateCounts(ctx, (next) => {
    state = next;
    counts.mark(state);
    show();
  });
  const show = () => {
    ctx.go(withQuery(listPath(ctx), { ...otherQuery(ctx), ...query() }), { isReplaced: true, isQuiet: true });
    return list.load({ isQuiet: true });
  };
  counts.mark(state);
  counts.load().catch(() => {});
  list.load({ rows: ctx.left?.rows }).then(() => ctx.left && !signal.aborted && scrollTo(0, ctx.left.scroll));
  keepFresh(ctx, () => Promise.all([look(ctx, list, query), counts.load()]));
  const actions = [
    ctx.doc.paths[PAGES] && h("a.button", { href: `${listPath(ctx)}/pages` }, "Status pages"),
    newButton(true),
  ];
  return h(
    "div.page.heartbeats",
    null,
    pageHead({ title: slice.title, text: firstSentence(slice.description), actions }),
    counts.element,
    bar.element,
    list.element,
  );
};

/** A page below the list: a form for a new check, the status pages, or one check. @param {Context} ctx @param {string} id */
const objectPage = async (ctx, id) => {
  await styled;
  if (id === "new") return (await import("./heartbeats/form.js")).createPage(ctx);
  if (id === "pages" && ctx.doc.paths[PAGES]) return (await import("./heartbeats/status.js")).statusPages(ctx);
  return (await import("./heartbeats/check.js")).checkPage(ctx, id);
};

export default { list: listPage, object: objectPage };
