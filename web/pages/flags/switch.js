/**
 * The switch that enables and disables a flag. It moves at once, goes back when the server refuses, and can be undone.
 */
import { announce, h, toast } from "../../dom.js";
import { STATES } from "./words.js";

const opposite = (state) => (state === "ENABLED" ? "DISABLED" : "ENABLED");

/** What a failure means for somebody who pressed a switch. @param {any} error */
const refusal = (error) =>
  error.problem?.status === 412
    ? "Somebody else changed this flag just now. Look again, then press the switch once more."
    : `${error.problem?.title ?? "It failed"}: ${error.message}`;

/**
 * @param {{ key: string, state: string }} flag
 * @param {{ setState: (state: string) => Promise<any>, isReadOnly?: boolean, hasWords?: boolean }} options
 * @returns {{ element: HTMLElement, show: (state: string) => void }}
 */
export const stateSwitch = (flag, { setState, isReadOnly = false, hasWords = false }) => {
  let state = flag.state;
  let isBusy = false;
  const words = h("span", null, hasWords && STATES[state]);
  const show = (next) => {
    state = next;
    button.setAttribute("aria-checked", String(state === "ENABLED"));
    button.title = `${STATES[state]}${isReadOnly ? "" : `: press to ${state === "ENABLED" ? "disable" : "enable"}`}`;
    if (hasWords) words.textContent = STATES[state];
  };
  const change = async (next, isUndoable = true) => {
    if (isBusy) return;
    isBusy = true;
    const before = state;
    show(next);
    try {
      await setState(next);
      const undo = { words: "Undo", run: () => change(opposite(next), false) };
      toast(`${flag.key} is ${STATES[next].toLowerCase()}`, "info", isUndoable ? undo : undefined);
    } catch (error) {
      show(before);
      toast(refusal(error), "error");
      announce(`${flag.key} is still ${STATES[before].toLowerCase()}`);
    } finally {
      isBusy = false;
    }
  };
  const button = h(
    "button.switch",
    {
      type: "button",
      role: "switch",
      "aria-label": `${flag.key}: enabled`,
      disabled: isReadOnly,
      onclick: () => change(opposite(state)),
    },
    h("span.switch-track", { "aria-hidden": "true" }),
    hasWords && words,
  );
  show(state);
  return { element: button, show };
};
