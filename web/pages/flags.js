/**
 * Feature flags: a switch for each, whom it gives what, and whether it is still of use. What is not seen at once is loaded
 * when it is.
 *
 * @typedef {import("../generic.js").Context} Context
 *
 * @type {import("../generic.js").Page}
 */
import { call, get, onEvents, onReset, withQuery } from "../api.js";
import { curlText, emptyState, firstSentence, h, icon, newId, pageHead, plural } from "../dom.js";
import { canDo, filterBar, listPath, otherQuery, tagCells } from "../generic.js";
import { columnsOf } from "../schema.js";
import { listView } from "../table.js";
import { stateSwitch } from "./flags/switch.js";
import { KINDS, STATES, flagHref, flagPath, setWords, staleWords, targetingWords } from "./flags/words.js";

const COLUMNS = ["key", "state", "kind", "default_variant", "targeting", "tags", "last_evaluated_at"];
const LABELS = {
  state: "State",
  default_variant: "Default",
  targeting: "Who gets what",
  last_evaluated_at: "Evaluated",
};
/** Live changes are shown at most so often. */
const PAUSE_MS = 250;

// ---- cells ---------------------------------------------------------------

/** @param {any} flag */
export const staleMark = (flag) => {
  if (!flag.is_stale) return null;
  const [short, long] = staleWords(flag.stale_reason);
  return h("span.badge.warn", { title: long }, short, h("span.visually-hidden", null, `: ${long}`));
};

const keyCell = (flag) =>
  h(
    "span.stacked.flag-key",
    null,
    h("span", null, flag.key),
    flag.description && h("span.muted.clip", { title: flag.description }, flag.description),
  );

const kindCell = (flag) => h("span", null, KINDS[flag.kind] ?? "Mixed");

const defaultCell = (flag) =>
  flag.default_variant === null
    ? h("span.muted", { title: "Programs use the default in their own code" }, "Code’s own")
    : h("code", null, flag.default_variant);

const targetingCell = (flag) => h("span.clip", { title: targetingWords(flag) }, targetingWords(flag));

const evaluatedCell = (flag) =>
  flag.last_evaluated_at
    ? null
    : h("span.none", null, h("span", { "aria-hidden": "true" }, "–"), h("span.visually-hidden", null, "never"));

// ---- sets ----------------------------------------------------------------

/** Which set to look at, where there are several. */
const setChooser = (sets, chosen, onChoose) => {
  const id = newId("set");
  const select = h(
    "select",
    { id, value: chosen, onchange: () => onChoose(select.value) },
    sets.map(({ name, flags }) => h("option", { value: name }, `${setWords(name)} (${plural(flags, "flag")})`)),
  );
  return h("div.filter.set-chooser", null, h("label", { for: id }, "Flag set"), select);
};

/** The name that the server takes when none is given. */
const usualSet = (sets) => (sets.some(({ name }) => name === "") || sets.length !== 1 ? "" : sets[0].name);

// ---- the list ------------------------------------------------------------

/** Loads again what has changed, one flag by itself and more of them at once. */
const follow = (ctx, list, set) => {
  const waiting = new Map();
  let timer = null;
  const run = async () => {
    timer = null;
    const changes = [...waiting];
    waiting.clear();
    const isOneChange = changes.length === 1 && list.has(changes[0][0]) && changes[0][1] === "flags.updated";
    if (!isOneChange) return list.load({ isQuiet: true });
    const [[key]] = changes;
    const flag = await get(flagPath({ key, set }), ctx.signal).catch(() => null);
    if (flag) list.merge(key, flag);
  };
  onEvents((events) => {
    events
      .filter((event) => event.slice === ctx.slice.name && (event.data?.set ?? set) === set)
      .forEach(({ type, subject }) => waiting.set(subject, type));
    if (waiting.size) timer ??= setTimeout(() => !ctx.signal.aborted && run(), PAUSE_MS);
  }, ctx.signal);
  onReset(() => list.load({ isQuiet: true }), ctx.signal);
};

/** Filters in the words of this page; the set has a place of its own. @param {Context} ctx */
const withOwnFilters = (ctx) => {
  const own = { state: { words: STATES }, is_stale: { label: "Stale" } };
  const filters = ctx.ops.filters
    .filter(({ name }) => name !== "set")
    .map((field) => ({ ...field, ...own[field.name] }));
  return { ...ctx, ops: { ...ctx.ops, filters } };
};

const columns = (ctx) =>
  columnsOf(ctx.ops.itemFields, "key", COLUMNS).map((field) => ({
    ...field,
    label: LABELS[field.name] ?? field.label,
  }));

