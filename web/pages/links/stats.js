/**
 * Statistics of visits: of one link, or of all of them. What is chosen stands in the address.
 *
 * @typedef {import("../../generic.js").Context} Context
 * @typedef {{ name: string | null, visits: number }} Ranked
 * @typedef {{ total: number, series: { start: string, visits: number }[], [list: string]: any }} Stats
 */
import { get, onEvents, onReset, withQuery } from "../../api.js";
import { barChart, rankedList } from "../../chart.js";
import {
  copyButton,
  curlButton,
  emptyState,
  errorState,
  fill,
  formatNumber,
  h,
  humanize,
  newId,
  plural,
  skeleton,
} from "../../dom.js";
import { segments } from "../../forms.js";
import { canDo, listPath } from "../../generic.js";
import { languageName } from "./words.js";
import { RANGES, UNITS, choiceQuery, dayOf, faultOf, pointsOf, readChoice, statsQuery } from "./ranges.js";

/** Live changes are shown at most so often. */
const PAUSE_MS = 1000;
const FIRST_PAUSE_MS = 150;

const visits = (count) => plural(count, "visit");

// ---- names ---------------------------------------------------------------

const nameOf = (name, unknown, say = (text) => text) => {
  if (name === null) return h("span.muted", null, unknown);
  return name === "(other)" ? h("span.muted", null, "Other") : say(name);
};

/** @type {[list: string, title: string, unknown: string, say?: (name: string) => string][]} */
const LISTS = [
  ["referrers", "Referrers", "Direct"],
  ["browsers", "Browsers", "Unknown"],
  ["oses", "Systems", "Unknown"],
  ["devices", "Devices", "Unknown", humanize],
  ["languages", "Languages", "Unknown", languageName],
];

// ---- controls ------------------------------------------------------------

const dateField = (label, value, onchange) => {
  const id = newId("day");
  const input = h("input", { id, type: "date", value, max: dayOf(new Date()), onchange });
  return { input, element: h("div.day", null, h("label", { for: id }, label), input) };
};

/** @param {import("./ranges.js").Choice} choice @param {(choice: import("./ranges.js").Choice) => void} onChange */
const controls = (choice, onChange) => {
  let now = choice;
  const fault = h("p.fault", { role: "status" });
  const changed = (part) => {
    now = { ...now, ...part };
    days.hidden = now.range !== "own";
    const text = now.range === "own" ? faultOf(now) : "";
    fill(fault, text);
    if (!text) onChange(now);
  };
  const from = dateField("From", now.from, () => changed({ from: from.input.value }));
  const to = dateField("To", now.to, () => changed({ to: to.input.value }));
  const days = h("div.days", { hidden: now.range !== "own" }, from.element, to.element, fault);
  const range = segments({
    label: "Time",
    options: RANGES.map(([value, words]) => [value, words]),
    value: now.range,
    onChoose: (value) => changed({ range: value }),
  });
  const bots = h("input", {
    type: "checkbox",
    checked: now.hasBots,
    onchange: (event) => changed({ hasBots: event.currentTarget.checked }),
  });
  return [range.element, h("label.choice", null, bots, h("span", null, "Count bots, too")), days];
};

// ---- the section ---------------------------------------------------------

const isIn = (element) => element.contains(document.activeElement);

/** Runs at most once in a while, and not at all any more once the page was left. */
const throttled = (run, signal) => {
  let timer = null;
  let last = 0;
  return () => {
    if (timer || signal.aborted) return;
    const wait = Math.max(FIRST_PAUSE_MS, PAUSE_MS - (Date.now() - last));
    timer = setTimeout(() => {
      timer = null;
      last = Date.now();
      if (!signal.aborted) run();
    }, wait);
  };
};

/**
 * @param {Context} ctx
 * @param {Object} options
 * @param {string} options.path
 * @param {string} options.label
 * @param {(event: any) => boolean} options.isMine whether an event changes what is shown
 * @param {(stats: Stats) => Node | null} [options.nothing] what stands there in place of it all, when there is nothing at all
 * @param {(stats: Stats, lists: typeof ranked) => Node[]} [options.first] lists that come before the others
 * @param {(stats: Stats) => Node | null} [options.last] what comes below
 */
