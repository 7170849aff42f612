/**
 * Elements from functions, and the small pieces every page is made of:
 * values in words, copy buttons, dialogs, messages and the states of a list.
 */

/** @typedef {Node | string | number | null | undefined | false | Child[]} Child */

const SVG = "http://www.w3.org/2000/svg";
/** How numbers and times are written: the words of the page are English. */
export const LOCALE = navigator.language.startsWith("en") ? navigator.language : "en-GB";

const setProperty = (element, name, value) => {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) return element.addEventListener(name.slice(2), value);
  if (name === "dataset") return Object.assign(element.dataset, value);
  if (name === "value" || name === "checked" || name === "selected") {
    element[name] = value;
    return;
  }
  element.setAttribute(name, value === true ? "" : value);
};

const build = (element, classes, props, children) => {
  if (classes.length) element.setAttribute("class", classes.join(" "));
  // A select takes its value only once its options are there.
  const { value, ...others } = props ?? {};
  Object.entries(others).forEach(([name, each]) => setProperty(element, name, each));
  element.append(...flatten(children));
  setProperty(element, "value", value);
  return element;
};

/** @param {Child[]} children */
const flatten = (children) =>
  children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)));

/**
 * An element: `h("button.primary", { type: "button", onclick }, "Save")`.
 * @param {string} tag name, with classes after dots
 * @param {Record<string, any> | null} [props] attributes, `on…` listeners, `dataset`
 * @param {...Child} children
 * @returns {HTMLElement & Record<string, any>}
 */
export const h = (tag, props, ...children) => {
  const [name, ...classes] = tag.split(".");
  return build(document.createElement(name), classes, props, children);
};

/** The same for SVG. @returns {SVGElement} */
export const svg = (tag, props, ...children) => {
  const [name, ...classes] = tag.split(".");
  return build(document.createElementNS(SVG, name), classes, props, children);
};

/** Puts children in place of what the element holds. @template {Element} E @param {E} element @returns {E} */
export const fill = (element, ...children) => {
  element.replaceChildren(...flatten(children));
  return element;
};

let lastId = 0;
/** An id that no other element of the page has. @param {string} prefix */
export const newId = (prefix) => `${prefix}-${(lastId += 1)}`;

const ICONS = {
  copy: "M8 8V5a1 1 0 0 1 1-1h10a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1h-3M5 8h10a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V9a1 1 0 0 1 1-1z",
  check: "m5 13 4.5 4.5L19 7",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6 6 18",
  search: "m20 20-4.5-4.5M17 10.5a6.5 6.5 0 1 1-13 0 6.5 6.5 0 0 1 13 0z",
  menu: "M4 7h16M4 12h16M4 17h16",
  home: "M4 11.5 12 4l8 7.5M6.5 9.5V20h11V9.5",
  back: "M15 5l-7 7 7 7",
  terminal: "m5 7 5 5-5 5M12 18h7",
  external: "M14 4h6v6M20 4l-9 9M18 14v5a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V7a1 1 0 0 1 1-1h5",
  down: "m6 9 6 6 6-6",
  arrow: "M5 12h14m-5-5 5 5-5 5",
  up: "m6 15 6-6 6 6",
  lock: "M8 11V7.500a4 4 0 0 1 8 0V11M6 11h12a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1H6a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1z",
  rules:
    "M4 12h5m0 0c4 0 4-6 8-6h3m-11 6c4 0 4 6 8 6h3M17.500 3.500 20 6l-2.500 2.500M17.500 15.500 20 18l-2.500 2.500",
  slices: "M12 3l8.500 4.500L12 12 3.500 7.500zM3.500 12 12 16.500l8.500-4.500M3.500 16.500 12 21l8.500-4.500",
  book: "M5 4h11a3 3 0 0 1 3 3v13H8a3 3 0 0 1-3-3zM5 17a3 3 0 0 1 3-3h11",
};

/** A small line drawing; decoration only. @param {keyof typeof ICONS} name */
export const icon = (name) =>
  svg("svg.icon", { viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));

/** The mark of the product. */
export const logo = () =>
  svg(
    "svg.logo",
    { viewBox: "0 0 32 32", "aria-hidden": "true" },
    svg("path", { d: "M17 15V4.5A10.5 10.5 0 0 1 27.500 15z" }),
    svg("path.rest", { d: "M14 18V6.900A10.600 10.600 0 1 0 25.100 18z" }),
  );

// ---- words ---------------------------------------------------------------

