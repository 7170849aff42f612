/**
 * The page of one flag: its switch, and views of it, each loaded when it is looked at. The address keeps which one.
 *
 * @typedef {import("../../generic.js").Context} Context
 * @typedef {{ flag: any, ctx: Context, canWrite: boolean, onChanged: () => Promise<void>, onDrawn: (revision: number) => void }} ViewOptions
 */
import { call, onEvents, onReset, statusOf, withQuery } from "../../api.js";
import { confirmDialog, curlButton, errorState, fill, h, pageHead, skeleton, toast } from "../../dom.js";
import { canDo, listPath } from "../../generic.js";
import { lazily } from "../../lazy.js";
import { valueElement } from "../../table.js";
import { staleMark } from "../flags.js";
import { stateSwitch } from "./switch.js";
import { parseExact } from "./values.js";
import { CODE_DEFAULT, KINDS, flagPath, setWords, targetingWords } from "./words.js";

/** @type {Record<string, { title: string, needs?: string, load: (options: ViewOptions) => Promise<Node> }>} */
const VIEWS = {
  settings: { title: "Settings", load: async () => null },
  playground: {
    title: "Playground",
    needs: "/api/flags/evaluate",
    load: async (options) => (await import("./playground.js")).flagPlayground(options),
  },
  history: {
    title: "History",
    needs: "/api/flags/{key}/history",
    load: async (options) => (await import("./history.js")).historyView(options),
  },
  schedule: {
    title: "Schedule",
    needs: "/api/flags/{key}/schedule",
    load: async (options) => (await import("./schedule.js")).scheduleView(options),
  },
  exposures: {
    title: "Evaluations",
    needs: "/api/flags/{key}/exposures",
    load: async (options) => (await import("./exposures.js")).exposuresView(options),
  },
  code: { title: "Code", load: async (options) => (await import("./snippets.js")).snippetsView(options) },
};

