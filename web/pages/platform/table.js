/**
 * Rows of figures that can be put in order by each of their columns.
 *
 * @typedef {import("../platform.js").Row} Row
 * @typedef {import("../platform.js").Figures} Figures
 */
import { fill, h } from "../../dom.js";
import { count, ms, perSecond } from "./words.js";

/** @type {[label: string, text: (figures: Figures) => string, value: (figures: Figures) => number | null][]} */
const COLUMNS = [
  ["Requests", (each) => count(each.count), (each) => each.count],
  ["A second", (each) => perSecond(each.per_second), (each) => each.per_second],
  ["p50", (each) => ms(each.p50_ms), (each) => each.p50_ms],
  ["p95", (each) => ms(each.p95_ms), (each) => each.p95_ms],
  ["p99", (each) => ms(each.p99_ms), (each) => each.p99_ms],
  ["Slowest", (each) => ms(each.max_ms), (each) => each.max_ms],
  ["4xx", (each) => count(each.client_error_count), (each) => each.client_error_count],
  ["5xx", (each) => count(each.server_error_count), (each) => each.server_error_count],
];
const MEANINGS = { "4xx": "Errors of the client", "5xx": "Errors of the server" };

/** @param {{ text: string, isError?: boolean }} value */
const number = (text) => (text === "–" || text === "0" ? h("span.none", null, text) : h("span.number", null, text));

/**
 * @param {Object} options
 * @param {string} options.label
 * @param {string} options.first the head of the first column
 * @param {(row: Row) => string} options.keyOf
 * @param {(row: Row) => string} options.nameOf what it is called, and put in order by
 * @param {(row: Row) => void} [options.onChoose] makes a button of the name
 * @param {(row: Row) => string} [options.pathOf] with a method and a path the name is drawn of these
 * @param {(row: Row) => string} [options.methodOf]
 */
export const figureTable = ({ label, first, keyOf, nameOf, onChoose, pathOf, methodOf }) => {
  let order = { column: 0, isDown: true };
  /** @type {Row[]} */
  let rows = [];
  let period = "recent";
  const body = h("tbody", { role: "rowgroup" });

  const name = (row) => {
    if (onChoose && row.slice)
      return h("button.choose", { type: "button", title: "Show this alone", onclick: () => onChoose(row) }, nameOf(row));
    if (!methodOf) return nameOf(row);
    return h(
      "span.route-name",
      null,
      h(`span.method.${methodOf(row).toLowerCase()}`, null, methodOf(row)),
      pathOf(row) ? h("code", null, pathOf(row)) : nameOf({ ...row, method: "" }),
      row.is_stream && h("span.tag", { title: "It lasts while somebody listens, so it is not timed" }, "stream"),
    );
  };

  /** Without a value it comes last, either way. */
  const compare = (a, b) => {
    const sign = order.isDown ? -1 : 1;
    if (order.column < 0) return sign * nameOf(a).localeCompare(nameOf(b));
    const [, , value] = COLUMNS[order.column];
    const [one, other] = [value(a[period]), value(b[period])];
    if (one === other) return nameOf(a).localeCompare(nameOf(b));
    if (one === null || other === null) return one === null ? 1 : -1;
    return sign * (one - other);
  };

  const cells = (row) =>
    COLUMNS.map(([column, text]) =>
      h("td.numeric", { role: "cell", dataset: { label: column } }, number(text(row[period]))),
    );
  /** @type {Map<string, HTMLElement>} */
  const drawn = new Map();
  const rowOf = (row) => {
    const key = keyOf(row);
    const element =
      drawn.get(key) ?? h("tr", { role: "row" }, h("th", { role: "rowheader", scope: "row" }, name(row)));
    drawn.set(key, element);
    element.replaceChildren(element.firstChild, ...cells(row));
    return element;
  };

  const draw = () => {
    const wanted = [...rows].sort(compare).map(rowOf);
    // What holds the focus is not taken out of the page: rows move only where their order has changed.
    [...body.children].filter((each) => !wanted.includes(each)).forEach((each) => each.remove());
    wanted.forEach((element, index) => {
      if (body.children[index] !== element) body.insertBefore(element, body.children[index] ?? null);
    });
    heads.forEach(({ head, column }) => {
      const direction = order.isDown ? "descending" : "ascending";
      if (column === order.column) head.setAttribute("aria-sort", direction);
      else head.removeAttribute("aria-sort");
    });
  };

  const sort = (column) => () => {
    order = { column, isDown: column === order.column ? !order.isDown : column >= 0 };
    draw();
  };
  const heads = [first, ...COLUMNS.map(([text]) => text)].map((text, index) => ({
    column: index - 1,
    head: h(
      `th${index ? ".numeric" : ""}`,
      { role: "columnheader", scope: "col" },
      h("button.sort", { type: "button", title: MEANINGS[text] ?? null, onclick: sort(index - 1) }, text),
    ),
  }));
  const element = h(
    "div.list",
    null,
    h(
      "table.data.figure-table",
      { role: "table", "aria-label": label },
      h(
        "thead",
        { role: "rowgroup" },
        h(
          "tr",
          { role: "row" },
          heads.map(({ head }) => head),
        ),
      ),
      body,
    ),
  );
  return {
    element,
    /** @param {Row[]} next @param {"recent" | "total"} nextPeriod */
    show: (next, nextPeriod) => {
      rows = next;
      period = nextPeriod;
      draw();
    },
  };
};
