/**
 * The page of one check: its state and why it is so, how to ping it, how much it was up, what came in.
 *
 * @typedef {import("../../generic.js").Context} Context
 */
import { call, get, statusOf, withQuery } from "../../api.js";
import {
  announce,
  curlButton,
  errorState,
  exactTime,
  fill,
  formatDuration,
  h,
  pageHead,
  plural,
  skeleton,
  timeElement,
  toast,
} from "../../dom.js";
import { canDo, listPath } from "../../generic.js";
import { menuButton } from "../../menu.js";
import { pause, remove, resume, snoozeItems } from "./actions.js";
import { badgeCard } from "./badge.js";
import { keepFresh } from "./fresh.js";
import { pingLog } from "./pings.js";
import { snippets } from "./snippets.js";
import { uptimeCard } from "./uptime.js";
import {
  STATES,
  checkPath,
  isSnoozed,
  nameOf,
  quietMark,
  scheduleElement,
  shortDuration,
  stateMark,
  whyWords,
} from "./words.js";

const fact = (label, ...value) => h("div.fact", null, h("dt", null, label), h("dd", null, value));

/** @param {any} check */
const factList = (check) =>
  h(
    "dl.facts.check-facts",
    null,
    fact("Schedule", scheduleElement(check.schedule)),
    fact("Grace", formatDuration(check.grace_seconds)),
    check.max_run_seconds && fact("Longest run", formatDuration(check.max_run_seconds)),
    fact(
      "Last ping",
      check.last_ping_at
        ? h(
            "span.both-times",
            null,
            timeElement(check.last_ping_at),
            h("span.muted", null, exactTime(check.last_ping_at)),
          )
        : "never",
    ),
    check.last_duration_seconds !== null && fact("Last run took", shortDuration(check.last_duration_seconds)),
    check.failures_before_alert > 1 && fact("Alert after", plural(check.failures_before_alert, "failure")),
    check.methods && fact("Counts", "only pings by POST"),
    check.filter_http_body && fact("Body", "keywords in it decide what a ping means"),
    check.maintenance.length > 0 && fact("Maintenance", plural(check.maintenance.length, "window")),
    check.slug && fact("Slug", h("code", null, check.slug)),
    check.tags.length > 0 &&
      fact(
        "Tags",
        h(
          "span.tags",
          null,
          check.tags.map((tag) => h("a.tag", { href: `/app/heartbeats?tag=${encodeURIComponent(tag)}` }, tag)),
        ),
      ),
  );

/** Its state at a glance, and in words. @param {any} check @param {any} last */
const stateCard = (check, last) =>
  h(
    `section.card.check-state.${STATES[check.state]?.tone ?? "plain"}`,
    { "aria-label": "State" },
    h(
      "div.with-badges",
      null,
      stateMark(check.state),
      quietMark(check),
      check.state === "down" && check.is_running && h("span.badge.plain", null, "A run goes on"),
    ),
    h("p", null, whyWords(check, last)),
    isSnoozed(check) && h("p.muted", null, "Snoozed: nobody is alerted until ", exactTime(check.snoozed_until), "."),
  );

/** Loads again what a change of the check concerns. @param {Context} ctx @param {string} id */
const checkParts = (ctx, id, data) => ({
  state: h("div"),
  facts: h("div"),
  howTo: snippets(data),
  uptime: uptimeCard(ctx, id),
  log: pingLog(ctx, id),
});

