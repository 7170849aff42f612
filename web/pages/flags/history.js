/**
 * The versions of a flag: who changed what and when, and the way back.
 *
 * @typedef {{ op: string, path: string, value: any, old: any }} Patch
 * @typedef {{ revision: number, action: string, at: string, by: string | null, diff: Patch[], flag: any }} Revision
 */
import { call, withQuery } from "../../api.js";
import { curlButton, fill, h, humanize, plural, problemNote, timeElement, toast } from "../../dom.js";
import { isSame, parseExact, pretty, typed } from "./values.js";
import { CODE_DEFAULT, STATES, flagPath, targetingLines } from "./words.js";

const PAGE = 20;
const LONG = 80;

const ACTIONS = {
  created: "Created",
  updated: "Changed",
  imported: "Imported",
  rolled_back: "Rolled back",
  scheduled: "Changed as planned",
};

// ---- one difference ------------------------------------------------------

const NAMES = { defaultVariant: "Default variant", state: "State", targeting: "Targeting" };

/** `/variants/on` → `Variants: on`. */
const placeWords = (path) => {
  const [first, ...rest] = path
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  const name = NAMES[first] ?? humanize(first ?? "everything");
  return rest.length ? `${name}: ${rest.join(" / ")}` : name;
};

const valueWords = (path, value, isThere) => {
  if (!isThere) return h("span.muted", null, "nothing");
  if (path === "/state") return STATES[value] ?? String(value);
  if (path === "/defaultVariant") return value ?? CODE_DEFAULT;
  if (value === null) return h("span.muted", null, "nothing");
  if (Array.isArray(value) && value.every((each) => typeof each === "string")) return value.join(", ") || "nothing";
  const text = typeof value === "object" ? JSON.stringify(value) : typed(value);
  return text.length > LONG ? h("pre.json", null, pretty(value)) : h("code", null, text);
};

const oldAndNew = (old, next) =>
  h(
    "div.change",
    null,
    h("del", null, h("span.visually-hidden", null, "before: "), old),
    h("span.change-arrow", { "aria-hidden": "true" }, "→"),
    h("ins", null, h("span.visually-hidden", null, "now: "), next),
  );

/** @param {Patch} patch */
const difference = ({ op, path, value, old }) =>
  h(
    "li",
    null,
    h("span.change-place", null, placeWords(path)),
    oldAndNew(valueWords(path, old, op !== "add"), valueWords(path, value, op !== "remove")),
  );

const lines = (rule) => {
  const told = targetingLines(rule);
  if (told.length)
    return h(
      "ul",
      null,
      told.map((line) => h("li", null, line)),
    );
  return h("pre.json", null, pretty(rule));
};

/** A rule is told as a whole: paths into JsonLogic say little. @param {any} old @param {any} next */
const ruleDifference = (old, next) =>
  h(
    "li.rule-change",
    null,
    h("span.change-place", null, "Targeting"),
    oldAndNew(lines(old ?? null), lines(next ?? null)),
  );

/** @param {Revision} revision @param {Revision | undefined} before */
const differences = (revision, before) => {
  const isRule = ({ path }) => path === "/targeting" || path.startsWith("/targeting/");
  const others = revision.diff.filter((patch) => !isRule(patch));
  const whole = revision.diff.find(({ path }) => path === "/targeting");
  const old = before?.flag.targeting ?? (whole?.op === "add" ? null : whole?.old);
  const isToldAsWhole = revision.diff.some(isRule) && (before || whole);
  const told = [
    ...others.map(difference),
    ...(isToldAsWhole ? [ruleDifference(old, revision.flag.targeting)] : revision.diff.filter(isRule).map(difference)),
  ];
  return told.length > 0 && h("ul.changes", null, told);
};

// ---- the list ------------------------------------------------------------

/** @param {import("./flag.js").ViewOptions} options */
export const historyView = async ({ flag, ctx, canWrite, onChanged, onDrawn }) => {
  const path = flagPath(flag, "/history");
  const back = flagPath(flag, "/rollback");
  const list = h("ol.history");
  const foot = h("div.list-foot");
  const failure = h("div", { role: "alert" });
  const element = h("div.history-view", null, failure, list, foot);
  /** @type {Revision[]} */
  let revisions = [];
  let next = null;

  const rollBack = async (to, from, button) => {
    button.disabled = true;
    fill(failure);
    try {
      const { data } = await call("POST", back, { body: { revision: to } });
      const isNothingNew = data.revision === from;
      const undo = { words: "Undo", run: () => rollBack(from, data.revision, button) };
      toast(
        isNothingNew ? `It is as it was in version ${to} already` : `Back to version ${to}`,
        "info",
        isNothingNew ? undefined : undo,
      );
      await onChanged();
      if (!ctx.signal.aborted) await load();
    } catch (error) {
      fill(failure, problemNote(error));
    } finally {
      button.disabled = false;
    }
  };

  const entry = (revision, at) => {
    const isNewest = at === 0;
    const isLikeNow = !isNewest && isSame(revision.flag, revisions[0].flag);
    const onclick = (event) => rollBack(revision.revision, revisions[0].revision, event.currentTarget);
    return h(
      "li.revision",
      null,
      h(
        "div.revision-head",
        null,
        h("h2", null, `Version ${revision.revision}`),
        h("span", null, ACTIONS[revision.action] ?? humanize(revision.action)),
        h(
          "span.muted",
          null,
          timeElement(revision.at),
          revision.by ? [" by ", h("code", null, revision.by)] : " by a plan",
        ),
        isNewest && h("span.badge.good", null, "Now"),
        isLikeNow && h("span.badge.plain", null, "Same as now"),
        canWrite &&
          !isNewest &&
          !isLikeNow &&
          h(
            "button",
            { type: "button", "aria-label": `Roll back to this: version ${revision.revision}`, onclick },
            "Roll back to this",
          ),
      ),
      differences(revision, revisions[at + 1]),
      h(
        "details.fold",
        null,
        h("summary", null, "The whole definition"),
        h("pre.json", { tabindex: "0" }, pretty(revision.flag)),
      ),
    );
  };
  const show = () => {
    fill(list, revisions.map(entry));
    const more =
      next && h("button", { type: "button", onclick: (event) => loadMore(event.currentTarget) }, "Show more");
    fill(
      foot,
      h("p.muted", { role: "status" }, `${next ? "Last " : ""}${plural(revisions.length, "version")}`),
      more,
      curlButton(() => ({ path })),
    );
  };
  const page = async (after) => {
    const { data } = await call("GET", withQuery(path, { limit: PAGE, after }), {
      signal: ctx.signal,
      parse: parseExact,
    });
    return data;
  };
  const load = async () => {
    const found = await page(null);
    revisions = found.items;
    next = found.next;
    show();
    onDrawn(revisions[0].revision);
  };
  const loadMore = async (button) => {
    button.disabled = true;
    try {
      const found = await page(next);
      revisions = [...revisions, ...found.items];
      next = found.next;
      show();
    } catch (error) {
      button.disabled = false;
      fill(failure, problemNote(error));
    }
  };
  await load();
  return element;
};
