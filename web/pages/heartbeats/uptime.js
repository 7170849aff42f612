/**
 * How much of each day a check was up, as a strip of days with their numbers behind it, and when it was down.
 *
 * @typedef {{ date: string, up_seconds: number, down_seconds: number, unknown_seconds: number, uptime: number | null, downtimes: number }} Day
 * @typedef {{ began_at: string, ended_at: string | null, seconds: number, reason: string | null }} Downtime
 * @typedef {{ days: Day[], uptime: number | null, downtimes: Downtime[] }} Uptime
 */
import { get, withQuery } from "../../api.js";
import { LOCALE, errorState, exactTime, fill, formatDuration, h, plural, skeleton } from "../../dom.js";
import { REASON_WORDS, checkPath } from "./words.js";

const DAYS = 90;
const FEW = 5;
const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
const PERCENT = new Intl.NumberFormat(LOCALE, { style: "percent", minimumFractionDigits: 2, maximumFractionDigits: 2 });
const DAY = new Intl.DateTimeFormat(LOCALE, { dateStyle: "medium", timeZone: "UTC" });

/** Rounded down: what was not up all the time is not 100 %. @param {number | null} share */
const percent = (share) => {
  if (share === null) return "unknown";
  if (share === 0) return "0 %";
  return share === 1 ? "100 %" : PERCENT.format(Math.floor(share * 10_000) / 10_000).replace(/\s?%/, " %");
};

/** @param {number} seconds */
const lengthWords = (seconds) => (seconds ? formatDuration(seconds) : "less than a second");

/** @param {Day} day */
const dayWords = ({ date, uptime, down_seconds: down, downtimes }) => {
  const name = DAY.format(new Date(`${date}T00:00:00Z`));
  if (uptime === null) return `${name}: nothing known`;
  return downtimes ? `${name}: ${percent(uptime)} up, down for ${lengthWords(down)}` : `${name}: up`;
};

/** The taller the dark part, the longer it was down. @param {Day} day */
const bar = (day) => {
  if (day.uptime === null) return h("span.day-bar.unknown", { title: dayWords(day) });
  if (!day.down_seconds) return h("span.day-bar", { title: dayWords(day) });
  const down = h("span.day-down");
  down.style.height = `${Math.max(18, 100 * (1 - day.uptime))}%`;
  return h("span.day-bar", { title: dayWords(day) }, down);
};

const dayRow = (day) =>
  h(
    "tr",
    null,
    h("th", { scope: "row" }, DAY.format(new Date(`${day.date}T00:00:00Z`))),
    h("td.numeric", null, percent(day.uptime)),
    h("td.numeric", null, day.down_seconds ? formatDuration(day.down_seconds) : "–"),
    h("td.numeric", null, String(day.downtimes)),
  );

/** @param {Day[]} days */
const numbers = (days) => {
  const head = ["Day", "Up", "Down for", "Downtimes"].map((text, index) =>
    h(`th${index ? ".numeric" : ""}`, { scope: "col" }, text),
  );
  const known = days.filter(({ uptime }) => uptime !== null).reverse();
  return h(
    "details.fold.numbers-fold",
    null,
    h("summary", null, "Show numbers"),
    h(
      "div.numbers-box",
      { tabindex: "0", role: "region", "aria-label": "Numbers: uptime by day" },
      h("table.numbers", null, h("thead", null, h("tr", null, head)), h("tbody", null, known.map(dayRow))),
    ),
  );
};

/** @param {Downtime} downtime */
const downtimeLine = ({ began_at: began, ended_at: ended, seconds, reason }) =>
  h(
    "li.downtime",
    null,
    h("strong", null, ended ? `Down for ${lengthWords(seconds)}` : `Down now, for ${formatDuration(seconds)} so far`),
    h("span.muted", null, REASON_WORDS[reason] ?? ""),
    h(
      "span.muted.downtime-when",
      null,
      ended ? `${exactTime(began)} to ${exactTime(ended)}` : `since ${exactTime(began)}`,
    ),
  );

/** @param {Downtime[]} downtimes */
const downtimeList = (downtimes) => {
  const rest = downtimes.slice(FEW);
  const list = h("ol.downtimes", null, downtimes.slice(0, FEW).map(downtimeLine));
  const more = h(
    "button.quiet",
    {
      type: "button",
      onclick: () => {
        list.append(...rest.map(downtimeLine));
        more.remove();
      },
    },
    `Show ${rest.length} more`,
  );
  return [h("h3", null, "Downtimes"), downtimes.length ? list : h("p.muted", null, "None."), rest.length > 0 && more];
};

/** @param {Uptime} found */
const strip = ({ days, uptime, downtimes }) => {
  const words =
    uptime === null
      ? `Nothing is known of the last ${DAYS} days`
      : `${percent(uptime)} up in the last ${DAYS} days, ${plural(downtimes.length, "downtime")}`;
  return h(
    "figure.uptime",
    null,
    h("div.day-bars", { role: "img", "aria-label": words }, days.map(bar)),
    h("figcaption.muted", null, h("span", null, `${DAYS} days ago`), h("span", null, "Today")),
  );
};

/** @param {import("../../generic.js").Context} ctx @param {string} id */
export const uptimeCard = (ctx, id) => {
  const stage = h("div.uptime-stage", null, skeleton(3));
  const share = h("strong", null);
  let shown = "";
  /** @param {Uptime} found */
  const show = (found) => {
    // What is open or has the focus stays until there is something else to show.
    const told = JSON.stringify([found.days.map(dayWords), found.downtimes]);
    if (told === shown) return;
    shown = told;
    const isOpen = stage.querySelector("details")?.open ?? false;
    fill(share, found.uptime === null ? "" : percent(found.uptime));
    fill(stage, strip(found), numbers(found.days), downtimeList(found.downtimes));
    stage.querySelector("details").open = isOpen;
  };
  const load = async () => {
    try {
      show(await get(withQuery(checkPath(id, "/uptime"), { days: DAYS, timezone: ZONE }), ctx.signal));
    } catch (error) {
      if (!ctx.signal.aborted && !shown) fill(stage, errorState(error, load));
    }
  };
  const element = h(
    "section.card.uptime-card",
    { "aria-label": "Uptime" },
    h("div.section-head", null, h("h2", null, "Uptime"), share),
    stage,
  );
  return { element, load };
};