/** @param {Context} ctx @param {string} id */
export const checkPage = (ctx, id) => {
  const { slice, ops, signal } = ctx;
  const path = checkPath(id);
  const canWrite = canDo(ops.update);
  const back = { href: listPath(ctx), text: slice.title };
  const head = h("div", null, pageHead({ title: "Heartbeat", back }));
  const stage = h("div.check-stage", null, skeleton(8));
  let loaded = null;
  let last = null;
  let parts = null;
  let shown = "";
  let isEditing = false;
  let isLeaving = false;

  // -- what can be done
  const target = () => ({ check: loaded.data, onDone: (data) => take({ ...loaded, data }) });
  const onRemove = async () => {
    if (!(await remove(loaded.data))) return;
    isLeaving = true;
    toast("Heartbeat deleted");
    ctx.go(listPath(ctx));
  };
  const setEditing = (next) => {
    isEditing = next;
    ctx.go(withQuery(location.pathname, { edit: isEditing ? "yes" : null }), { isReplaced: true, isQuiet: true });
    showAll();
    if (!isEditing) head.querySelector("h1").focus({ preventScroll: true });
  };
  const actions = (check) => [
    canWrite &&
      h(
        "button",
        {
          type: "button",
          dataset: { pause: "" },
          onclick: () => (loaded.data.state === "paused" ? resume : pause)(target()),
        },
        check.state === "paused" ? "Resume" : "Pause",
      ),
    canWrite && menuButton({ face: "Snooze", items: () => snoozeItems(target()) }).element,
    curlButton(() => ({ path })),
    canWrite &&
      h(
        "button",
        { type: "button", "aria-keyshortcuts": "e", dataset: { edit: "" }, onclick: () => setEditing(true) },
        "Edit",
      ),
    canDo(ops.remove) &&
      h("button.danger-quiet", { type: "button", "aria-haspopup": "dialog", onclick: onRemove }, "Delete"),
  ];

  // -- what is shown
  const showHead = () => {
    const { data: check } = loaded;
    const focused = head.contains(document.activeElement) ? document.activeElement.closest("button, h1") : null;
    const told = focused?.textContent;
    const text = check.description && h("span.check-description", null, check.description);
    fill(head, pageHead({ title: nameOf(check), back, text, actions: isEditing ? null : actions(check) }));
    if (focused)
      (
        [...head.querySelectorAll("button")].find((each) => each.textContent === told) ??
        head.querySelector("[data-pause], h1")
      ).focus();
    document.title = document.title.replace(id, nameOf(check));
  };
  const showState = () => {
    // What has the focus stays until there is something else to show.
    const told = JSON.stringify([loaded.data, last]);
    if (told === shown) return;
    shown = told;
    fill(parts.state, stateCard(loaded.data, last));
    fill(parts.facts, factList(loaded.data));
    parts.howTo.update(loaded.data);
  };
  const showEditor = async () => {
    const { changeForm } = await import("./form.js");
    const onSaved = (saved) => {
      loaded = saved;
      setEditing(false);
    };
    fill(stage, changeForm(ctx, loaded, { onSaved, onCancel: () => setEditing(false) }));
    stage.querySelector("input")?.focus();
  };
  const showAll = () => {
    showHead();
    if (isEditing) return showEditor();
    parts ??= checkParts(ctx, id, loaded.data);
    const hasBadges = Object.keys(ctx.doc.paths).some((each) => each.startsWith("/b/"));
    fill(
      stage,
      parts.state,
      h(
        "div.check-columns",
        null,
        h("div.check-side", null, parts.facts, hasBadges && badgeCard(loaded.data)),
        parts.howTo.element,
      ),
      parts.uptime.element,
      parts.log.element,
    );
    showState();
  };

  // -- what is known
  const loadFlip = async () => {
    const { items } = await get(checkPath(id, "/flips?limit=1"), signal);
    last = items[0] ?? null;
  };
  const take = async (answer) => {
    const before = loaded.data;
    loaded = answer;
    if (isEditing) return;
    const isFlipped = before.state !== loaded.data.state;
    const isHeard = before.n_pings !== loaded.data.n_pings;
    if (isFlipped) await loadFlip().catch(() => {});
    const isSettled = ["name", "description", "state"].every((name) => before[name] === loaded.data[name]);
    if (!isSettled) showHead();
    showState();
    if (isFlipped) announce(`${nameOf(loaded.data)}: ${STATES[loaded.data.state].words}`);
    await Promise.all([(isFlipped || isHeard) && parts.uptime.load(), isHeard && parts.log.look()]);
  };
  const showGone = () => {
    const words = h("span", null, h("a", { href: listPath(ctx) }, `Back to ${slice.title.toLowerCase()}`));
    fill(stage, h("div.note.warn", { role: "status" }, h("strong", null, "This heartbeat was deleted"), words));
    fill(head, pageHead({ title: nameOf(loaded.data), back }));
    loaded = null;
  };
  const look = async () => {
    if (!loaded || isLeaving || isEditing) return;
    try {
      await take(await call("GET", path, { signal }));
    } catch (error) {
      if (statusOf(error) === 404 && loaded) showGone();
    }
  };
  const load = async () => {
    fill(stage, skeleton(8));
    try {
      [loaded] = await Promise.all([call("GET", path, { signal }), loadFlip()]);
      isEditing = ctx.url.searchParams.has("edit") && canWrite;
      showAll();
      parts?.uptime.load();
      parts?.log.load();
    } catch (error) {
      if (!signal.aborted) fill(stage, errorState(error, load));
    }
  };
  keepFresh(ctx, look);
  load();
  return h("div.page.heartbeats", null, head, stage);
};
