/**
 * What the figures are called, and how they are written.
 *
 * @typedef {import("../platform.js").Metrics} Metrics
 */
import { LOCALE, formatDuration } from "../../dom.js";

/** Requests that no route is for. */
export const ADDRESSLESS = "No such address";

const INTERVAL_MS = 10_000;
const SHOWN_INTERVALS = 90;

const NUMBER = new Intl.NumberFormat(LOCALE, { maximumSignificantDigits: 3 });
const COUNT = new Intl.NumberFormat(LOCALE, { notation: "compact", maximumFractionDigits: 1 });
const TIME = new Intl.DateTimeFormat(LOCALE, { timeStyle: "medium" });
const MINUTE = new Intl.DateTimeFormat(LOCALE, { timeStyle: "short" });

/** `0.512` → `0.512 ms`, `2400` → `2.4 s`. @param {number | null} value milliseconds */
export const ms = (value) => {
  if (value === null) return "–";
  return value < 1000 ? `${NUMBER.format(value)} ms` : `${NUMBER.format(value / 1000)} s`;
};

/** @param {number} value */
export const perSecond = (value) => NUMBER.format(value);
/** @param {number} value */
export const count = (value) => COUNT.format(value);
/** @param {number} seconds */
export const spanWords = (seconds) => formatDuration(seconds);

/**
 * A point for each interval of the last quarter of an hour; null where nothing was counted yet.
 * @param {Metrics} metrics @param {(figures: any) => (number | null)[]} valuesOf
 */
export const pointsOf = (metrics, valuesOf) => {
  const last = Math.floor((Date.parse(metrics.counted_until) - 1) / INTERVAL_MS);
  const known = new Map(metrics.series.map((each) => [Math.floor(Date.parse(each.start) / INTERVAL_MS), each]));
  return Array.from({ length: SHOWN_INTERVALS }, (_, index) => {
    const number = last - SHOWN_INTERVALS + 1 + index;
    const start = new Date(number * INTERVAL_MS);
    const figures = known.get(number);
    const isOpen = index === SHOWN_INTERVALS - 1 && figures && figures.seconds * 1000 < INTERVAL_MS;
    return {
      name: `${TIME.format(start)}${isOpen ? ", so far" : ""}`,
      tick: start.getSeconds() ? "" : MINUTE.format(start),
      values: figures ? valuesOf(figures) : valuesOf({ p50_ms: null, p95_ms: null, p99_ms: null, per_second: null }),
    };
  });
};