/** @param {Context} bare */
const listPage = async (bare) => {
  const ctx = withOwnFilters(bare);
  const { slice, ops, signal } = ctx;
  const { items: sets } = await get("/api/flags/sets?limit=200", signal).catch(() => ({ items: [] }));
  const usual = usualSet(sets);
  const set = ctx.url.searchParams.get("set") ?? usual;
  const isUsual = set === usual;
  const isCreatable = canDo(ops.create);
  const home = withQuery(listPath(ctx), { set: isUsual ? null : set });
  if (ctx.url.searchParams.get("view") === "playground")
    return (await import("./flags/playground.js")).playgroundPage(ctx, { set, home });

  const bar = filterBar(ctx, () => {
    ctx.go(withQuery(listPath(ctx), { ...otherQuery(ctx), ...bar.read() }), { isReplaced: true, isQuiet: true });
    list.load({ isQuiet: true });
  });
  const openNew = async () => {
    const { openCreate } = await import("./flags/create.js");
    openCreate({ ctx, set, sets });
  };
  const newButton = (isMain) =>
    isCreatable &&
    h(
      "button.primary",
      {
        type: "button",
        "aria-haspopup": "dialog",
        "aria-keyshortcuts": isMain ? "n" : null,
        dataset: isMain ? { new: "" } : {},
        onclick: openNew,
      },
      icon("plus"),
      "New flag",
    );

  const setState = async (flag, state) => {
    const path = flagPath(flag);
    const { etag } = await call("GET", path);
    const { data } = await call("PATCH", path, { body: { state }, headers: { "If-Match": etag } });
    list.merge(flag.key, data);
    return data;
  };

  const list = listView({
    // The set is where one looks, and no filter.
    path: isUsual ? slice.api_url : withQuery(slice.api_url, { set }),
    query: bar.read,
    label: slice.title,
    one: "flag",
    columns: columns(ctx),
    cells: {
      ...tagCells(ctx, bar),
      state: (flag) =>
        stateSwitch(flag, { isReadOnly: !canDo(ops.update), setState: (state) => setState(flag, state) }).element,
      key: keyCell,
      kind: kindCell,
      default_variant: defaultCell,
      targeting: targetingCell,
      last_evaluated_at: evaluatedCell,
    },
    keyOf: (flag) => flag.key,
    hrefOf: flagHref,
    beside: staleMark,
    empty: () =>
      emptyState({
        title: "No flags yet",
        text: "A flag decides who gets what, without a new release: make one here, or from a terminal.",
        action: newButton(false),
        curl:
          isCreatable &&
          curlText({
            method: "POST",
            path: withQuery(slice.api_url, { set: isUsual ? null : set }),
            body: { key: "new-checkout", variants: { on: true, off: false }, default_variant: "off" },
          }),
      }),
    onClearFilters: () => ctx.go(home),
    signal,
  });
  follow(ctx, list, set);
  list.load({ rows: ctx.left?.rows }).then(() => ctx.left && !signal.aborted && scrollTo(0, ctx.left.scroll));

  const openImport = async () =>
    (await import("./flags/import.js")).openImport({
      set,
      onImported: (name) => ctx.go(withQuery(listPath(ctx), { set: name })),
    });
  const document = withQuery("/api/flags/document", { set });
  const hasPath = (path, method) => Boolean(ctx.doc.paths[path]?.[method]);
  const actions = [
    hasPath("/api/flags/evaluate", "post") &&
      h("a.button", { href: withQuery(home, { view: "playground" }) }, "Playground"),
    hasPath("/api/flags/document", "put") &&
      isCreatable &&
      h("button", { type: "button", "aria-haspopup": "dialog", onclick: openImport }, "Import"),
    hasPath("/api/flags/document", "get") &&
      h("a.button", { href: document, download: `${set || "flags"}.json` }, "Export"),
    newButton(true),
  ];
  const named = sets.some(({ name }) => name === set) ? sets : [...sets, { name: set, flags: 0 }];
  return h(
    "div.page.flags",
    null,
    pageHead({ title: slice.title, text: firstSentence(slice.description), actions }),
    (sets.length > 1 || !isUsual) &&
      setChooser(named, set, (name) => ctx.go(withQuery(listPath(ctx), { set: name === usual ? null : name }))),
    bar.element,
    list.element,
  );
};

/** The page of one flag comes when one is opened. */
const objectPage = async (ctx, key) => (await import("./flags/flag.js")).flagPage(ctx, key);

export default { list: listPage, object: objectPage };