const manyOf = (one) => (/(x|ss|sh|ch)$/.test(one) ? `${one}es` : `${one.replace(/([^aeiou])y$/, "$1ie")}s`);

/** `is_query_forwarded` → `Query forwarded`, `visit_count` → `Visits`. @param {string} name */
export const humanize = (name) => {
  if (name === "at") return "When";
  const words = name
    .replace(/^(is|has)_/, "")
    .replace(/_(at|seconds|on|bytes)$/, "")
    .replace(/(\w)_count$/, (_, last) => manyOf(last))
    .replaceAll("_", " ")
    .replace(/\b(url|id|os|ip|api|http|dns|tls|json|csv)\b/g, (word) => word.toUpperCase());
  return words.charAt(0).toUpperCase() + words.slice(1);
};

/** `3 links`, `1 entry`. @param {number} count @param {string} one */
export const plural = (count, one) => `${formatNumber(count)} ${count === 1 ? one : manyOf(one)}`;

/** What one thing of a list is called: `links` → `link`. @param {string} name */
export const singular = (name) => {
  const words = name.replaceAll(/[-_]/g, " ");
  if (/ies$/.test(words)) return words.replace(/ies$/, "y");
  if (/(x|ss|sh|ch)es$/.test(words)) return words.slice(0, -2);
  return /[^s]s$/.test(words) ? words.slice(0, -1) : "entry";
};

const NUMBER = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 6 });
/** @param {number} value */
export const formatNumber = (value) => NUMBER.format(value);

const EXACT = new Intl.DateTimeFormat(LOCALE, { dateStyle: "medium", timeStyle: "long" });
const DAY = new Intl.DateTimeFormat(LOCALE, { dateStyle: "medium" });
const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
const STEPS = [
  ["minute", 60, 3600],
  ["hour", 3600, 86400],
  ["day", 86400, 30 * 86400],
];

/** Local date and time with its zone. @param {string | Date} at */
export const exactTime = (at) => EXACT.format(new Date(at));

/**
 * `just now`, `3 min ago`, `in 2 days`; beyond a month the date.
 * @param {string | Date} at @param {number} [now] milliseconds
 */
export const relativeTime = (at, now = Date.now()) => {
  const seconds = (new Date(at).getTime() - now) / 1000;
  const distance = Math.abs(seconds);
  if (distance < 45) return seconds > 5 ? "in a moment" : "just now";
  const step = STEPS.find(([, , limit]) => distance < limit);
  if (!step) return DAY.format(new Date(at));
  const [unit, size] = step;
  return RELATIVE.format(Math.round(seconds / size) || Math.sign(seconds), unit).replace(".", "");
};

/** A time that keeps itself current; the exact one shows on hover. @param {string} at */
export const timeElement = (at) =>
  Number.isNaN(Date.parse(at))
    ? h("span", null, at)
    : h("time", { datetime: at, title: exactTime(at), dataset: { relative: "" } }, relativeTime(at));

setInterval(() => {
  document.querySelectorAll("time[data-relative]").forEach((element) => {
    const text = relativeTime(element.dateTime);
    if (element.textContent !== text) element.textContent = text;
  });
}, 15_000);

const UNITS = [
  ["d", 86400],
  ["h", 3600],
  ["min", 60],
  ["s", 1],
];

/** `5400` → `1 h 30 min`. @param {number} seconds */
export const formatDuration = (seconds) => {
  if (!seconds) return "0 s";
  const [, parts] = UNITS.reduce(
    ([left, parts], [unit, size]) => {
      const count = Math.floor(left / size);
      return [left - count * size, count ? [...parts, `${count} ${unit}`] : parts];
    },
    [Math.abs(seconds), []],
  );
  return (seconds < 0 ? "−" : "") + (parts.slice(0, 2).join(" ") || `${seconds} s`);
};

/** `1536` → `1.5 kB`. @param {number} bytes */
export const formatBytes = (bytes) => {
  const power = bytes < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(bytes) / 3));
  return `${formatNumber(Number((bytes / 1000 ** power).toPrecision(3)))} ${["B", "kB", "MB", "GB", "TB"][power]}`;
};

