/**
 * Links from a file: choose it, try it, take it in, and read what became of each line.
 *
 * @typedef {{ line: number, detail: string }} Failure
 * @typedef {{ created: number, skipped: number, failed: Failure[], failed_count: number, is_dry_run: boolean }} Report
 *   failed: the first of very many
 */
import { sendFile, withQuery } from "../../api.js";
import {
  announce,
  copyButton,
  curlButton,
  fill,
  formatBytes,
  formatNumber,
  h,
  icon,
  newId,
  openDialog,
  plural,
  problemNote,
  toast,
} from "../../dom.js";
import { segments } from "../../forms.js";

/** @type {[format: string, words: string, type: string, names: RegExp][]} */
const FORMATS = [
  ["csv", "CSV", "text/csv", /\.(csv|tsv|txt)$/i],
  ["ndjson", "NDJSON", "application/x-ndjson", /\.(ndjson|jsonl|json)$/i],
];
const typeOf = (format) => FORMATS.find(([name]) => name === format)[2];
const formatOf = (name) => FORMATS.find(([, , , names]) => names.test(name))?.[0] ?? "csv";

const MOST_LINES = 100;
const STAYS = "What was imported so far stays.";

// ---- the report ----------------------------------------------------------

const quoted = (text) => `"${String(text).replaceAll('"', '""')}"`;
const asCsv = (failed) =>
  ["line,reason", ...failed.map(({ line, detail }) => `${line},${quoted(detail)}`)].join("\r\n") + "\r\n";

const downloadButton = (failed) => {
  const onclick = () => {
    const href = URL.createObjectURL(new Blob([asCsv(failed)], { type: "text/csv" }));
    h("a", { href, download: "failed-lines.csv" }).click();
    setTimeout(() => URL.revokeObjectURL(href), 10_000);
  };
  return h("button", { type: "button", onclick }, "Download as CSV");
};

const failedLine = ({ line, detail }) =>
  h("tr", null, h("th.numeric", { scope: "row" }, formatNumber(line)), h("td", null, detail));

const failedTable = (failed) => {
  const body = h("tbody", null, failed.slice(0, MOST_LINES).map(failedLine));
  const showAll = (event) => {
    fill(body, failed.map(failedLine));
    event.currentTarget.remove();
  };
  return h(
    "section.failed-lines",
    { "aria-label": "Failed lines" },
    h(
      "div.numbers-box",
      { tabindex: "0", role: "region", "aria-label": "Failed lines and why" },
      h(
        "table.numbers",
        null,
        h("thead", null, h("tr", null, h("th.numeric", { scope: "col" }, "Line"), h("th", { scope: "col" }, "Why"))),
        body,
      ),
    ),
    h(
      "div.actions",
      null,
      failed.length > MOST_LINES &&
        h("button", { type: "button", onclick: showAll }, `Show all ${formatNumber(failed.length)}`),
      copyButton(() => asCsv(failed), "Copy the failed lines", "Copy"),
      downloadButton(failed),
    ),
  );
};

const figure = (value, words, tone) =>
  h(`li.figure${value ? `.${tone}` : ""}`, null, h("strong", null, formatNumber(value)), h("span", null, words));

const verdict = (count, isTrial) => {
  if (!count) return isTrial ? "Every line is fine." : "Every line was taken.";
  return `${plural(count, "line")} ${isTrial ? "would be" : count === 1 ? "was" : "were"} left out, for these reasons.`;
};

/** @param {Report} report */
const reportView = ({ created, skipped, failed, failed_count: count = failed.length, is_dry_run: isTrial }) => [
  h("p", null, h("strong", null, isTrial ? "Tried, and nothing was written. " : "Done. "), verdict(count, isTrial)),
  h(
    "ul.figures",
    null,
    figure(created, isTrial ? "would be created" : "created", "good"),
    figure(skipped, "there already", "warn"),
    figure(count, isTrial ? "would fail" : "failed", "bad"),
  ),
  failed.length > 0 && failedTable(failed),
  count > failed.length && h("p.muted", null, `Only the first ${formatNumber(failed.length)} are named.`),
];

// ---- the dialog ----------------------------------------------------------

/** A field to choose a file with, or to drop one onto. @param {(file: File) => void} onFile */
const fileField = (onFile) => {
  const id = newId("file");
  const input = h("input.visually-hidden", {
    id,
    type: "file",
    accept: ".csv,.ndjson,.jsonl,.json,text/csv,application/x-ndjson",
    onchange: () => input.files[0] && onFile(input.files[0]),
  });
  const words = h("span.drop-words");
  const setOver = (isOver) => (event) => {
    event.preventDefault();
    zone.classList.toggle("is-over", isOver);
  };
  const ondrop = (event) => {
    setOver(false)(event);
    const [file] = event.dataTransfer.files;
    if (file) onFile(file);
  };
  const zone = h(
    "div.drop-zone",
    { ondragenter: setOver(true), ondragover: setOver(true), ondragleave: setOver(false), ondrop },
    input,
    h("label", { for: id }, words),
  );
  /** @param {File | null} file */
  const show = (file) =>
    fill(
      words,
      file
        ? [h("strong", null, file.name), h("span.muted", null, formatBytes(file.size))]
        : [h("strong", null, "Choose a file"), " or drop it here"],
      h("span.muted", null, file ? "Choose another" : "CSV with a header row, or NDJSON"),
    );
  show(null);
  return { element: zone, show, focus: () => input.focus() };
};

