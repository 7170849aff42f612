/**
 * Pictures of numbers, and the numbers behind them: bars and lines over time in SVG, and lists with a bar for each share.
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
const FINE = new Intl.NumberFormat(LOCALE, { notation: "compact", maximumSignificantDigits: 3 });

/**
 * Where values stand between the ground and the top: round numbers to stand beside the lines, and how high up a value is, 0 to 1.
 * @typedef {{ ticksOf: (values: number[]) => number[], shareOf: (value: number, ticks: number[]) => number }} Scale
 */

/** @param {boolean} isWhole whether only whole numbers are named @returns {Scale} */
const evenScale = (isWhole) => ({
  ticksOf: (values) => niceTicks(Math.max(0, ...values), { isWhole }),
  shareOf: (value, ticks) => value / ticks.at(-1),
});

/** Each line ten times the one below, for values that lie far apart. @type {Scale} */
export const TENFOLD = {
  ticksOf: (values) => {
    const powers = values.filter((value) => value > 0).map(Math.log10);
    const lowest = powers.length ? Math.floor(Math.min(...powers)) : 0;
    const highest = powers.length ? Math.max(lowest + 1, Math.ceil(Math.max(...powers))) : 1;
    return Array.from({ length: highest - lowest + 1 }, (_, index) => Number(`1e${lowest + index}`));
  },
  shareOf: (value, ticks) => Math.max(0, Math.log10(value / ticks[0]) / (ticks.length - 1)),
};

/**
 * Round numbers from 0 to at least the largest value, few and evenly apart; whole ones, for things that are counted.
 * @param {number} largest @param {{ most?: number, isWhole?: boolean }} [how] @returns {number[]}
 */
export const niceTicks = (largest, { most = MOST_LINES, isWhole = true } = {}) => {
  const least = isWhole ? 1 : 0;
  const rough = Math.max(least, largest || 1) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(
    least,
    [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough * 0.999),
  );
  const count = Math.max(1, Math.ceil(Number((largest / step).toPrecision(9))));
  return Array.from({ length: count + 1 }, (_, index) => index * step);
};

/** How many of the names below the marks fit: every one, every second, … */
const tickStep = (ticks, slot) => {
  const widest = Math.max(...ticks.map((tick) => tick.length)) * CHARACTER;
  // The outermost are pushed inwards, so that they are not cut off.
  const pushed = Math.max(0, (widest - slot) / 2);
  const wanted = Math.max(1, Math.ceil((widest + TICK_GAP + pushed) / slot));
  return [1, 2, 3, 4, 5, 6, 7, 10, 14, 15, 20, 30, 60].find((each) => each >= wanted) ?? wanted;
};

/** @param {string[]} head @param {string[][]} rows */
const table = (head, rows) =>
  h(
    "table.numbers",
    null,
    h(
      "thead",
      null,
      h(
        "tr",
        null,
        head.map((text, index) => h(`th${index ? ".numeric" : ""}`, { scope: "col" }, text)),
      ),
    ),
    h(
      "tbody",
      null,
      rows.map(([name, ...values]) =>
        h(
          "tr",
          null,
          h("th", { scope: "row" }, name),
          values.map((value) => h("td.numeric", null, value)),
        ),
      ),
    ),
  );

/**
 * What the marks of a chart are drawn by.
 * @typedef {{ points: any[], slot: number, floor: number, center: (index: number) => number, heightOf: (value: number) => number }} Plan
 */

/**
 * What charts have in common: axes, a tip that the pointer and the arrow keys call up, and the numbers behind it all.
 * @param {Object} options
 * @param {string} options.label what it shows, for screen readers
 * @param {Scale} options.scale
 * @param {(points: any[]) => number[]} options.valuesOf
 * @param {(tick: number) => string} options.tickText
 * @param {SVGElement} options.marks what the points are drawn in
 * @param {(plan: Plan) => void} options.drawMarks
 * @param {(index: number) => number} options.mark makes one stand out, or none with -1; gives how high up it ends
 * @param {(point: any) => import("./dom.js").Child} options.tipOf
 * @param {(points: any[]) => HTMLElement} options.numbersOf
 */
