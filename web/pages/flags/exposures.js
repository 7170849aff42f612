/**
 * How often a flag was evaluated, and with what result.
 *
 * @typedef {{ interval: string, from: string, to: string, total: number, by_variant: Record<string, number>, series: { start: string, total: number, variants: Record<string, number> }[] }} Exposures
 */
import { get, withQuery } from "../../api.js";
import { barChart, rankedList } from "../../chart.js";
import { LOCALE, curlButton, emptyState, errorState, fill, formatNumber, h, skeleton } from "../../dom.js";
import { segments } from "../../forms.js";
import { evaluations, flagPath } from "./words.js";

const INTERVALS = {
  hour: ["By the hour", "Hour", { hour: "numeric", minute: "2-digit" }, { dateStyle: "medium", timeStyle: "short" }],
  // Days are those of UTC.
  day: [
    "By the day",
    "Day (UTC)",
    { day: "numeric", month: "short", timeZone: "UTC" },
    { dateStyle: "full", timeZone: "UTC" },
  ],
};
const ALL = "";

/** The empty name stands for the code's own default. */
const nameOf = (variant) => variant || "(the code’s own default)";

/** @param {import("./flag.js").ViewOptions} options */
export const exposuresView = async ({ flag, ctx }) => {
  const { searchParams } = new URL(location.href);
  let interval = searchParams.get("interval") === "day" ? "day" : "hour";
  let variant = ALL;
  const path = () => withQuery(flagPath(flag, "/exposures"), { interval });
  const total = h("p.stats-total", { role: "status" });
  const stage = h("div.stats-stage", null, skeleton(4));
  const which = h("div.which-variant");
  const shares = h("div.ranked-lists");
  const chart = barChart({ label: "Evaluations", of: "Evaluations", words: evaluations });

  /** @param {Exposures} found */
  const drawChart = (found) => {
    const [, unit, tick, full] = INTERVALS[interval];
    const ticks = new Intl.DateTimeFormat(LOCALE, tick);
    const names = new Intl.DateTimeFormat(LOCALE, full);
    const points = found.series.map(({ start, total: all, variants }) => ({
      name: names.format(new Date(start)),
      tick: ticks.format(new Date(start)),
      value: variant === ALL ? all : (variants[variant.slice(1)] ?? 0),
    }));
    if (!stage.contains(chart.element)) fill(stage, chart.element);
    chart.show(points, unit);
  };
  /** @param {Exposures} found */
  const show = (found) => {
    const given = Object.entries(found.by_variant).sort(([, a], [, b]) => b - a);
    fill(total, h("strong", null, formatNumber(found.total)), ` ${found.total === 1 ? "evaluation" : "evaluations"}`);
    if (!found.total) {
      fill(which);
      fill(shares);
      return fill(
        stage,
        emptyState({
          title: "Not evaluated yet",
          text: "Programs that ask for this flag show up here, some seconds later.",
        }),
      );
    }
    const options = [[ALL, "All"], ...given.map(([name]) => [`=${name}`, nameOf(name)])];
    if (!options.some(([value]) => value === variant)) variant = ALL;
    fill(
      which,
      given.length > 1 &&
        segments({
          label: "Bars of",
          options: /** @type {any} */ (options),
          value: variant,
          onChoose: (value) => {
            variant = value;
            drawChart(found);
          },
        }).element,
    );
    drawChart(found);
    fill(
      shares,
      rankedList({ title: "By variant", items: given.map(([name, value]) => ({ name: nameOf(name), value })) }),
    );
  };
  const load = async () => {
    try {
      show(await get(path(), ctx.signal));
    } catch (error) {
      if (!ctx.signal.aborted) fill(stage, errorState(error, load));
    }
  };
  const intervals = segments({
    label: "Bars",
    options: /** @type {any} */ (Object.entries(INTERVALS).map(([name, [words]]) => [name, words])),
    value: interval,
    onChoose: (value) => {
      interval = value;
      const url = new URL(location.href);
      url.searchParams.set("interval", value);
      ctx.go(url.pathname + url.search, { isReplaced: true, isQuiet: true });
      load();
    },
  });
  load();
  return h(
    "section.card.stats",
    { "aria-label": "Evaluations" },
    total,
    h(
      "div.stats-controls",
      null,
      intervals.element,
      which,
      curlButton(() => ({ path: path() })),
    ),
    stage,
    shares,
  );
};
