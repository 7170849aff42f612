/**
 * Metrics: how fast this service answers, while it does. What is chosen stands in the address.
 *
 * @type {import("../generic.js").Page}
 * @typedef {{ count: number, per_second: number, client_error_count: number, server_error_count: number, p50_ms: number | null, p95_ms: number | null, p99_ms: number | null, max_ms: number | null }} Figures
 * @typedef {{ recent: Figures, total: Figures, slice: string, route?: string, method?: string, is_stream?: boolean }} Row
 * @typedef {{ process_id: number, began_at: string, counted_until: string, recent_seconds: number, running_count: number, stream_count: number, recent: Figures, total: Figures, series: (Figures & { start: string, seconds: number })[], slices: Row[], routes: Row[] }} Metrics
 */
import { get, statusOf, withQuery } from "../api.js";
import { TENFOLD, lineChart } from "../chart.js";
import { curlButton, emptyState, errorState, fill, h, newId, pageHead, skeleton, timeElement } from "../dom.js";
import { segments } from "../forms.js";
import { ADDRESSLESS, count, ms, perSecond, pointsOf, spanWords } from "./platform/words.js";
import { figureTable } from "./platform/table.js";

const ASK_MS = 2000;
const PERIODS = [
  ["recent", "Last 5 minutes"],
  ["total", "Since the start"],
];

/** The style of this page comes with it; nothing is shown without it. */
const styled = new Promise((resolve) => {
  const href = new URL("platform/style.css", import.meta.url).href;
  document.head.append(h("link", { rel: "stylesheet", href, onload: resolve, onerror: resolve }));
});

// ---- parts ---------------------------------------------------------------

const figure = (name, value, note) =>
  h("div.metric-figure", null, h("dt", null, name), h("dd", null, h("strong", null, value), note && h("span", null, note)));

const share = (part, whole) => (part ? `${((100 * part) / whole).toPrecision(2)} %` : null);

/** @param {Metrics} metrics @param {Figures} figures */
const headline = (metrics, figures) => [
  figure("Requests a second", perSecond(figures.per_second), `${count(figures.count)} in all`),
  figure("Half within", ms(figures.p50_ms), "p50"),
  figure("95 % within", ms(figures.p95_ms), "p95"),
  figure("99 % within", ms(figures.p99_ms), "p99"),
  figure("Slowest", ms(figures.max_ms)),
  figure("Server errors", count(figures.server_error_count), share(figures.server_error_count, figures.count)),
  figure("In progress", count(metrics.running_count), "now"),
  figure("Live streams", count(metrics.stream_count), "now"),
];

const chartCard = (title, note, chart) =>
  h("section.card.chart-card", null, h("h2", null, title), h("p.muted", null, note), chart.element);

/** One out of the slices that were asked for anything. @param {string} chosen @param {() => void} onchange */
const sliceFilter = (chosen, titleOf, onchange) => {
  const id = newId("slice");
  const select = h("select", { id, name: "slice", onchange });
  const show = (names) => {
    const value = select.value || chosen;
    const all = [...new Set([...names, value])].filter(Boolean);
    if (["", ...all].join() === [...select.options].map((each) => each.value).join() && select.options.length) return;
    fill(
      select,
      h("option", { value: "" }, "All"),
      all.map((name) => h("option", { value: name }, titleOf(name))),
    );
    select.value = value;
  };
  show([]);
  return {
    element: h("div.filter", null, h("label", { for: id }, "Tool"), select),
    show,
    read: () => select.value,
    choose: (name) => {
      select.value = name;
      onchange();
    },
  };
};

/** With several workers each counts its own requests: whichever was heard of can be chosen. @param {(metrics: Metrics) => void} onShow */
const processes = (onShow) => {
  /** @type {Map<number, Metrics>} */
  const heard = new Map();
  const element = h("div.processes", { hidden: true });
  let shown = 0;
  const choose = (id) => {
    shown = Number(id);
    onShow(heard.get(shown));
  };
  return {
    element,
    forget: () => heard.clear(),
    /** @param {Metrics} metrics */
    take: (metrics) => {
      const isNew = !heard.has(metrics.process_id);
      heard.set(metrics.process_id, metrics);
      if (!heard.has(shown)) shown = metrics.process_id;
      if (isNew && heard.size > 1) {
        const options = [...heard.keys()].map((id) => [String(id), `Process ${id}`]);
        fill(element, segments({ label: "Process", options, value: String(shown), onChoose: choose }).element);
      }
      element.hidden = heard.size < 2;
      if (metrics.process_id === shown) onShow(metrics);
    },
  };
};

// ---- asking again and again ----------------------------------------------

/**
 * Runs at once and then every so often while the page is seen; one after the other.
 * @param {() => Promise<boolean>} run gives whether it is of use to go on @param {AbortSignal} signal
 * @returns {() => void} runs it now, or once more if it runs already
 */
const whileSeen = (run, signal) => {
  let timer = null;
  let isRunning = false;
  let isWantedAgain = false;
  const turn = async () => {
    clearTimeout(timer);
    isWantedAgain = isRunning;
    if (isRunning || signal.aborted || document.hidden) return;
    isRunning = true;
    const goesOn = await run();
    isRunning = false;
    if (signal.aborted || !(goesOn || isWantedAgain)) return;
    timer = setTimeout(turn, isWantedAgain ? 0 : ASK_MS);
  };
  document.addEventListener("visibilitychange", turn, { signal });
  signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  turn();
  return turn;
};