const frame = ({ label, scale, valuesOf, tickText, marks, drawMarks, mark, tipOf, numbersOf }) => {
  const picture = svg("svg.chart-picture", { "aria-hidden": "true", height: String(HEIGHT) });
  const grid = svg("g.chart-grid");
  const axis = svg("g.chart-axis");
  picture.append(grid, marks, axis);
  const tip = h("div.chart-tip", { role: "status", hidden: true });
  const plot = h("div.chart-plot", { tabindex: "0", role: "group", "aria-roledescription": "chart" }, picture, tip);
  const numbers = h("div.numbers-box", { tabindex: "0", role: "region", "aria-label": `Numbers: ${label}` });
  const more = h(
    "details.fold.numbers-fold",
    { ontoggle: () => more.open && showNumbers() },
    h("summary", null, "Show numbers"),
    numbers,
  );
  let points = [];
  let width = 0;
  let left = 0;
  let active = -1;
  let told = "";

  const floor = HEIGHT - BOTTOM;
  const slot = () => (width - left) / points.length;
  const center = (index) => left + slot() * (index + 0.5);

  const drawAxis = (ticks) => {
    fill(
      grid,
      ticks.map((tick) => {
        const y = floor - (floor - TOP) * scale.shareOf(tick, ticks);
        return [
          svg("line", { x1: left, x2: width, y1: y, y2: y }),
          svg("text", { x: left - 8, y: y + 4, "text-anchor": "end" }, tickText(tick)),
        ];
      }),
    );
    const named = points.map((_, index) => index).filter((index) => points[index].tick);
    const ticksBelow = named.map((index) => points[index].tick);
    const step = named.length ? tickStep(ticksBelow, (width - left) / named.length) : 1;
    // The last one, which is now, is named; the others count back from it.
    const chosen = named.filter((_, place) => (named.length - 1 - place) % step === 0);
    fill(
      axis,
      chosen.map((index) => {
        const half = (points[index].tick.length * CHARACTER) / 2;
        const x = Math.min(width - half, Math.max(half, center(index)));
        return svg("text", { x, y: HEIGHT - 6, "text-anchor": "middle" }, points[index].tick);
      }),
    );
  };

  const draw = () => {
    width = plot.clientWidth;
    if (!width || !points.length) return;
    picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    picture.setAttribute("width", String(width));
    const ticks = scale.ticksOf(valuesOf(points));
    left = Math.max(...ticks.map((tick) => tickText(tick).length)) * CHARACTER + 12;
    drawAxis(ticks);
    const heightOf = (value) => (floor - TOP) * scale.shareOf(value, ticks);
    drawMarks({ points, slot: slot(), floor, center, heightOf });
    if (active >= 0) tell(active);
  };

  const hush = () => {
    active = -1;
    tip.hidden = true;
    mark(-1);
  };

  const tell = (index) => {
    const point = points[index];
    if (!point) return hush();
    const top = mark(index);
    const now = `${index} ${JSON.stringify(point)}`;
    if (tip.hidden || told !== now) fill(tip, tipOf(point));
    told = now;
    active = index;
    tip.hidden = false;
    const half = tip.offsetWidth / 2;
    const x = Math.min(width - half, Math.max(half, center(index)));
    const above = top - tip.offsetHeight - 8;
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

  const showNumbers = () => fill(numbers, numbersOf(points));

  /** @param {any[]} next @param {string} description what it says as a whole, for screen readers */
  const show = (next, description) => {
    if (next.length !== points.length) hush();
    points = next;
    plot.setAttribute("aria-label", `${label}: ${description}`);
    draw();
    if (more.open) showNumbers();
  };

  return { plot, more, show };
};

const place = (name, attributes, existing) => {
  const element = existing ?? svg(name);
  Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, String(value)));
  return element;
};

