/**
 * The page of one object of a slice: its fields, its actions, a form to change it, the lists below it.
 *
 * @typedef {import("./generic.js").Context} Context
 */
import { call, onEvents, statusOf, withQuery } from "./api.js";
import {
  confirmDialog,
  curlButton,
  errorState,
  fill,
  h,
  humanize,
  newId,
  pageHead,
  problemNote,
  singular,
  skeleton,
  toast,
} from "./dom.js";
import { schemaForm } from "./forms.js";
import { actionButton, canDo, knownPart, listPath, thing } from "./generic.js";
import { changeFrom, columnsOf, fillPath, listFields, nameOf } from "./schema.js";
import { facts, flash, listView } from "./table.js";

/** Tries a change again on a newer version as long as nobody touched the fields of the form. */
const MOST_REBASES = 3;

const patchWithRebase = async (path, body, { etag, initial }, names, tries = MOST_REBASES) => {
  try {
    return await call("PATCH", path, { body, headers: etag ? { "If-Match": etag } : {} });
  } catch (error) {
    if (statusOf(error) !== 412) throw error;
    const newest = await call("GET", path);
    const changed = names.filter((name) => JSON.stringify(newest.data[name]) !== JSON.stringify(initial[name]));
    if (changed.length || !tries) throw Object.assign(error, { newest, changed });
    return patchWithRebase(path, body, { etag: newest.etag, initial }, names, tries - 1);
  }
};

/**
 * The form that changes an object, and what it says when somebody else has changed it meanwhile.
 * @param {Context} ctx @param {string} path @param {{ etag: string | null, data: any }} loaded
 * @param {{ onSaved: (saved: any) => void, onCancel: () => void, look?: { foldLabel?: string, unfolded?: string[] } }} how
 */
export const editForm = (ctx, path, loaded, { onSaved, onCancel, look = {} }) => {
  const names = ctx.ops.updateFields.map((field) => field.name);
  const conflict = h("div", { role: "alert" });
  let base = { etag: loaded.etag, initial: loaded.data };

  const showConflict = (error) => {
    const labels = error.changed.map(
      (name) => ctx.ops.updateFields.find((field) => field.name === name)?.label ?? name,
    );
    const keepMine = () => {
      base = { etag: error.newest.etag, initial: error.newest.data };
      fill(conflict);
      form.requestSubmit();
    };
    fill(
      conflict,
      h(
        "div.note.warn",
        null,
        h("strong", null, "Someone else changed this while you were editing"),
        h(
          "span",
          null,
          labels.length ? `Changed meanwhile: ${labels.join(", ")}. ` : "",
          "Nothing of yours is saved yet.",
        ),
        h(
          "div.actions",
          null,
          h("button", { type: "button", onclick: keepMine }, "Save my changes on top"),
          h("button", { type: "button", onclick: () => onSaved(error.newest) }, "Drop mine, show the newest"),
        ),
      ),
    );
    conflict.querySelector("button").focus();
  };

  const onSubmit = async (body) => {
    if (!Object.keys(body).length) return onCancel();
    fill(conflict);
    try {
      const saved = await patchWithRebase(path, body, base, names);
      toast("Saved");
      onSaved(saved);
    } catch (error) {
      if (!error.newest) throw error;
      showConflict(error);
    }
  };

  const form = schemaForm({
    fields: ctx.ops.updateFields,
    initial: loaded.data,
    controls: ctx.page.controls,
    submit: "Save",
    label: `Edit ${thing(ctx)}`,
    ...look,
    onSubmit,
    onCancel,
    curl: (body) => ({
      method: "PATCH",
      path,
      body,
      headers: { "Content-Type": "application/merge-patch+json", ...(base.etag && { "If-Match": base.etag }) },
    }),
  });
  return h("section.card.edit", null, conflict, form);
};

/** A list below one object, such as the visits of a link. Loads again, at most once a second, when its object changes. */
const subList = (ctx, operation, id) => {
  const chosen = ctx.page.subLists?.[operation.name] ?? {};
  const fields = listFields(ctx.doc, operation);
  const list = listView({
    path: fillPath(operation.path, id),
    label: humanize(operation.name),
    one: singular(operation.name),
    columns: chosen.columns
      ? columnsOf(fields, "id", chosen.columns)
      : fields.filter((field) => field.kind !== "json").slice(0, 7),
    cells: chosen.cells,
    // These rows need no name of their own: they are never changed one by one.
    keyOf: () => newId("row"),
    empty: () => h("p.muted.quiet-empty", null, `No ${humanize(operation.name).toLowerCase()} yet.`),
    pageSize: 20,
    signal: ctx.signal,
  });
  list.load();
  let timer = null;
  onEvents((events) => {
    const isMine = events.some(
      (event) => event.slice === ctx.slice.name && changeFrom(event, ctx.ops.idKey)?.id === id,
    );
    if (!isMine || timer) return;
    timer = setTimeout(() => {
      timer = null;
      if (!ctx.signal.aborted) list.load({ isQuiet: true });
    }, 1000);
  }, ctx.signal);
  return h(
    "section.sub-list",
    { "aria-label": humanize(operation.name) },
    h("h2", null, humanize(operation.name)),
    list.element,
  );
};