// ---- the page ------------------------------------------------------------

const notAllowed = () =>
  emptyState({
    title: "These figures are for admins",
    text: ["Sign in with a key that has the scope ", h("code", null, "admin"), " to see them."],
  });

const nothingYet = () =>
  emptyState({
    title: "Nothing has been counted yet",
    text: "The first figures come two seconds after the first request.",
  });

const list = async (ctx) => {
  const { slice, catalogue, signal } = ctx;
  await styled;
  const path = `${slice.api_url}/metrics`;
  const titleOf = (name) =>
    name ? (catalogue.items.find((each) => each.name === name)?.title ?? name) : ADDRESSLESS;
  let period = "recent";
  /** @type {Metrics | null} */
  let shown = null;

  const live = h("p.live", { role: "status" });
  const figures = h("dl.metric-figures", { "aria-label": "Figures" });
  const origin = h("p.muted.origin");
  const stage = h("div.metrics-stage", null, skeleton(8));
  const throughput = lineChart({
    label: "Requests a second",
    names: ["Requests a second"],
    words: (value) => `${perSecond(value)} a second`,
  });
  const times = lineChart({ label: "Response time", names: ["p50", "p95", "p99"], words: ms, scale: TENFOLD, tickText: ms });
  const bySlice = figureTable({
    label: "By tool",
    first: "Tool",
    keyOf: ({ slice: name }) => name,
    nameOf: ({ slice: name }) => titleOf(name),
    onChoose: ({ slice: name }) => name && filter.choose(name),
  });
  const byRoute = figureTable({
    label: "By route",
    first: "Route",
    keyOf: ({ slice: name, route, method }) => `${name} ${method} ${route}`,
    nameOf: ({ route, method }) => `${route || ADDRESSLESS} ${method}`,
    methodOf: ({ method }) => method,
    pathOf: ({ route }) => route,
  });

  const query = () => ({ slice: filter.read() });
  const changed = () => {
    ctx.go(withQuery(location.pathname, query()), { isReplaced: true, isQuiet: true });
    known.forget();
    ask();
  };
  const filter = sliceFilter(ctx.url.searchParams.get("slice") ?? "", titleOf, changed);
  const choosePeriod = segments({
    label: "Time",
    options: PERIODS,
    value: period,
    onChoose: (value) => {
      period = value;
      if (shown) showFigures(shown);
    },
  });

  const board = h(
    "div.metrics-board",
    null,
    h("section.metrics-section", { "aria-label": "Figures" }, figures, origin),
    h(
      "section.metrics-charts",
      { "aria-label": "The last 15 minutes" },
      chartCard("Requests a second", "In the last 15 minutes, live streams left out", throughput),
      chartCard("Response time", "Each line is ten times the one below", times),
    ),
    h("section.metrics-section", null, h("h2", null, "By tool"), bySlice.element),
    h("section.metrics-section", null, h("h2", null, "By route"), byRoute.element),
    h(
      "div.list-foot",
      null,
      h("p.muted", null, "This page asks every two seconds while it is seen, and is counted, too."),
      curlButton(() => ({ path: withQuery(path, query()) })),
    ),
  );

  /** @param {Metrics} metrics */
  const showFigures = (metrics) => {
    fill(figures, headline(metrics, metrics[period]));
    fill(
      origin,
      period === "recent" ? `Over the last ${spanWords(metrics.recent_seconds)} of ` : "Of ",
      `process ${metrics.process_id}, which began `,
      timeElement(metrics.began_at),
      ". With several workers each counts its own requests.",
    );
    bySlice.show(metrics.slices, period);
    byRoute.show(metrics.routes, period);
  };

  /** @param {Metrics} metrics */
  const show = (metrics) => {
    shown = metrics;
    filter.show(metrics.slices.map(({ slice: name }) => name));
    const isEmpty = !metrics.total.count && !metrics.routes.length;
    if (isEmpty) return fill(stage, nothingYet());
    if (!stage.contains(board)) fill(stage, board);
    showFigures(metrics);
    throughput.show(pointsOf(metrics, ({ per_second: rate }) => [rate]), "Time");
    times.show(pointsOf(metrics, (each) => [each.p50_ms, each.p95_ms, each.p99_ms]), "Time");
  };
  const known = processes(show);

  const setLive = (isLive) => {
    live.classList.toggle("is-live", isLive);
    const text = isLive ? "Live" : "Trying again…";
    if (live.textContent !== text) fill(live, text);
  };

  const showFailure = (error) => {
    setLive(false);
    if (statusOf(error) === 403) {
      fill(live);
      fill(stage, notAllowed());
      return false;
    }
    // What was shown stays: it is still true of its time. A failure is told once.
    if (!shown && !stage.querySelector("[role=alert]")) fill(stage, errorState(error, () => ask()));
    return true;
  };

  const load = async () => {
    const asked = query().slice;
    try {
      const metrics = await get(withQuery(path, query()), signal);
      if (asked === query().slice) known.take(metrics);
      setLive(true);
      return true;
    } catch (error) {
      return !signal.aborted && showFailure(error);
    }
  };
  const ask = whileSeen(load, signal);

  return h(
    "div.page.metrics",
    null,
    pageHead({ title: "Metrics", text: "How fast this service answers, while it does.", actions: live }),
    h("search.filters", { "aria-label": "Filters" }, filter.element, choosePeriod.element, known.element),
    stage,
  );
};

export default { list };