/** Code spans and plain words of one paragraph. @param {string} text @returns {Child[]} */
export const codeSpans = (text) =>
  text.split(/`+([^`]+)`+/).map((part, index) => (index % 2 ? h("code", null, part) : part));

/** Paragraphs, bullet lists and code spans of a docstring. @param {string} [text] @returns {HTMLElement[]} */
export const prose = (text = "") =>
  text
    .trim()
    .split(/\n\s*\n/)
    .filter(Boolean)
    .map((block) => {
      const lines = block.split("\n").map((line) => line.trim());
      if (!lines.every((line) => /^[-*] /.test(line))) return h("p", null, codeSpans(lines.join(" ")));
      return h(
        "ul",
        null,
        lines.map((line) => h("li", null, codeSpans(line.slice(2)))),
      );
    });

/** @param {string} [text] */
export const firstSentence = (text = "") =>
  text
    .trim()
    .split(/\n\s*\n/)[0]
    .replace(/\s+/g, " ");

/** Only schemes that cannot run script may become a link. @param {unknown} value */
export const isSafeUrl = (value) => typeof value === "string" && /^(https?|mailto|tel):/i.test(value);

// ---- messages ------------------------------------------------------------

/** Says something to screen readers only. @param {string} text */
export const announce = (text) => fill(document.getElementById("announcer"), text);

const MOST_TOASTS = 3;

/**
 * A short message that goes by itself.
 * @param {string} text @param {"info" | "error"} [tone] @param {{ words: string, run: () => void }} [action] such as undoing it
 */
export const toast = (text, tone = "info", action) => {
  const onclick = () => {
    element.remove();
    action.run();
  };
  const element = h(`div.toast.${tone}`, null, text, action && h("button", { type: "button", onclick }, action.words));
  const toasts = document.getElementById("toasts");
  toasts.append(element);
  [...toasts.children].slice(0, -MOST_TOASTS).forEach((old) => old.remove());
  setTimeout(() => element.remove(), tone === "error" || action ? 9000 : 3500);
};

// ---- copying -------------------------------------------------------------

const copyBySelection = (text) => {
  const area = h("textarea.visually-hidden", { value: text, readonly: true, "aria-hidden": "true" });
  // Inside an open dialog everything else is inert and cannot be selected.
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  return isCopied;
};

/** Copies text; works without TLS too, where the clipboard API is missing. @param {string} text */
export const copyText = async (text) => {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
};

/**
 * @param {string | (() => string)} text
 * @param {string} label what is copied, for screen readers: "Copy short URL"
 * @param {string} [words] shown beside the icon; without them the icon stands alone
 */
export const copyButton = (text, label, words) => {
  const face = h("span.copy-face", null, icon("copy"), words);
  let timer = null;
  const onclick = async () => {
    const isCopied = await copyText(typeof text === "function" ? text() : text);
    if (!isCopied) return toast("The browser did not allow copying. Select the text instead.", "error");
    fill(face, icon("check"), words && "Copied");
    announce("Copied");
    clearTimeout(timer);
    timer = setTimeout(() => fill(face, icon("copy"), words), 1600);
  };
  return h(
    `button.copy${words ? "" : ".icon-button.quiet"}`,
    { type: "button", "aria-label": label, title: label, onclick },
    face,
  );
};

/** A block of code with a copy button. @param {string} text @param {string} [label] */
export const codeBlock = (text, label = "Copy") =>
  h(
    "div.code-block",
    null,
    h("pre", { tabindex: "0", role: "group", "aria-label": label.replace(/^Copy /, "") }, h("code", null, text)),
    copyButton(text, label),
  );

// ---- dialogs -------------------------------------------------------------

/**
 * Opens a modal dialog; Escape, the close button and `close()` end it. `mayClose` can keep people from the first two.
 * @param {{ title: string, content: Child, isWide?: boolean, onClose?: () => void, isAlert?: boolean, mayClose?: () => boolean }} options
 * @returns {() => void} close
 */
export const openDialog = ({ title, content, isWide = false, isAlert = false, onClose, mayClose = () => true }) => {
  const id = newId("dialog");
  const leave = () => mayClose() && dialog.close();
  const dialog = h(
    `dialog${isWide ? ".wide" : ""}`,
    { "aria-labelledby": id, role: isAlert ? "alertdialog" : null },
    h(
      "div.dialog-head",
      null,
      h("h2", { id }, title),
      h("button.icon-button.quiet", { type: "button", "aria-label": "Close", onclick: leave }, icon("close")),
    ),
    h("div.dialog-body", null, content),
  );
  dialog.addEventListener("close", () => {
    dialog.remove();
    onClose?.();
  });
  dialog.addEventListener("cancel", (event) => event.target === dialog && !mayClose() && event.preventDefault());
  dialog.addEventListener("click", (event) => event.target === dialog && !isAlert && leave());
  document.body.append(dialog);
  dialog.showModal();
  dialog.querySelector("[autofocus], input, select, textarea, .dialog-body button")?.focus();
  return () => dialog.close();
};

/**
 * Asks before something that cannot be taken back. The action runs while the dialog is open, so its failure is told there.
 * @param {{ title: string, text: string, action: string, run: () => Promise<unknown> }} options
 * @returns {Promise<boolean>} whether it was done
 */
export const confirmDialog = ({ title, text, action, run }) =>
  new Promise((resolve) => {
    let isDone = false;
    const failure = h("div", { role: "alert" });
    const onclick = async () => {
      confirm.disabled = true;
      try {
        await run();
        isDone = true;
        close();
      } catch (error) {
        fill(failure, problemNote(error));
        confirm.disabled = false;
      }
    };
    const confirm = h("button.danger", { type: "button", onclick }, action);
    const cancel = h("button", { type: "button", autofocus: true, onclick: () => close() }, "Cancel");
    const close = openDialog({
      title,
      isAlert: true,
      content: [h("p", null, text), failure, h("div.actions", null, cancel, confirm)],
      onClose: () => resolve(isDone),
    });
  });

// ---- curl ----------------------------------------------------------------

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/**
 * The command that does what the page does.
 * @param {{ method?: string, path: string, body?: unknown, file?: string, headers?: Record<string, string>, isPublic?: boolean }} request
 */
export const curlText = ({ method = "GET", path, body, file, headers = {}, isPublic = false }) => {
  const lines = [
    `curl -sS${method === "GET" ? "" : ` -X ${method}`} ${quoted(location.origin + path)}`,
    !isPublic && '-H "Authorization: Bearer $SLICE_KEY"',
    ...Object.entries(headers).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`),
    body !== undefined && !headers["Content-Type"] && "-H 'Content-Type: application/json'",
    body !== undefined && `--data ${quoted(JSON.stringify(body))}`,
    file && `--data-binary ${quoted(`@${file}`)}`,
  ];
  return lines.filter(Boolean).join(" \\\n  ");
};

