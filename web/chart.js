/**
 * Pictures of numbers, and the numbers behind them: bars over time in SVG, and lists with a bar for each share.
 */
import { LOCALE, fill, formatNumber, h, svg } from "./dom.js";

/**
 * @typedef {{ name: string, tick: string, value: number }} Point name: what it is in full; tick: what stands below it
 */

const HEIGHT = 200;
const TOP = 12;
const BOTTOM = 24;
/** Digits and letters of the axes are about so wide, in pixels. */
const CHARACTER = 6.6;
const TICK_GAP = 14;
const MOST_LINES = 4;

const COMPACT = new Intl.NumberFormat(LOCALE, { notation: "compact", maximumFractionDigits: 1 });

/**
 * Round numbers from 0 to at least the largest value, few and evenly apart; whole ones, for things that are counted.
 * @param {number} largest @returns {number[]}
 */
export const niceTicks = (largest, most = MOST_LINES) => {
  const rough = Math.max(1, largest) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(
    1,
    [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough * 0.999),
  );
  const count = Math.max(1, Math.ceil(largest / step));
  return Array.from({ length: count + 1 }, (_, index) => index * step);
};

/** How many of the names below the bars fit: every one, every second, … */
const tickStep = (points, slot) => {
  const widest = Math.max(...points.map(({ tick }) => tick.length)) * CHARACTER;
  // The outermost are pushed inwards, so that they are not cut off.
  const pushed = Math.max(0, (widest - slot) / 2);
  const wanted = Math.max(1, Math.ceil((widest + TICK_GAP + pushed) / slot));
  return [1, 2, 3, 4, 5, 6, 7, 10, 14, 15, 20, 30, 60].find((each) => each >= wanted) ?? wanted;
};

const table = (head, points) =>
  h(
    "table.numbers",
    null,
    h("thead", null, h("tr", null, h("th", { scope: "col" }, head[0]), h("th.numeric", { scope: "col" }, head[1]))),
    h(
      "tbody",
      null,
      points.map(({ name, value }) =>
        h("tr", null, h("th", { scope: "row" }, name), h("td.numeric", null, formatNumber(value))),
      ),
    ),
  );

/**
 * Bars over time. The pointer and the arrow keys tell what each one stands for; "Show numbers" has them all.
 * @param {Object} options
 * @param {string} options.label what it shows, for screen readers
 * @param {string} options.of what is counted, as the head of a column of its numbers
 * @param {(value: number) => string} options.words a value in words, such as "3 visits"
 * @returns {{ element: HTMLElement, show: (points: Point[], unit: string) => void }} show: puts other points in place of those
 *   there; the unit is what each of them stands for, such as "Day"
 */