/** @param {Context} ctx @param {string} key */
export const flagPage = (ctx, key) => {
  const { ops, slice, signal } = ctx;
  const wanted = { key, set: ctx.url.searchParams.get("set") ?? "" };
  const path = flagPath(wanted);
  const home = withQuery(listPath(ctx), { set: wanted.set });
  const canWrite = canDo(ops.update);
  const offered = Object.entries(VIEWS).filter(([, { needs }]) => !needs || ctx.doc.paths[needs]);
  const head = h("div", null);
  const tabs = h("nav.views", { "aria-label": "Views of the flag" });
  const stage = h("div.view-stage");
  const element = h("div.page.flag-page", null, head, tabs, stage);
  let loaded = null;
  let editor = null;
  let shown = "";
  let toggle = null;

  const viewOfAddress = () => {
    const name = new URL(location.href).searchParams.get("view");
    return offered.some(([each]) => each === name) ? name : "settings";
  };
  const hrefOf = (view) => withQuery(location.pathname, { set: wanted.set, view: view === "settings" ? null : view });

  // -- the head
  const remove = async () => {
    const isDone = await confirmDialog({
      title: `Delete ${key}?`,
      text: "Its history and its plans go with it. Programs that ask for it get the default in their own code. This cannot be undone.",
      action: "Delete flag",
      run: () => call("DELETE", path),
    });
    if (!isDone) return;
    isLeaving = true;
    toast("Flag deleted");
    ctx.go(home);
  };
  let isLeaving = false;
  // The revision that the history on the page ends with. A view that another one has replaced draws for nobody.
  let drawn = null;
  const setState = async (state) => {
    const answer = await call("PATCH", path, {
      body: { state },
      headers: { "If-Match": loaded.etag },
      parse: parseExact,
    }).catch(async (error) => {
      if (statusOf(error) === 412) await refresh();
      throw error;
    });
    take(answer);
    return answer.data;
  };
  const showHead = () => {
    const flag = loaded?.data;
    toggle = flag && stateSwitch(flag, { isReadOnly: !canWrite, hasWords: true, setState });
    fill(
      head,
      pageHead({
        title: key,
        back: { href: home, text: slice.title },
        text: flag && [
          h(
            "span.flag-marks",
            null,
            h("span.badge.plain", null, KINDS[flag.kind] ?? "Mixed types"),
            flag.set && h("span.badge.plain", null, `Set: ${setWords(flag.set)}`),
            staleMark(flag),
            h("span", null, flag.state === "DISABLED" ? `programs use ${CODE_DEFAULT}` : targetingWords(flag)),
            flag.last_evaluated_at && h("span", null, "evaluated ", valueElement(TIME, flag.last_evaluated_at)),
          ),
          flag.description && h("span.flag-description", null, flag.description),
        ],
        actions: flag && [
          toggle.element,
          curlButton(() => ({ path })),
          canDo(ops.remove) &&
            h("button.danger-quiet", { type: "button", "aria-haspopup": "dialog", onclick: remove }, "Delete"),
        ],
      }),
    );
  };

  // -- the views
  const showTabs = () => {
    fill(
      tabs,
      offered.map(([name, { title }]) => {
        const onclick = (event) => {
          if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
          event.preventDefault();
          ctx.go(hrefOf(name), { isQuiet: true });
          show(name);
        };
        return h("a", { href: hrefOf(name), "aria-current": name === shown ? "page" : null, onclick }, title);
      }),
    );
    // On narrow screens not all of them fit.
    const current = tabs.querySelector("[aria-current]");
    if (current) tabs.scrollLeft = current.offsetLeft - tabs.offsetLeft - tabs.clientWidth / 3;
  };
  const showEditor = async () => {
    const { flagEditor } = await import("./editor.js");
    editor ??= flagEditor(loaded, {
      isReadOnly: !canWrite,
      onSaved: (answer) => {
        editor = null;
        take(answer);
        if (shown === "settings") show("settings");
      },
      onReload: async () => {
        editor = null;
        await refresh();
        show("settings");
      },
      onDirty: () => showTabs(),
    });
    return editor.element;
  };
  const show = (name) => {
    const isSame = name === shown;
    shown = name;
    const focused = tabs.contains(document.activeElement);
    showTabs();
    if (focused) tabs.querySelector("[aria-current]").focus();
    if (name === "settings") {
      if (!isSame && !editor) fill(stage, skeleton(8));
      return lazily(stage, showEditor);
    }
    const place = h("div.view", null, skeleton(4));
    const onDrawn = (revision) => {
      if (place.isConnected) drawn = revision;
    };
    const options = { flag: loaded.data, ctx, canWrite, onChanged: refresh, onDrawn };
    fill(stage, place);
    lazily(place, () => VIEWS[name].load(options));
  };

  // -- what is known
  const take = (answer) => {
    const isNewer = answer.data.revision !== loaded?.data.revision;
    loaded = answer;
    if (!isNewer) return;
    showHead();
    if (editor?.isDirty()) return editor.rebase(answer);
    editor = null;
    if (shown === "settings") show("settings");
  };
  const refresh = async () => {
    take(await call("GET", path, { signal, parse: parseExact }));
  };
  const showGone = () => {
    fill(tabs);
    fill(
      stage,
      h(
        "div.note.warn",
        { role: "status" },
        h("strong", null, "This flag was deleted"),
        h("span", null, h("a", { href: home }, `Back to ${slice.title.toLowerCase()}`)),
      ),
    );
  };
  const look = async () => {
    if (!loaded || isLeaving) return;
    try {
      await refresh();
      if (shown === "history" && loaded.data.revision !== drawn) show("history");
    } catch (error) {
      if (statusOf(error) === 404) showGone();
    }
  };
  const isMine = ({ slice: name, subject, data, type }) =>
    name === slice.name &&
    (subject === key || type.endsWith(".imported")) &&
    (data?.set ?? "") === (loaded?.data.set ?? "");
  onEvents((events) => events.some(isMine) && look(), signal);
  onReset(look, signal);
  const warn = (event) => editor?.isDirty() && event.preventDefault();
  addEventListener("beforeunload", warn, { signal });

  const load = async () => {
    fill(stage, skeleton(8));
    try {
      loaded = await call("GET", path, { signal, parse: parseExact });
      showHead();
      show(viewOfAddress());
    } catch (error) {
      if (!signal.aborted) fill(stage, errorState(error, load));
    }
  };
  showHead();
  load();
  return element;
};

const TIME = /** @type {any} */ ({ name: "at", kind: "datetime", label: "", schema: {} });