/** A button that shows the request as a curl line. @param {() => Parameters<typeof curlText>[0]} request asked at the click */
export const curlButton = (request) =>
  h(
    "button.quiet",
    {
      type: "button",
      onclick: () =>
        openDialog({
          title: "As a curl command",
          isWide: true,
          content: [
            codeBlock(curlText(request()), "Copy curl command"),
            h("p.muted", null, "Put a key into the variable ", h("code", null, "SLICE_KEY"), " first."),
          ],
        }),
    },
    icon("terminal"),
    "Show as curl",
  );

// ---- states --------------------------------------------------------------

/** A problem in words, with its request id. @param {any} error an ApiError or any other error */
export const problemNote = (error) => {
  const problem = error.problem ?? { title: "Something went wrong on this page", detail: error.message };
  return h(
    "div.note.error",
    null,
    h("strong", null, problem.title),
    problem.detail && h("span", null, problem.detail),
    problem.request_id &&
      h(
        "span.request-id",
        null,
        "Request ",
        h("code", null, problem.request_id),
        copyButton(problem.request_id, "Copy request id"),
      ),
  );
};

/** What stands where a list or object could not be loaded. @param {any} error @param {() => void} [retry] */
export const errorState = (error, retry) =>
  h(
    "div.state.failed",
    { role: "alert" },
    problemNote(error),
    retry && h("button", { type: "button", onclick: retry }, "Try again"),
  );

/**
 * What stands where there is nothing yet.
 * @param {{ title: string, text?: Child, action?: Child, curl?: string }} options
 */
export const emptyState = ({ title, text, action, curl }) =>
  h(
    "div.state.empty",
    null,
    h("h2", null, title),
    text && h("div.muted", null, text),
    action,
    curl && codeBlock(curl, "Copy curl command"),
  );

/** Grey bars in the shape of what is coming. @param {number} [rows] */
export const skeleton = (rows = 6) =>
  h(
    "div.skeleton",
    { role: "status" },
    h("span.visually-hidden", null, "Loading"),
    Array.from({ length: rows }, () => h("div.bone", { "aria-hidden": "true" })),
  );

/** The head of a page: where it lies, its title, and what can be done. @param {{ title: Child, back?: { href: string, text: string }, text?: Child, actions?: Child }} options */
export const pageHead = ({ title, back, text, actions }) =>
  h(
    "div.page-head",
    null,
    h(
      "div.page-title",
      null,
      back && h("a.back", { href: back.href }, icon("back"), back.text),
      h("h1", { tabindex: "-1" }, title),
      text && h("p.muted", null, text),
    ),
    actions && h("div.actions", null, actions),
  );
