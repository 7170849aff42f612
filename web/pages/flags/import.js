/**
 * A whole flag set from a document in flagd's format: choose or paste it, see what it would do, then take it in.
 *
 * @typedef {{ imported?: number, created?: number, updated?: number, deleted?: number, unchanged?: number, warnings?: (string | { pointer?: string, detail: string })[] }} Report
 */
import { sendFile, withQuery } from "../../api.js";
import {
  announce,
  curlButton,
  fill,
  formatNumber,
  h,
  newId,
  openDialog,
  plural,
  problemNote,
  toast,
} from "../../dom.js";
import { readJson } from "./values.js";

const PATH = "/api/flags/document";
const MOST_WARNINGS = 50;

const figure = (value, words, tone) =>
  value !== undefined &&
  h(
    `li.figure${value && tone ? `.${tone}` : ""}`,
    null,
    h("strong", null, formatNumber(value)),
    h("span", null, words),
  );

const warningLine = (warning) =>
  typeof warning === "string"
    ? h("li", null, warning)
    : h("li", null, warning.pointer && h("code", null, warning.pointer), warning.pointer && " ", warning.detail);

const warningList = (warnings) =>
  h(
    "section.import-warnings",
    { "aria-label": "Warnings" },
    h("h3", null, plural(warnings.length, "warning")),
    h(
      "div.numbers-box",
      { tabindex: "0", role: "region", "aria-label": "Warnings" },
      h("ul", null, warnings.slice(0, MOST_WARNINGS).map(warningLine)),
    ),
    warnings.length > MOST_WARNINGS && h("p.muted", null, `Only the first ${MOST_WARNINGS} are shown.`),
  );

/** What is wrong with a document, place by place. */
const faultList = ({ problem }) =>
  problem?.errors?.length > 0 && h("ul.import-faults", null, problem.errors.slice(0, MOST_WARNINGS).map(warningLine));

/** @param {Report} report @param {boolean} isTrial */
const reportView = (report, isTrial) => [
  h("p", null, h("strong", null, isTrial ? "Tried, and nothing was written." : "Done.")),
  h(
    "ul.figures",
    null,
    figure(report.imported, isTrial ? "flags in it" : "flags imported", "good"),
    figure(report.created, "new", "good"),
    figure(report.updated, "changed", "warn"),
    figure(report.unchanged, "as they are"),
    figure(report.deleted, "taken out", "bad"),
  ),
  report.warnings?.length > 0 && warningList(report.warnings),
];

/** @param {{ set: string, onImported: (set: string) => void }} options */
export const openImport = ({ set, onImported }) => {
  const controller = new AbortController();
  const id = newId("document");
  const fault = h("div", { role: "alert" });
  const report = h("div.import-report", { role: "status" });
  const area = h("textarea.mono.document", {
    id,
    rows: "8",
    spellcheck: "false",
    placeholder:
      '{\n  "flags": {\n    "new-checkout": {\n      "state": "ENABLED",\n      "variants": { "on": true, "off": false },\n      "defaultVariant": "off"\n    }\n  }\n}',
    oninput: () => changed(),
  });
  const take = async (file) => {
    if (!file) return;
    area.value = await file.text();
    changed();
    attempt.focus();
  };
  const input = h("input.visually-hidden", {
    type: "file",
    id: newId("file"),
    accept: ".json,application/json",
    onchange: () => take(input.files[0]),
  });
  const setOver = (isOver) => (event) => {
    event.preventDefault();
    zone.classList.toggle("is-over", isOver);
  };
  const ondrop = (event) => {
    setOver(false)(event);
    take(event.dataTransfer.files[0]);
  };
  const zone = h(
    "div.drop-zone.is-small",
    { ondragenter: setOver(true), ondragover: setOver(true), ondragleave: setOver(false), ondrop },
    input,
    h("label", { for: input.id }, h("span.drop-words", null, h("strong", null, "Choose a file"), "or drop it here")),
  );
  const strict = h("input", { type: "checkbox", onchange: () => changed() });
  const attempt = h("button.primary", { type: "button", onclick: () => run(true) }, "Try it first");
  const doIt = h("button.primary", { type: "button", hidden: true, onclick: () => run(false) }, "Import now");
  const path = (isTrial) =>
    withQuery(PATH, { set, dry_run: isTrial ? "true" : null, strict: strict.checked ? "true" : null });

  const whose = h("p.muted", { role: "status" });
  /** Which set the document goes to: the one that it names itself, unless one looks at a set with a name. */
  const tellSet = () => {
    const named = set || readJson(area.value).value?.metadata?.flagSetId;
    fill(whose, `It takes the place of all flags ${named ? `of the set ${named}` : "without a set"}.`);
  };
  /** Another document, or other rules: what was found out does not hold any more. */
  const changed = () => {
    tellSet();
    fill(report);
    fill(fault);
    doIt.hidden = true;
    attempt.hidden = false;
    area.removeAttribute("aria-invalid");
  };
  const refuse = (text) => {
    area.setAttribute("aria-invalid", "true");
    fill(fault, h("p.fault", null, text));
    area.focus();
  };
  const run = async (isTrial) => {
    const { error } = readJson(area.value);
    if (error) return refuse(area.value.trim() ? error : "Choose a file, or paste a document.");
    fill(fault);
    attempt.disabled = doIt.disabled = true;
    try {
      // Sent as it is: numbers keep their form, and flags their order.
      const found = await sendFile(path(isTrial), new Blob([area.value]), {
        method: "PUT",
        type: "application/json",
        signal: controller.signal,
      });
      fill(report, reportView(found, isTrial));
      attempt.hidden = isTrial;
      doIt.hidden = !isTrial;
      if (isTrial) {
        announce(`${found.imported ?? 0} flags, ${found.warnings?.length ?? 0} warnings`);
        doIt.disabled = false;
        return doIt.focus();
      }
      toast(`${plural(found.imported ?? 0, "flag")} imported`);
      close();
      onImported(set || (readJson(area.value).value?.metadata?.flagSetId ?? ""));
    } catch (problem) {
      if (controller.signal.aborted) return;
      fill(report);
      // What lies in the document is told place by place below.
      const { detail: _, ...short } = problem.problem ?? {};
      const note = problem.problem?.errors?.length ? { problem: { ...short, title: "It was not taken in" } } : problem;
      fill(fault, problemNote(note), faultList(problem));
    } finally {
      attempt.disabled = doIt.disabled = false;
    }
  };
  const content = h(
    "div.import",
    null,
    whose,
    zone,
    h("div.field", null, h("label", { for: id }, "Or paste it"), area),
    h("label.choice", null, strict, h("span", null, "Be strict: refuse what breaks flagd’s schema")),
    fault,
    report,
    h(
      "div.actions",
      null,
      curlButton(() => ({
        method: "PUT",
        path: path(false),
        file: "flags.json",
        headers: { "Content-Type": "application/json" },
      })),
      attempt,
      doIt,
    ),
  );
  tellSet();
  const close = openDialog({ title: "Import flags", isWide: true, content, onClose: () => controller.abort() });
};