const statistics = (ctx, { path, label, isMine, nothing = () => null, first = () => [], last = () => null }) => {
  let choice = readChoice(new URL(location.href).searchParams);
  let turn = 0;
  let aborting = new AbortController();
  let isShown = false;
  const unfolded = new Set();
  const url = () => withQuery(path, statsQuery(choice));

  const total = h("p.stats-total", { role: "status" });
  const lists = h("div.ranked-lists");
  const rest = h("div.stats-rest");
  const stage = h("div.stats-stage");
  const chart = barChart({ label: "Visits", of: "Visits", words: visits });

  const ranked = (title, items) =>
    items.length > 0 && rankedList({ title, items, isWhole: unfolded.has(title), onMore: () => unfolded.add(title) });

  const byName = (stats) =>
    LISTS.map(([list, title, unknown, say]) =>
      ranked(
        title,
        (stats[list] ?? []).map((each) => ({ name: nameOf(each.name, unknown, say), value: each.visits })),
      ),
    );

  const showChart = (stats, interval) => {
    if (!stage.contains(chart.element)) fill(stage, chart.element);
    chart.show(pointsOf(stats.series, interval), UNITS[interval]);
  };

  /** @param {Stats} stats */
  const show = (stats) => {
    isShown = true;
    const words = RANGES.find(([range]) => range === choice.range)[2];
    fill(total, h("strong", null, formatNumber(stats.total)), ` ${stats.total === 1 ? "visit" : "visits"} ${words}`);
    const none = stats.total ? null : nothing(stats);
    element.classList.toggle("is-empty", Boolean(none));
    if (none) fill(stage, none);
    else showChart(stats, statsQuery(choice).interval);
    // What holds the focus stays as it is.
    if (!isIn(lists)) fill(lists, none ? null : [first(stats, ranked), byName(stats)]);
    if (!isIn(rest)) fill(rest, last(stats));
  };

  const load = async ({ isQuiet = false } = {}) => {
    const mine = (turn += 1);
    aborting.abort();
    aborting = new AbortController();
    element.setAttribute("aria-busy", "true");
    if (!isShown) fill(stage, skeleton(4));
    const signal = AbortSignal.any([ctx.signal, aborting.signal]);
    try {
      const stats = await get(url(), signal);
      if (mine === turn) show(stats);
    } catch (error) {
      // What was shown stays when only a live change could not be fetched.
      if (mine !== turn || signal.aborted || (isQuiet && isShown)) return;
      isShown = false;
      fill(total);
      fill(lists);
      fill(rest);
      fill(
        stage,
        errorState(error, () => load()),
      );
    } finally {
      if (mine === turn) element.setAttribute("aria-busy", "false");
    }
  };

  const onChange = (next) => {
    choice = next;
    const { searchParams } = new URL(location.href);
    const own = choiceQuery(next);
    const others = [...searchParams.keys()].filter((name) => !(name in own));
    const query = Object.fromEntries(others.map((name) => [name, searchParams.getAll(name)]));
    ctx.go(withQuery(location.pathname, { ...query, ...own }), { isReplaced: true, isQuiet: true });
    load();
  };

  const refresh = throttled(() => load({ isQuiet: true }), ctx.signal);
  onEvents((events) => events.some(isMine) && refresh(), ctx.signal);
  onReset(refresh, ctx.signal);

  const element = h(
    "section.stats",
    { "aria-label": label },
    total,
    h(
      "div.stats-controls",
      null,
      controls(choice, onChange),
      curlButton(() => ({ path: url() })),
    ),
    stage,
    lists,
    rest,
  );
  load();
  return element;
};

const isVisit = (ctx, event) => event.slice === ctx.slice.name && event.type === `${ctx.slice.name}.visited`;

const noVisits = (link) =>
  emptyState({
    title: "No visits yet",
    text: "Hand out the short URL, or the QR code below. Visits show up here as they come.",
    action: h(
      "div.share-url",
      null,
      h(
        "a.short-url",
        { href: link.short_url, target: "_blank", rel: "noopener" },
        link.short_url.replace(/^https?:\/\//, ""),
      ),
      copyButton(link.short_url, "Copy short URL", "Copy"),
    ),
  });

/** @param {Context} ctx @param {any} link */
export const linkStats = (ctx, link) => {
  let isNew = !link.visit_count && !link.bot_visit_count;
  return statistics(ctx, {
    path: `${ctx.slice.api_url}/${encodeURIComponent(link.slug)}/stats`,
    label: "Statistics",
    isMine: (event) => {
      const isMine = isVisit(ctx, event) && [event.subject, event.data?.slug].includes(link.slug);
      isNew &&= !isMine;
      return isMine;
    },
    nothing: () => (isNew ? noVisits(link) : null),
  });
};

// ---- over all links ------------------------------------------------------

const topLinks = (ctx) => (stats, ranked) => [
  ranked(
    "Links",
    (stats.links ?? []).map(({ slug, title, visits: value }) => ({
      name: h("a", { href: `${listPath(ctx)}/${encodeURIComponent(slug)}` }, title || slug),
      value,
    })),
  ),
];

const orphanLine = (ctx, { name, visits: count }) => {
  const isSlug = name !== "(other)" && name !== null;
  return h(
    "li",
    null,
    isSlug ? h("code", null, `/${name}`) : h("span.muted", null, "Other"),
    h("span.number.muted", null, visits(count)),
    isSlug &&
      canDo(ctx.ops.create) &&
      h(
        "a.button",
        { href: withQuery(`${listPath(ctx)}/new`, { slug: name }), "aria-label": `New link /${name}` },
        "New link",
      ),
  );
};

const orphans = (ctx) => (stats) =>
  stats.orphans?.total > 0 &&
  h(
    "section.orphans",
    null,
    h("h2", null, "Visits to addresses that no link has"),
    h("p.muted", null, `${visits(stats.orphans.total)}: mistyped, deleted, or not made yet.`),
    h(
      "ul",
      null,
      stats.orphans.slugs.map((each) => orphanLine(ctx, each)),
    ),
  );

/** @param {Context} ctx */
export const allStats = (ctx) =>
  statistics(ctx, {
    path: `${ctx.slice.api_url}/stats`,
    label: "Statistics of all links",
    isMine: (event) => isVisit(ctx, event),
    first: topLinks(ctx),
    last: orphans(ctx),
  });
