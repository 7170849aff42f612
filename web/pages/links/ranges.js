/**
 * Which time the statistics are about, and what its parts are called. Pure functions of the browser's clock and zone.
 */
import { LOCALE } from "../../dom.js";

/**
 * @typedef {"24h" | "7d" | "30d" | "90d" | "12m" | "own"} Range
 * @typedef {{ range: Range, from: string, to: string, hasBots: boolean }} Choice from and to: days, for a range of one's own
 * @typedef {"hour" | "day" | "week" | "month"} Interval
 */

export const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** @type {[Range, string, string][]} what it is called on the button, and in a sentence */
export const RANGES = [
  ["24h", "24 hours", "in the last 24 hours"],
  ["7d", "7 days", "in the last 7 days"],
  ["30d", "30 days", "in the last 30 days"],
  ["90d", "90 days", "in the last 90 days"],
  ["12m", "12 months", "in the last 12 months"],
  ["own", "Other…", "in this time"],
];
const USUAL = "30d";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const LONGEST_MS = { hour: HOUR_MS, day: 25 * HOUR_MS, week: 7 * DAY_MS + HOUR_MS, month: 31 * DAY_MS + HOUR_MS };

const pad = (number) => String(number).padStart(2, "0");
/** The day as it is here, `2026-01-31`. @param {Date} date */
export const dayOf = (date) => `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;

const daysAgo = (now, days) => dayOf(new Date(now.getFullYear(), now.getMonth(), now.getDate() - days));
const hourOf = (now, step) => new Date(new Date(now).setMinutes(0, 0, 0) + step * HOUR_MS).toISOString();

const lastDays = (days) => (now) => ({ interval: "day", from: daysAgo(now, days - 1), to: dayOf(now) });

const QUERIES = {
  "24h": (now) => ({ interval: "hour", from: hourOf(now, -23), to: hourOf(now, 1) }),
  "7d": lastDays(7),
  "30d": lastDays(30),
  "90d": lastDays(90),
  "12m": (now) => ({
    interval: "month",
    from: dayOf(new Date(now.getFullYear(), now.getMonth() - 11, 1)),
    to: dayOf(now),
  }),
};

const isDay = (text) => /^\d{4}-\d\d-\d\d$/.test(text ?? "") && !Number.isNaN(Date.parse(text));

/** As many bars as can be told apart. @returns {Interval} */
const intervalFor = (from, to) => {
  const days = (Date.parse(to) - Date.parse(from)) / DAY_MS + 1;
  if (days <= 3) return "hour";
  if (days <= 120) return "day";
  return days <= 730 ? "week" : "month";
};

/** What is wrong with two days, in words; empty when nothing is. @param {{ from: string, to: string }} days */
export const faultOf = ({ from, to }) => {
  if (!isDay(from) || !isDay(to)) return "Choose both days.";
  return from > to ? "The first day comes after the last." : "";
};

/** What the address says. @param {URLSearchParams} params @param {Date} [now] @returns {Choice} */
export const readChoice = (params, now = new Date()) => {
  const given = RANGES.find(([range]) => range === params.get("range"))?.[0] ?? USUAL;
  const days = { from: params.get("from") ?? "", to: params.get("to") ?? "" };
  const isOwnGood = given === "own" && !faultOf(days);
  return {
    range: given === "own" && !isOwnGood ? USUAL : given,
    ...(isOwnGood ? days : { from: daysAgo(now, 29), to: dayOf(now) }),
    hasBots: params.get("bots") === "yes",
  };
};

/** What stands in the address. @param {Choice} choice */
export const choiceQuery = ({ range, from, to, hasBots }) => ({
  range,
  from: range === "own" ? from : null,
  to: range === "own" ? to : null,
  bots: hasBots ? "yes" : null,
});

/** What the API is asked. @param {Choice} choice @param {Date} [now] */
export const statsQuery = ({ range, from, to, hasBots }, now = new Date()) => ({
  ...(range === "own" ? { interval: intervalFor(from, to), from, to } : QUERIES[range](now)),
  tz: ZONE,
  include_bots: hasBots ? "true" : null,
});

const format = (options) => {
  const formatter = new Intl.DateTimeFormat(LOCALE, options);
  return (date) => formatter.format(date);
};
const hasTwelveHours = new Intl.DateTimeFormat(LOCALE, { hour: "numeric" }).resolvedOptions().hour12;
const HOUR = hasTwelveHours ? { hour: "numeric" } : { hour: "2-digit", minute: "2-digit" };
const shortDay = format({ day: "numeric", month: "short" });
const longDay = format({ weekday: "long", day: "numeric", month: "long", year: "numeric" });

const shortMonth = format({ month: "short" });

const TICKS = {
  hour: format(HOUR),
  day: shortDay,
  week: shortDay,
  month: (date) => (date.getMonth() ? shortMonth(date) : String(date.getFullYear())),
};
const NAMES = {
  hour: format({ weekday: "short", day: "numeric", month: "short", ...HOUR }),
  day: longDay,
  week: (date) => `Week from ${longDay(date)}`,
  month: format({ month: "long", year: "numeric" }),
};

/**
 * The points of a chart; the one that is not over yet is told to be so.
 * @param {{ start: string, visits: number }[]} series @param {Interval} interval
 * @returns {import("../../chart.js").Point[]}
 */
export const pointsOf = (series, interval, now = Date.now()) =>
  series.map(({ start, visits }, index) => {
    const date = new Date(start);
    const isOpen = index === series.length - 1 && now - date.getTime() < LONGEST_MS[interval] && now >= date.getTime();
    return { name: `${NAMES[interval](date)}${isOpen ? ", so far" : ""}`, tick: TICKS[interval](date), value: visits };
  });

/** What the first column of the numbers is called. @type {Record<Interval, string>} */
export const UNITS = { hour: "Hour", day: "Day", week: "Week", month: "Month" };
