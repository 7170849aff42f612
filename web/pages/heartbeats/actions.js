/**
 * What can be done with a check: pause, resume, snooze, delete.
 */
import { call } from "../../api.js";
import { confirmDialog, exactTime, h, openDialog, toast } from "../../dom.js";
import { schemaForm } from "../../forms.js";
import { fieldOf } from "../../schema.js";
import { checkPath, isSnoozed, nameOf } from "./words.js";

/** @typedef {{ check: any, onDone: (check: any) => void }} Target */

const HOUR_MS = 3_600_000;
const MORNING = 9;

const tomorrow = () => {
  const at = new Date();
  at.setDate(at.getDate() + 1);
  at.setHours(MORNING, 0, 0, 0);
  return at;
};

const refused = (error) => toast(`${error.problem?.title ?? "It failed"}: ${error.message}`, "error");

const change = async ({ check, onDone }, rest, body) => {
  const { data } = await call("POST", checkPath(check.id, rest), { body });
  onDone(data);
  return data;
};

/** @param {Target} target */
export const pause = async (target) => {
  try {
    const check = await change(target, "/pause");
    toast(`${nameOf(check)} is paused`, "info", { words: "Resume", run: () => resume({ ...target, check }) });
  } catch (error) {
    refused(error);
  }
};

/** @param {Target} target */
export const resume = async (target) => {
  try {
    const check = await change(target, "/resume");
    toast(`${nameOf(check)} is resumed, and waits for its first ping`);
  } catch (error) {
    refused(error);
  }
};

/** @param {Target} target @param {Date | null} until */
const snooze = async (target, until) => {
  try {
    const name = nameOf(await change(target, "/snooze", { until: until?.toISOString() ?? null }));
    toast(until ? `Nobody is alerted of ${name} until ${exactTime(until)}` : `${name} is not snoozed any more`);
  } catch (error) {
    refused(error);
  }
};

const askUntil = (target) => {
  const field = fieldOf({}, "until", { type: "string", format: "date-time", title: "Alert nobody until" }, true);
  const onSubmit = async ({ until }) => {
    const name = nameOf(await change(target, "/snooze", { until }));
    close();
    toast(`Nobody is alerted of ${name} until ${exactTime(until)}`);
  };
  const close = openDialog({
    title: `Snooze ${nameOf(target.check)}`,
    content: schemaForm({
      fields: [field],
      given: { until: tomorrow().toISOString() },
      submit: "Snooze",
      label: "Snooze",
      onSubmit,
      onCancel: () => close(),
      curl: (body) => ({ method: "POST", path: checkPath(target.check.id, "/snooze"), body }),
    }),
  });
};

/** The choices of a menu. @param {Target} target @returns {import("../../menu.js").MenuItem[]} */
export const snoozeItems = (target) => [
  { text: "For 1 hour", onChoose: () => snooze(target, new Date(Date.now() + HOUR_MS)) },
  { text: "For 8 hours", onChoose: () => snooze(target, new Date(Date.now() + 8 * HOUR_MS)) },
  { text: "Until tomorrow, 9:00", onChoose: () => snooze(target, tomorrow()) },
  { text: "Until a time…", onChoose: () => askUntil(target) },
  ...(isSnoozed(target.check) ? [{ text: "End the snooze", onChoose: () => snooze(target, null) }] : []),
];

/** All of it for one row of a list. @param {Target} target @returns {import("../../menu.js").MenuItem[]} */
export const rowItems = (target) => [
  target.check.state === "paused"
    ? { text: "Resume", onChoose: () => resume(target) }
    : { text: "Pause", onChoose: () => pause(target) },
  ...snoozeItems(target).map((item) => ({
    ...item,
    text: h(
      "span",
      null,
      item.text === "End the snooze" ? item.text : `Snooze ${item.text.charAt(0).toLowerCase()}${item.text.slice(1)}`,
    ),
  })),
];

/** @param {any} check @returns {Promise<boolean>} whether it is gone */
export const remove = (check) =>
  confirmDialog({
    title: `Delete ${nameOf(check)}?`,
    text: "Its pings and its history go with it, and pings to its URL are answered with 404. This cannot be undone.",
    action: "Delete heartbeat",
    run: () => call("DELETE", checkPath(check.id)),
  });
