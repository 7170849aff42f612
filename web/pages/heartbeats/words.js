/**
 * Heartbeats in words: their states, when they are due, what went wrong.
 *
 * @typedef {{ every_seconds?: number, cron?: string, on_calendar?: string, timezone?: string }} Schedule
 * @typedef {{ at: string, old: string, new: string, reason: string | null }} Flip
 * @typedef {import("../../dom.js").Child} Child
 */
import { get, withQuery } from "../../api.js";
import { codeSpans, exactTime, fill, formatDuration, formatNumber, h, svg, timeElement } from "../../dom.js";
import { inTurn } from "./fresh.js";

/** Where the API has it. @param {string} id @param {string} [rest] */
export const checkPath = (id, rest = "") => `/api/heartbeats/${encodeURIComponent(id)}${rest}`;
/** Where its page is. @param {string} id */
export const checkHref = (id) => `/app/heartbeats/${encodeURIComponent(id)}`;

/** Other ways of making checks allow them to have no name. @param {any} check @returns {string} */
export const nameOf = ({ name, slug, id }) => name || slug || id;

// ---- states --------------------------------------------------------------

/** What needs a look comes first. @type {Record<string, { words: string, tone: string, drawing: string }>} */
export const STATES = {
  down: { words: "Down", tone: "bad", drawing: "M6 6l12 12M18 6 6 18" },
  grace: {
    words: "Late",
    tone: "warn",
    drawing: "M12 7v5l3.500 2M20.500 12a8.500 8.500 0 1 1-17 0 8.500 8.500 0 0 1 17 0z",
  },
  running: { words: "Running", tone: "run", drawing: "M8 5.500v13L18.500 12z" },
  up: { words: "Up", tone: "good", drawing: "m5 13 4.500 4.500L19 7" },
  new: { words: "New", tone: "plain", drawing: "M12 5.500v13M5.500 12h13" },
  paused: { words: "Paused", tone: "plain", drawing: "M9 6v12M15 6v12" },
};

/** A small line drawing of a state or a kind of ping; decoration only. @param {string} drawing */
export const drawn = (drawing) =>
  svg("svg.icon", { viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: drawing }));

/** A state at a glance: colour, drawing and word. @param {string} state */
export const stateMark = (state) => {
  const { words, tone, drawing } = STATES[state] ?? STATES.new;
  return h(`span.badge.${tone}.state-mark`, { dataset: { state } }, drawn(drawing), words);
};

/** When its snooze or maintenance lets nobody be alerted. @param {any} check */
export const quietMark = (check) =>
  check.is_quiet && h("span.badge.plain", { title: quietWords(check) }, isSnoozed(check) ? "Snoozed" : "Maintenance");

/** @param {any} check */
export const isSnoozed = (check) => Boolean(check.snoozed_until) && Date.parse(check.snoozed_until) > Date.now();

const quietWords = (check) =>
  isSnoozed(check)
    ? `Nobody is alerted until ${exactTime(check.snoozed_until)}`
    : "Nobody is alerted during maintenance";

/** What comes next, or what has gone wrong, in a few words. @param {any} check @param {Flip} [last] its last change of state */
export const dueWords = (check, last) => {
  const { state, next_due_at: due, last_start_at: start, last_ping_at: ping } = check;
  if (state === "new") return ["waits for its first ping"];
  if (state === "paused") return ["nothing is expected"];
  if (state === "down" && last?.new === "down") return ["went down ", timeElement(last.at)];
  if (state === "down") return ping ? ["last heard of ", timeElement(ping)] : ["never heard of"];
  if (state === "grace") return ["was due ", timeElement(due)];
  if (state === "running") return ["started ", timeElement(start)];
  return due ? ["next due ", timeElement(due)] : ["never due again"];
};

/** @type {Record<string, (check: any) => string>} */
const REASONS = {
  timeout: ({ grace_seconds: grace }) =>
    `nothing was heard of it when it was due, nor in the ${formatDuration(grace)} of grace after that`,
  fail: ({ failures }) =>
    failures > 1 ? `it has failed ${formatNumber(failures)} times in a row` : "its last ping told of a failure",
  "start-deadline": ({ grace_seconds: grace }) => `a run was started, and did not end within ${formatDuration(grace)}`,
  "run-time": ({ max_run_seconds: most }) => `a run took longer than ${most ? formatDuration(most) : "it may"}`,
};
/** Why it went down, for lists. @type {Record<string, string>} */
export const REASON_WORDS = {
  timeout: "Not heard of in time",
  fail: "Told of a failure",
  "start-deadline": "Started, and did not end",
  "run-time": "Ran too long",
};