/** @param {Plan} plan @param {SVGElement} bars */
const drawBars = ({ points, slot, floor, center, heightOf }, bars) => {
  const gap = slot > 6 ? Math.min(8, slot * 0.28) : 1;
  const thickness = Math.max(1, Math.min(56, slot - gap));
  while (bars.children.length > points.length) bars.lastChild.remove();
  points.forEach(({ value }, index) => {
    // A bar of nothing is a line on the ground, and the least of something stands out from it.
    const tall = value ? Math.max(3, heightOf(value)) : 1.5;
    const rect = place(
      "rect",
      {
        class: value ? "bar" : "bar zero",
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
  const bars = svg("g.chart-bars");
  let unit = "";
  const { plot, more, show } = frame({
    label,
    scale: evenScale(true),
    valuesOf: (points) => points.map(({ value }) => value),
    tickText: (tick) => COMPACT.format(tick),
    marks: bars,
    drawMarks: (plan) => drawBars(plan, bars),
    mark: (index) => {
      bars.querySelector(".is-active")?.classList.remove("is-active");
      bars.children[index]?.classList.add("is-active");
      return Number(bars.children[index]?.getAttribute("y"));
    },
    tipOf: ({ name, value }) => [h("strong", null, words(value)), h("span", null, name)],
    numbersOf: (points) =>
      table(
        [unit, of],
        points.map(({ name, value }) => [name, formatNumber(value)]),
      ),
  });
  return {
    element: h("figure.chart", null, plot, more),
    show: (points, nextUnit) => {
      unit = nextUnit;
      const total = points.reduce((sum, { value }) => sum + value, 0);
      show(points, `${words(total)} in all. The arrow keys tell each bar.`);
    },
  };
};

/** A line through values, with a gap where there are none; a value alone is a dot. @param {(number | null)[]} heights */
const pathOf = (heights, { center, floor }) =>
  heights
    .map((height, index) => {
      if (height === null) return "";
      const isFirst = (heights[index - 1] ?? null) === null;
      const isAlone = isFirst && (heights[index + 1] ?? null) === null;
      const at = `${center(index).toFixed(1)} ${(floor - height).toFixed(1)}`;
      return `${isFirst ? "M" : "L"}${at}${isAlone ? "h.01" : ""}`;
    })
    .join("");

/**
 * Lines over time, each of one kind of value; null is where nothing is known.
 * @param {Object} options
 * @param {string} options.label what it shows, for screen readers
 * @param {string[]} options.names what each line is of
 * @param {(value: number) => string} options.words a value in words, such as "3 ms"
 * @param {Scale} [options.scale]
 * @param {(tick: number) => string} [options.tickText]
 * @returns {{ element: HTMLElement, show: (points: { name: string, tick: string, values: (number | null)[] }[], unit: string) => void }}
 */
export const lineChart = ({ label, names, words, scale = evenScale(false), tickText = FINE.format }) => {
  const lines = names.map((_, index) => svg(`path.chart-line.series-${index + 1}`));
  const dots = names.map((_, index) => svg(`circle.chart-dot.series-${index + 1}`, { r: 4, visibility: "hidden" }));
  const rule = svg("line.chart-rule", { visibility: "hidden" });
  let unit = "";
  /** @type {Plan} */
  let plan = null;
  const known = (value) => (value === null ? "–" : words(value));
  const valuesOf = (points) => points.flatMap(({ values }) => values.filter((each) => each !== null));
  const mark = (index) => {
    const point = plan?.points[index];
    rule.setAttribute("visibility", point ? "visible" : "hidden");
    dots.forEach((dot, line) => {
      const value = point?.values[line] ?? null;
      dot.setAttribute("visibility", value === null ? "hidden" : "visible");
      if (value !== null) place("circle", { cx: plan.center(index), cy: plan.floor - plan.heightOf(value) }, dot);
    });
    if (!point) return 0;
    const x = plan.center(index).toFixed(1);
    place("line", { x1: x, x2: x, y1: TOP, y2: plan.floor }, rule);
    return plan.floor - Math.max(0, ...valuesOf([point]).map(plan.heightOf));
  };
  const { plot, more, show } = frame({
    label,
    scale,
    valuesOf,
    tickText,
    marks: svg("g.chart-lines", null, rule, ...lines, ...dots),
    drawMarks: (next) => {
      plan = next;
      lines.forEach((line, index) => {
        const heights = plan.points.map(({ values }) => values[index] ?? null);
        line.setAttribute("d", pathOf(heights.map((each) => (each === null ? null : plan.heightOf(each))), plan));
      });
    },
    mark,
    tipOf: ({ name, values }) => [
      values.map((value, index) =>
        h("span.tip-line", null, names.length > 1 && h("span", null, names[index]), h("strong", null, known(value))),
      ),
      h("span", null, name),
    ],
    numbersOf: (points) =>
      table(
        [unit, ...names],
        points.toReversed().map(({ name, values }) => [name, ...values.map(known)]),
      ),
  });
  const legend = h(
    "ul.chart-legend",
    { "aria-hidden": "true" },
    names.map((name, index) => h(`li.series-${index + 1}`, null, name)),
  );
  return {
    element: h("figure.chart", null, names.length > 1 && legend, plot, more),
    show: (points, nextUnit) => {
      unit = nextUnit;
      const last = points.at(-1)?.values ?? [];
      const told = last.map((value, index) => `${names[index]} ${known(value)}`).join(", ");
      show(points, `${told} at last. The arrow keys tell each time.`);
    },
  };
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
