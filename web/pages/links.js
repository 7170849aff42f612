/**
 * Short links: a field to paste a URL into, the short URL to copy, statistics, redirect rules, QR codes, and files in and out.
 * What is not seen at once is loaded when it is.
 *
 * @type {import("../generic.js").Page}
 */
import { onEvents } from "../api.js";
import { copyButton, fill, formatNumber, h, icon, plural, skeleton } from "../dom.js";
import { canDo } from "../generic.js";
import { lazily, whenDrawn } from "../lazy.js";
import { badge, urlElement } from "../table.js";
import { passwordControl, slugControl } from "./links/controls.js";
import { rulesElement } from "./links/words.js";

/** The short URL without its scheme. */
const shortUrl = (link) => h("strong", null, link.short_url.replace(/^https?:\/\//, ""));

const targetCell = (link) =>
  h("span.stacked", null, link.title && h("span.clip", { title: link.title }, link.title), urlElement(link.url));

/** Depends on the time of day, so the API does not keep it. */
const stateOf = (link, now = Date.now()) => {
  if (link.starts_at && Date.parse(link.starts_at) > now) return "upcoming";
  const isOver = link.expires_at && Date.parse(link.expires_at) <= now;
  const isUsedUp = link.max_visits && link.visit_count >= link.max_visits;
  return isOver || isUsedUp ? "expired" : "active";
};

const stateCell = (link) => badge(link.state ?? stateOf(link));

const visitCell = (link) => {
  const limit = link.max_visits ? ` of ${formatNumber(link.max_visits)}` : "";
  return h("span.number", null, formatNumber(link.visit_count), limit);
};

const mark = (name, words) => h("span.note-mark", { title: words }, icon(name), h("span.visually-hidden", null, words));

const beside = (link) => [
  copyButton(link.short_url, `Copy ${link.short_url}`),
  link.has_password && mark("lock", "Asks for a password"),
  link.rules?.length > 0 && mark("rules", `Has ${plural(link.rules.length, "redirect rule")}`),
];

const passwordCell = (link) => h("span", null, link.has_password ? "Visitors are asked for it" : "None");

const rulesCell = (link) =>
  link.rules?.length ? rulesElement(link) : h("span.none", null, "None: everybody goes to the same place");

const created = (link) =>
  h(
    "div.created-link",
    null,
    h("a.short-url", { href: link.short_url, target: "_blank", rel: "noopener" }, link.short_url),
    h(
      "div.actions",
      null,
      copyButton(link.short_url, "Copy", "Copy"),
      h("a.button", { href: `/app/links/${encodeURIComponent(link.slug)}` }, "QR code and details"),
      h(
        "button.quiet",
        { type: "button", onclick: (event) => event.currentTarget.closest(".created").replaceChildren() },
        "Done",
      ),
    ),
    h("p.muted", null, "leads to ", urlElement(link.url)),
  );

const tools = (link) => [
  copyButton(link.short_url, "Copy short URL", "Copy short URL"),
  h("a.button", { href: link.short_url, target: "_blank", rel: "noopener" }, icon("external"), "Open"),
];

/** Under the title: where it leads. @param {any} link */
const lead = (link) => h("span.lead", null, urlElement(link.short_url), icon("arrow"), urlElement(link.url));

// ---- parts that are loaded when they are shown ----------------------------

const hasPath = (ctx, rest) => Boolean(ctx.doc.paths[`${ctx.slice.api_url}${rest}`]);

const place = (tag, attributes = {}) => h(tag, attributes, skeleton(4));

const isVisited = (link) => link.visit_count + link.bot_visit_count > 0;

const stats = (link, ctx) =>
  hasPath(ctx, "/{slug}/stats") &&
  lazily(place(`div.card.stats-card${isVisited(link) ? ".is-tall" : ""}`), async () =>
    (await import("./links/stats.js")).linkStats(ctx, link),
  );

const qr = (link) => lazily(place("div.qr-place"), async () => (await import("./links/qr.js")).qrCard(link));

/** Statistics of all links, folded until somebody looks; the address keeps that they are open. */
const overview = (ctx) => {
  if (!hasPath(ctx, "/stats")) return null;
  const box = h("div.card.stats-card");
  const show = () => {
    const { pathname, searchParams } = new URL(location.href);
    if (!searchParams.has("range"))
      ctx.go(`${pathname}?${new URLSearchParams([...searchParams, ["range", "30d"]])}`, {
        isReplaced: true,
        isQuiet: true,
      });
    if (!box.firstChild) lazily(fill(box, skeleton(4)), async () => (await import("./links/stats.js")).allStats(ctx));
  };
  const fold = h(
    "details.fold.overview",
    { open: ctx.url.searchParams.has("range"), ontoggle: () => (fold.open ? show() : rememberFolded(ctx)) },
    h("summary", null, "Statistics of all links"),
    box,
  );
  return fold;
};

const CHOICES = ["range", "from", "to", "bots"];
const rememberFolded = (ctx) => {
  const url = new URL(location.href);
  CHOICES.forEach((name) => url.searchParams.delete(name));
  ctx.go(url.pathname + url.search, { isReplaced: true, isQuiet: true });
};

/** The editor of rules comes when its place is drawn, such as when the fold opens; until then what is there stays as it is. */
const rulesControl = (field, initial, attributes) => {
  let editor = null;
  const element = h("div.rules-place", { ...attributes, role: "group" });
  const load = async () => {
    const { rulesEditor } = await import("./links/rules.js");
    editor = rulesEditor(initial);
    return editor.element;
  };
  whenDrawn(element, () => lazily(element, load));
  return {
    element,
    focus: (path) => editor?.focus(path),
    read: () => editor?.read() ?? { value: initial },
    showFaults: (faults) => editor?.showFaults(faults) ?? faults,
    isGroup: true,
    isWide: true,
  };
};

/** An import is told of once, and not link by link. */
const followImports = (ctx, list) => {
  const isImport = ({ slice, type }) => slice === ctx.slice.name && type === `${slice}.imported`;
  onEvents((events) => events.some(isImport) && list.load({ isQuiet: true }), ctx.signal);
};

const importButton = (ctx, list) => {
  followImports(ctx, list);
  const path = `${ctx.slice.api_url}/import`;
  if (!hasPath(ctx, "/import") || !canDo(ctx.ops.create)) return null;
  const onclick = async () => {
    const { openImport } = await import("./links/import.js");
    openImport(path, () => list.load({ isQuiet: true }));
  };
  return h("button", { type: "button", "aria-haspopup": "dialog", onclick }, "Import");
};

const ruleCell = (visit) =>
  typeof visit.rule === "number"
    ? h("span", null, `Rule ${visit.rule + 1}`)
    : h("span.none", null, h("span.visually-hidden", null, "none"), h("span", { "aria-hidden": "true" }, "–"));

const ORIGIN_CELLS = {
  rule: ruleCell,
  is_bot: (visit) => (visit.is_bot ? badge("bot") : h("span.none", null, h("span.visually-hidden", null, "person"))),
};

const VISIT_COLUMNS = ["at", "referrer", "browser", "os", "device", "language", "rule", "is_bot"];

const FORM_ORDER =
  "slug url title tags password note starts_at expires_at max_visits expired_url redirect_status is_query_forwarded rules".split(
    " ",
  );

export default {
  columns: ["slug", "url", "state", "visit_count", "tags", "created_at"],
  first: ["slug", "short_url", "url", "state", "visit_count", "bot_visit_count", "rules", "has_password"],
  firstInForms: FORM_ORDER,
  derived: ["state"],
  cells: {
    short_url: shortUrl,
    state: stateCell,
    visit_count: visitCell,
    rules: rulesCell,
    has_password: passwordCell,
  },
  listCells: { slug: (link) => link.slug, url: targetCell },
  controls: { slug: slugControl("/api/links"), password: passwordControl, rules: rulesControl },
  beside,
  quick: { primary: "url", submit: "Shorten", foldLabel: "Slug, password, rules…" },
  created,
  tools,
  lead,
  above: stats,
  aside: qr,
  listTools: (ctx, list) => [importButton(ctx, list)],
  overview,
  subLists: { visits: { columns: VISIT_COLUMNS, cells: ORIGIN_CELLS } },
};
