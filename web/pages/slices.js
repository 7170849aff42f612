/**
 * Slices: the report card of each, for those who build them. A row tells how it stands, and unfolds to all that is known.
 *
 * @type {import("../generic.js").Page}
 */
import { get, withQuery } from "../api.js";
import {
  codeSpans,
  curlButton,
  errorState,
  fill,
  firstSentence,
  formatDuration,
  formatNumber,
  h,
  newId,
  pageHead,
  plural,
  prose,
  skeleton,
} from "../dom.js";

/** @typedef {{ name: string, title: string, state: string, marks: any[], [field: string]: any }} Card */

const AT_ONCE = 200;
const TONES = { loaded: "good", disabled: "plain", faulty: "bad" };

const number = (value) =>
  value === null ? h("span.none", null, "–") : h("span.number", null, formatNumber(value));

const stateBadge = (card) => h(`span.badge.${TONES[card.state]}`, null, card.state);

const marksBadge = ({ marks }) => {
  const of = (state) => marks.filter((mark) => mark.state === state).length;
  const checked = of("passed") + of("failed");
  if (!checked) return h("span.none", null, "–");
  return h(`span.badge.${of("failed") ? "bad" : "good"}`, null, `${of("passed")} of ${checked}`);
};

/** A slice that is not loaded has nothing to check its marks by. */
const isChecked = ({ marks }) => marks.some(({ state }) => state !== "unchecked");

const sizeText = ({ size, is_size_least: isLeast }) =>
  size === null ? "not counted" : `${formatNumber(size)}${isLeast ? " or more" : ""}`;

// ---- what a row unfolds to ----------------------------------------------

const section = (title, items, isWide = false) =>
  items.length > 0 && h(`section${isWide ? ".wide" : ""}`, null, h("h2", null, title), h("ul", null, items));

const miss = ({ where, what, cure }) =>
  h("li.miss", null, h("code", null, where), h("span", null, what), h("span.muted", null, "Cure: ", cure));

const SIGNS = { passed: "✓", failed: "✗", unchecked: "–" };

const mark = ({ title, state, misses }) =>
  h(
    `li.mark-line.${state}`,
    null,
    h("span.sign", { "aria-hidden": "true" }, SIGNS[state]),
    h("span", null, title, h("span.visually-hidden", null, `: ${state}`)),
    misses.length > 0 && h("ul", null, misses.map(miss)),
  );

const accessOf = (scope) => (scope === null ? "public" : scope || "any key");

const route = ({ method, path, kind, scope }) =>
  h(
    "li.route",
    null,
    h(`span.method.${method.toLowerCase()}`, null, method),
    h("code", null, path),
    h("span.muted", null, `${kind}, ${accessOf(scope)}`),
  );

const line = (name, ...rest) => h("li", null, h("code", null, name), " ", h("span.muted", null, rest));

const details = (card) =>
  h(
    "div.slice-details",
    null,
    card.faults.length > 0 &&
      h("div.note.error.wide", null, h("strong", null, "It cannot be loaded"), card.faults.map((each) => h("span", null, each))),
    card.state === "disabled" &&
      h("div.note.wide", null, h("span", null, "It is left out by ", h("code", null, "SLICE_DISABLED"), ".")),
    h(
      "div.wide.muted",
      null,
      prose(card.description),
      h(
        "p",
        null,
        h("code", null, card.folder),
        ` · ${plural(card.line_count, "line")} of code`,
        card.test_count !== null && ` · ${plural(card.test_count, "test")}`,
      ),
    ),
    section("Marks", isChecked(card) ? card.marks.map(mark) : []),
    section(
      "Keeps",
      card.stores.map((each) => line(each.name, `${each.kind} in ${each.engine}: ${sizeText(each)}`)),
    ),
    section("Routes", card.routes.map(route), true),
    section(
      "Events",
      card.events.map((each) => line(each.topic, codeSpans(each.summary))),
    ),
    section(
      "Listens to",
      card.listens_to.map((each) => line(each)),
    ),
    section(
      "Jobs",
      card.jobs.map((each) => line(each.name, `every ${formatDuration(each.every_seconds)}`)),
    ),
    section(
      "Scopes",
      card.scopes.map((each) => line(each)),
    ),
    section(
      "Settings",
      card.settings.map((each) => line(`${each.name}=${each.default}`, codeSpans(each.meaning))),
      true,
    ),
    card.routes.length > 0 && h("p.wide", null, h("a", { href: `/docs#${card.name}` }, "Its API documentation")),
  );