const leaving = (event) => event.preventDefault();

/** While a file is on its way, leaving asks first. @param {() => void} ask @returns {() => void} ends it */
const guard = (ask) => {
  const onNavigate = (event) => {
    if (!event.cancelable || event.hashChange) return;
    event.preventDefault();
    ask();
  };
  addEventListener("beforeunload", leaving);
  window.navigation?.addEventListener("navigate", onNavigate);
  return () => {
    removeEventListener("beforeunload", leaving);
    window.navigation?.removeEventListener("navigate", onNavigate);
  };
};

/**
 * @param {string} path where files go
 * @param {() => void} onImported told when there may be new objects
 */
export const openImport = (path, onImported) => {
  /** @type {File | null} */
  let file = null;
  let format = "csv";
  /** @type {AbortController | null} */
  let sending = null;
  const stage = h("div.import", null);
  const target = (isTrial) => withQuery(path, { format, dry_run: isTrial ? "true" : null });

  // -- choosing
  const picker = fileField((chosen) => {
    file = chosen;
    format = formatOf(chosen.name);
    showChooser();
    stage.querySelector(".primary").focus();
  });
  const showChooser = (failure) => {
    picker.show(file);
    const formats = segments({
      label: "Format",
      options: FORMATS.map(([name, words]) => [name, words]),
      value: format,
      onChoose: (value) => {
        format = value;
      },
    });
    fill(
      stage,
      picker.element,
      file && h("div.import-format", null, h("span.label", null, "Format"), formats.element),
      h("div", { role: "alert" }, failure),
      h(
        "div.actions",
        null,
        curlButton(() => ({
          method: "POST",
          path: target(false),
          file: file?.name ?? `links.${format}`,
          headers: { "Content-Type": typeOf(format) },
        })),
        h("button", { type: "button", disabled: !file, onclick: () => run(true) }, "Try it first"),
        h("button.primary", { type: "button", disabled: !file, onclick: () => run(false) }, "Import"),
      ),
    );
  };

  // -- sending
  const showSending = (isTrial) => {
    const words = h("p", { id: newId("progress") }, `Sending ${file.name}…`);
    const bar = h("progress", { max: "1", value: 0, "aria-labelledby": words.id });
    const question = h("div", { role: "alert" });
    const stop = () => sending?.abort();
    const cancel = h("button", { type: "button", onclick: stop }, "Cancel");
    const hush = () => {
      fill(question);
      cancel.hidden = false;
      cancel.focus();
    };
    const ask = () => {
      if (question.firstChild) return;
      const goOn = h("button", { type: "button", onclick: () => hush() }, "Go on");
      cancel.hidden = true;
      fill(
        question,
        h(
          "div.note.warn",
          null,
          h("strong", null, isTrial ? "Stop the trial?" : "Stop the import?"),
          !isTrial && h("span", null, STAYS),
          h("div.actions", null, goOn, h("button.danger", { type: "button", onclick: stop }, "Stop")),
        ),
      );
      goOn.focus();
    };
    fill(stage, words, bar, question, h("div.actions", null, cancel));
    cancel.focus();
    const onProgress = (share) => {
      if (share < 1) {
        bar.value = share;
        return fill(words, `Sending ${file.name}: ${Math.floor(share * 100)} %`);
      }
      bar.removeAttribute("value");
      fill(words, "Sent. The server is reading the lines…");
    };
    return { ask, onProgress };
  };

  let ask = () => {};
  const run = async (isTrial) => {
    sending = new AbortController();
    const view = showSending(isTrial);
    ask = view.ask;
    const release = guard(ask);
    try {
      const { signal } = sending;
      const report = await sendFile(target(isTrial), file, {
        type: typeOf(format),
        onProgress: view.onProgress,
        signal,
      });
      showReport(report);
    } catch (error) {
      showChooser(error.name === "AbortError" ? stopped(isTrial) : problemNote(error));
      stage.querySelector(".primary").focus();
    } finally {
      sending = null;
      release();
      if (!isTrial) onImported();
    }
  };
  const stopped = (isTrial) =>
    h(
      "div.note.warn",
      null,
      h("strong", null, isTrial ? "The trial was stopped" : "The import was stopped"),
      h("span", null, isTrial ? "Nothing was written." : STAYS),
    );

  // -- the report
  /** @param {Report} report */
  const showReport = (report) => {
    const again = () => {
      file = null;
      showChooser();
      picker.focus();
    };
    fill(
      stage,
      reportView(report),
      h(
        "div.actions",
        null,
        h("button.quiet", { type: "button", onclick: again }, "Another file"),
        report.is_dry_run
          ? h("button.primary", { type: "button", onclick: () => run(false) }, "Import now")
          : h("button.primary", { type: "button", onclick: () => close() }, "Close"),
      ),
    );
    announce(`${report.created} created, ${report.skipped} there already, ${report.failed.length} failed`);
    stage.querySelector(".primary").focus();
  };

  showChooser();
  const close = openDialog({
    title: "Import links",
    isWide: true,
    content: stage,
    mayClose: () => {
      if (sending) ask();
      return !sending;
    },
    onClose: () => {
      if (!sending) return;
      sending.abort();
      toast(`The import was stopped. ${STAYS}`);
    },
  });
};