/** @param {Context} ctx @param {string} id @returns {HTMLElement} */
export const objectPage = (ctx, id) => {
  const { ops, page, slice, signal } = ctx;
  const path = fillPath(ops.read?.path ?? `${slice.api_url}/{id}`, id);
  const head = h("div");
  const main = h("div", null, skeleton(8));
  const side = h("div.aside", { hidden: true });
  const above = h("div.above", { hidden: true });
  const below = h("div.below");
  const element = h("div.page", null, head, above, h("div.object", null, main, side), below);
  let loaded = null;
  let isEditing = false;

  const back = { href: listPath(ctx), text: slice.title };
  const showHead = (actions) => {
    const hadFocus = head.contains(document.activeElement);
    const text = loaded && actions && page.lead?.(loaded.data, ctx);
    fill(head, pageHead({ title: loaded ? nameOf(loaded.data, ops.idKey) : id, back, text, actions }));
    if (hadFocus) head.querySelector("h1").focus();
  };

  const remove = async () => {
    const isDone = await confirmDialog({
      title: `Delete this ${thing(ctx)}?`,
      text: `“${nameOf(loaded.data, ops.idKey)}” and everything kept with it will be gone. This cannot be undone.`,
      action: `Delete ${thing(ctx)}`,
      run: () => call("DELETE", path),
    });
    if (!isDone) return;
    toast(`${humanize(thing(ctx))} deleted`);
    ctx.go(listPath(ctx));
  };

  const reload = async () => {
    loaded = await call("GET", path, { signal });
    show();
  };

  const setEditing = (next) => {
    isEditing = next;
    const query = new URLSearchParams(location.search);
    query.delete("edit");
    const others = Object.fromEntries(query);
    ctx.go(withQuery(location.pathname, { edit: isEditing ? "yes" : null, ...others }), {
      isReplaced: true,
      isQuiet: true,
    });
    show();
    if (!isEditing) head.querySelector("h1").focus({ preventScroll: true });
  };

  const show = () => {
    if (isEditing) {
      side.hidden = true;
      above.hidden = true;
      showHead(null);
      fill(
        main,
        editForm(ctx, path, loaded, {
          onSaved: (saved) => {
            loaded = saved;
            setEditing(false);
          },
          onCancel: () => setEditing(false),
        }),
      );
      main.querySelector("input, select, textarea")?.focus();
      return;
    }
    showHead([
      page.tools?.(loaded.data, ctx),
      ops.actions
        .filter(canDo)
        .map((action) => actionButton(ctx, action, fillPath(action.path, id), (answer) => (answer ? reload() : null))),
      curlButton(() => ({ path })),
      canDo(ops.update) &&
        h(
          "button",
          { type: "button", "aria-keyshortcuts": "e", dataset: { edit: "" }, onclick: () => setEditing(true) },
          "Edit",
        ),
      canDo(ops.remove) &&
        h("button.danger-quiet", { type: "button", "aria-haspopup": "dialog", onclick: remove }, "Delete"),
    ]);
    fill(main, facts(ops.itemFields, loaded.data, page.cells));
    side.hidden = false;
    above.hidden = !above.firstChild;
  };

  const showGone = () => {
    fill(
      main,
      h(
        "div.note.warn",
        { role: "status" },
        h("strong", null, `This ${thing(ctx)} was deleted`),
        h("span", null, h("a", { href: listPath(ctx) }, `Back to ${slice.title.toLowerCase()}`)),
      ),
    );
    fill(below);
    fill(above);
    fill(side);
    showHead(null);
  };

  const merge = (part) => {
    const changed = Object.keys(part).filter(
      (name) => JSON.stringify(part[name]) !== JSON.stringify(loaded.data[name]),
    );
    loaded = { ...loaded, data: { ...loaded.data, ...part } };
    if (isEditing || !changed.length) return;
    const old = main.querySelector("dl.facts");
    if (!old || old.contains(document.activeElement)) return changed.forEach((name) => replaceFact(name));
    fill(main, facts(ops.itemFields, loaded.data, page.cells));
    changed.forEach((name) => flashFact(name));
  };
  const factOf = (name) => main.querySelector(`.fact[data-field="${CSS.escape(name)}"]`);
  const flashFact = (name) => factOf(name) && flash(factOf(name));
  // The fact that holds the focus stays as it is.
  const replaceFact = (name) => {
    const old = factOf(name);
    const field = ops.itemFields.find((each) => each.name === name);
    if (!old || !field || old.contains(document.activeElement)) return;
    old.replaceWith(facts([field], loaded.data, page.cells).firstElementChild);
    flashFact(name);
  };

  onEvents((events) => {
    if (!loaded) return;
    events
      .filter((event) => event.slice === slice.name)
      .map((event) => changeFrom(event, ops.idKey))
      .filter((change) => change?.id === id)
      .forEach((change) => {
        if (change.kind === "remove") return showGone();
        merge(knownPart(ctx, change.item));
      });
  }, signal);

  const load = async () => {
    fill(main, skeleton(8));
    try {
      loaded = await call("GET", path, { signal });
      isEditing = ctx.url.searchParams.has("edit") && canDo(ops.update);
      fill(above, page.above?.(loaded.data, ctx));
      show();
      fill(side, page.aside?.(loaded.data, ctx));
      fill(
        below,
        ops.subLists.filter(canDo).map((operation) => subList(ctx, operation, id)),
      );
    } catch (error) {
      if (signal.aborted) return;
      showHead(null);
      fill(main, error.problem ? errorState(error, load) : problemNote(error));
    }
  };
  showHead(null);
  load();
  return element;
};