// ---- the table ----------------------------------------------------------

/** How much a slice offers; of one that is not loaded that is not known. */
const offered = (card, count) => number(card.state === "loaded" ? count : null);

const COLUMNS = [
  ["State", (card) => stateBadge(card)],
  ["Marks", (card) => marksBadge(card)],
  ["Routes", (card) => offered(card, card.routes.length)],
  ["Public", (card) => offered(card, card.routes.filter(({ scope }) => scope === null).length)],
  ["Events", (card) => offered(card, card.events.length)],
  ["Stores", (card) => offered(card, card.stores.length)],
  ["Tests", (card) => number(card.test_count)],
  ["Lines", (card) => number(card.line_count)],
];
const isNumeric = (label) => !["State", "Marks"].includes(label);

/** The row of a slice, and the one that it unfolds to. @param {Card} card */
const rows = (card) => {
  const id = newId("slice");
  const cell = h("td", { role: "cell", colspan: String(COLUMNS.length + 1) });
  const more = h("tr.more", { role: "row", id, hidden: true }, cell);
  const unfold = (isOpen) => {
    if (isOpen && !cell.firstChild) fill(cell, details(card));
    more.hidden = !isOpen;
    button.setAttribute("aria-expanded", String(isOpen));
  };
  const onclick = () => unfold(more.hidden);
  const button = h(
    "button.unfold",
    { type: "button", "aria-expanded": "false", "aria-controls": id, onclick },
    h("span", null, card.title),
    h("code.muted", null, card.name),
  );
  const cells = COLUMNS.map(([label, value]) =>
    h(`td${isNumeric(label) ? ".numeric" : ""}`, { role: "cell", dataset: { label } }, value(card)),
  );
  if (location.hash === `#${card.name}`) unfold(true);
  return [h("tr", { role: "row", id: card.name }, h("th", { role: "rowheader", scope: "row" }, button), cells), more];
};

const table = (cards) =>
  h(
    "table.data.slices",
    { role: "table", "aria-label": "Slices" },
    h(
      "thead",
      { role: "rowgroup" },
      h(
        "tr",
        { role: "row" },
        h("th", { role: "columnheader", scope: "col" }, "Slice"),
        COLUMNS.map(([label]) =>
          h(`th${isNumeric(label) ? ".numeric" : ""}`, { role: "columnheader", scope: "col" }, label),
        ),
      ),
    ),
    h("tbody", { role: "rowgroup" }, cards.map(rows)),
  );

const verdict = (cards) => {
  const missed = cards.flatMap(({ marks }) => marks).filter(({ state }) => state === "failed").length;
  const faulty = cards.filter(({ state }) => state === "faulty").length;
  const parts = [
    plural(cards.length, "slice"),
    faulty > 0 && `${faulty} cannot be loaded`,
    missed ? `${plural(missed, "mark")} missed` : "no mark missed",
  ];
  return parts.filter(Boolean).join(", ");
};

const all = async (path, signal, after) => {
  const { items, next } = await get(withQuery(path, { limit: AT_ONCE, after }), signal);
  return next ? [...items, ...(await all(path, signal, next))] : items;
};

const list = ({ slice, signal }) => {
  const stage = h("div.list", null, skeleton());
  const foot = h("div.list-foot");
  const load = async () => {
    try {
      const cards = await all(slice.api_url, signal);
      fill(stage, table(cards));
      fill(
        foot,
        h("p.muted", null, verdict(cards)),
        curlButton(() => ({ path: slice.api_url })),
      );
      showNamed();
    } catch (error) {
      if (!signal.aborted) fill(stage, errorState(error, load));
    }
  };
  // An address such as `/slices#links` names one of them.
  const showNamed = () => document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
  addEventListener("hashchange", load, { signal });
  load();
  return h(
    "div.page",
    null,
    pageHead({ title: slice.title, text: firstSentence(slice.description) }),
    stage,
    foot,
  );
};

export default { list };