/** Why it is in the state that it is in. @param {any} check @param {Flip} [last] @returns {Child[]} */
export const whyWords = (check, last) => {
  const { state, next_due_at: due, alert_at: alert, last_start_at: start } = check;
  if (state === "new") return ["Nothing was heard of it yet. It is watched from its first ping on."];
  if (state === "paused")
    return [
      "Nothing is expected of it until it is resumed",
      check.is_manual_resume ? " by hand; pings are only logged." : " or heard of.",
    ];
  if (state === "down") {
    const since = last?.new === "down" ? ["It went down ", timeElement(last.at)] : ["It is down"];
    return [since, last?.reason && REASONS[last.reason] ? `: ${REASONS[last.reason](check)}.` : "."];
  }
  const unless = alert ? ["; unless something is heard of it, it goes down ", timeElement(alert), "."] : ["."];
  if (state === "grace") return ["It was due ", timeElement(due), unless];
  if (state === "running") return ["A run was started ", timeElement(start), unless];
  if (!due) return ["Its schedule has no more times to come."];
  const failures =
    check.failures > 0 &&
    ` It has failed ${formatNumber(check.failures)} of ${formatNumber(check.failures_before_alert)} times in a row.`;
  return ["It is due ", timeElement(due), unless, failures];
};

// ---- schedules -----------------------------------------------------------

const UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

/** `every 15 minutes`. @param {number} seconds */
export const everyWords = (seconds) => {
  const [unit, size] = UNITS.find(([, size]) => seconds % size === 0);
  const count = seconds / size;
  return count === 1 ? `every ${unit}` : `every ${formatNumber(count)} ${unit}s`;
};

/** @param {Schedule} schedule */
export const scheduleText = ({ every_seconds: every, cron, on_calendar: calendar }) =>
  every ? everyWords(every) : (cron ?? calendar ?? "");

/** Asked once for each expression: many checks share one. @type {Map<string, Promise<string>>} */
const explained = new Map();
const explain = (schedule) => {
  const path = withQuery("/api/heartbeats/preview", schedule);
  const ask = () =>
    inTurn(() => get(path)).then(
      ({ in_words: words }) => words.replace(/ \([^()]*\)$/, ""),
      () => {
        explained.delete(path);
        return schedule.cron;
      },
    );
  if (!explained.has(path)) explained.set(path, ask());
  return explained.get(path);
};

/** A schedule as people say it, and beneath as it is written. @param {Schedule} schedule */
export const scheduleElement = (schedule) => {
  const { every_seconds: every, cron, timezone } = schedule;
  if (every) return h("span", null, everyWords(every));
  const words = h("span", null, cron ? cron : codeSpans(`\`${schedule.on_calendar}\``));
  if (cron) explain(schedule).then((text) => fill(words, text));
  return h(
    "span.stacked",
    null,
    words,
    h("span.muted.written", null, cron && h("code", null, cron), cron && " · ", timezone),
  );
};

// ---- pings ---------------------------------------------------------------

/** @type {Record<string, { words: string, tone: string, drawing: string }>} */
export const KINDS = {
  success: { words: "Success", tone: "good", drawing: STATES.up.drawing },
  fail: { words: "Failure", tone: "bad", drawing: STATES.down.drawing },
  start: { words: "Start", tone: "run", drawing: STATES.running.drawing },
  log: { words: "Log", tone: "plain", drawing: "M5 7h14M5 12h14M5 17h8" },
  ignored: { words: "Ignored", tone: "plain", drawing: "M5 12h14" },
};

/** @param {string} kind */
export const kindMark = (kind) => {
  const { words, tone, drawing } = KINDS[kind] ?? KINDS.log;
  return h(`span.badge.${tone}.state-mark`, null, drawn(drawing), words);
};

/** Parts of a second count: `4.2 s`, `850 ms`. @param {number} seconds */
export const shortDuration = (seconds) => {
  if (seconds < 1) return `${formatNumber(Math.round(seconds * 1000))} ms`;
  return seconds < 60 ? `${formatNumber(Number(seconds.toFixed(1)))} s` : formatDuration(Math.round(seconds));
};