export const barChart = ({ label, of, words }) => {
  const picture = svg("svg.chart-picture", { "aria-hidden": "true", height: String(HEIGHT) });
  const grid = svg("g.chart-grid");
  const bars = svg("g.chart-bars");
  const axis = svg("g.chart-axis");
  picture.append(grid, bars, axis);
  const tip = h("div.chart-tip", { role: "status", hidden: true });
  const plot = h("div.chart-plot", { tabindex: "0", role: "group", "aria-roledescription": "chart" }, picture, tip);
  const numbers = h("div.numbers-box", { tabindex: "0", role: "region", "aria-label": `Numbers: ${label}` });
  const more = h(
    "details.fold.numbers-fold",
    { ontoggle: () => more.open && showNumbers() },
    h("summary", null, "Show numbers"),
    numbers,
  );
  /** @type {Point[]} */
  let points = [];
  let unit = "";
  let width = 0;
  let left = 0;
  let active = -1;

  const slot = () => (width - left) / points.length;
  const center = (index) => left + slot() * (index + 0.5);

  const place = (name, attributes, existing) => {
    const element = existing ?? svg(name);
    Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, String(value)));
    return element;
  };

  const drawBars = (largest) => {
    const floor = HEIGHT - BOTTOM;
    const gap = slot() > 6 ? Math.min(8, slot() * 0.28) : 1;
    const thickness = Math.max(1, Math.min(56, slot() - gap));
    while (bars.children.length > points.length) bars.lastChild.remove();
    points.forEach(({ value }, index) => {
      // A bar of nothing is a line on the ground, and the least of something stands out from it.
      const tall = value ? Math.max(3, ((floor - TOP) * value) / largest) : 1.5;
      const rect = place(
        "rect",
        {
          class: `${value ? "bar" : "bar zero"}${index === active ? " is-active" : ""}`,
          x: (center(index) - thickness / 2).toFixed(2),
          y: (floor - tall).toFixed(2),
          width: thickness.toFixed(2),
          height: tall.toFixed(2),
          rx: value && thickness > 6 ? 2 : 0,
        },
        bars.children[index],
      );
      if (!rect.parentNode) bars.append(rect);
    });
  };

  const drawAxis = (ticks) => {
    const floor = HEIGHT - BOTTOM;
    const largest = ticks.at(-1);
    fill(
      grid,
      ticks.map((tick) => {
        const y = floor - ((floor - TOP) * tick) / largest;
        return [
          svg("line", { x1: left, x2: width, y1: y, y2: y }),
          svg("text", { x: left - 8, y: y + 4, "text-anchor": "end" }, COMPACT.format(tick)),
        ];
      }),
    );
    const step = tickStep(points, slot());
    // The last one, which is now, is named; the others count back from it.
    const isNamed = (_, index) => (points.length - 1 - index) % step === 0;
    fill(
      axis,
      points.map((point, index) => {
        if (!isNamed(point, index)) return null;
        const half = (point.tick.length * CHARACTER) / 2;
        const x = Math.min(width - half, Math.max(half, center(index)));
        return svg("text", { x, y: HEIGHT - 6, "text-anchor": "middle" }, point.tick);
      }),
    );
  };

  const draw = () => {
    width = plot.clientWidth;
    if (!width || !points.length) return;
    picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    picture.setAttribute("width", String(width));
    const ticks = niceTicks(Math.max(...points.map(({ value }) => value)));
    left = Math.max(...ticks.map((tick) => COMPACT.format(tick).length)) * CHARACTER + 12;
    drawAxis(ticks);
    drawBars(ticks.at(-1));
    if (active >= 0) tell(active);
  };

  const hush = () => {
    active = -1;
    tip.hidden = true;
    bars.querySelector(".is-active")?.classList.remove("is-active");
  };

  const tell = (index) => {
    const point = points[index];
    if (!point) return hush();
    bars.querySelector(".is-active")?.classList.remove("is-active");
    bars.children[index]?.classList.add("is-active");
    if (active !== index || tip.hidden || tip.dataset.value !== String(point.value)) {
      fill(tip, h("strong", null, words(point.value)), h("span", null, point.name));
      tip.dataset.value = String(point.value);
    }
    active = index;
    tip.hidden = false;
    const half = tip.offsetWidth / 2;
    const x = Math.min(width - half, Math.max(half, center(index)));
    const above = Number(bars.children[index].getAttribute("y")) - tip.offsetHeight - 8;
    tip.style.transform = `translate(${Math.round(x - half)}px, ${Math.round(Math.max(-8, above))}px)`;
  };

  const byPointer = (event) => {
    const x = event.clientX - plot.getBoundingClientRect().left;
    if (x < left || !points.length) return hush();
    tell(Math.min(points.length - 1, Math.floor((x - left) / slot())));
  };
  const byKey = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !points.length) return;
    const last = points.length - 1;
    const from = active < 0 ? last : active;
    const to = { ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: last }[event.key];
    if (event.key === "Escape") return hush();
    if (to === undefined) return;
    event.preventDefault();
    tell(Math.max(0, Math.min(last, to)));
  };
  plot.addEventListener("pointermove", byPointer);
  plot.addEventListener("pointerdown", byPointer);
  // A finger that is lifted has left, too; what it pointed at is read afterwards.
  plot.addEventListener("pointerleave", ({ pointerType }) => {
    if (pointerType === "mouse" && !plot.matches(":focus-visible")) hush();
  });
  plot.addEventListener("keydown", byKey);
  plot.addEventListener("focus", () => plot.matches(":focus-visible") && tell(points.length - 1));
  plot.addEventListener("blur", hush);
  new ResizeObserver(draw).observe(plot);

  const showNumbers = () => fill(numbers, table([unit, of], points));

  const show = (next, nextUnit) => {
    if (next.length !== points.length) hush();
    points = next;
    unit = nextUnit;
    const total = points.reduce((sum, { value }) => sum + value, 0);
    plot.setAttribute("aria-label", `${label}: ${words(total)} in all. The arrow keys tell each bar.`);
    draw();
    if (more.open) showNumbers();
  };

  return { element: h("figure.chart", null, plot, more), show };
};

const PERCENT = new Intl.NumberFormat(LOCALE, { style: "percent", maximumFractionDigits: 0 });
const FEW = 5;

/** A share as people say it: the least of something is not nothing. */
const percent = (value, total) => (value && value / total < 0.005 ? "<1 %" : PERCENT.format(value / total));

const share = ({ name, value }, total) => {
  const bar = h("span.share-bar", { "aria-hidden": "true" });
  bar.style.width = `${(100 * value) / total}%`;
  return h(
    "li.share",
    null,
    h("span.share-name", null, name),
    h("span.number", null, formatNumber(value)),
    h("span.number.muted", null, percent(value, total)),
    h("span.share-track", { "aria-hidden": "true" }, bar),
  );
};

/**
 * What there is most of, each with its share of the whole; beyond a few the rest waits behind a button.
 * @param {{ title: string, items: { name: import("./dom.js").Child, value: number }[], total?: number, isWhole?: boolean, onMore?: () => void }} options
 *   isWhole: the rest shows, too; onMore: told when somebody asks for it
 */
export const rankedList = ({ title, items, total, isWhole = false, onMore }) => {
  const whole = Math.max(1, total ?? items.reduce((sum, { value }) => sum + value, 0));
  const list = h("ol.shares", null);
  const rest = items.length - FEW;
  const showAll = (event) => {
    fill(
      list,
      items.map((item) => share(item, whole)),
    );
    event.currentTarget.remove();
    onMore?.();
  };
  const isCut = rest > 1 && !isWhole;
  fill(
    list,
    (isCut ? items.slice(0, FEW) : items).map((item) => share(item, whole)),
  );
  return h(
    "section.ranked",
    null,
    h("h2", null, title),
    list,
    isCut && h("button.quiet", { type: "button", onclick: showAll }, `Show ${formatNumber(rest)} more`),
  );
};
