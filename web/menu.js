/**
 * A button that unfolds a short list of things to do: links and buttons, reached by Tab and by the arrows. Escape, a choice
 * and a look elsewhere fold it.
 */
import { fill, h, icon, newId } from "./dom.js";

/**
 * @typedef {{ text: import("./dom.js").Child, href?: string, download?: string, onChoose?: () => void }} MenuItem
 * @param {Object} options
 * @param {import("./dom.js").Child} options.face what stands on the button
 * @param {string} [options.label] what it is, for screen readers, where the face says too little
 * @param {() => MenuItem[]} options.items asked each time it opens
 * @param {string} [options.look] classes of the button, such as `.quiet`
 * @returns {{ element: HTMLElement, button: HTMLElement }}
 */
export const menuButton = ({ face, label, items, look = "" }) => {
  const id = newId("menu");
  const list = h("ul.menu-list", { id, hidden: true });
  const button = h(
    `button${look}`,
    { type: "button", "aria-expanded": "false", "aria-controls": id, "aria-label": label, onclick: () => toggle() },
    face,
    icon("down"),
  );
  const choices = () => [...list.querySelectorAll("a, button")];

  const choose = (item) => {
    close();
    button.focus();
    item.onChoose?.();
  };
  const line = (item) =>
    h(
      "li",
      null,
      h(
        item.href ? "a" : "button",
        {
          type: item.href ? null : "button",
          href: item.href,
          download: item.download,
          onclick: () => choose(item),
        },
        item.text,
      ),
    );

  const open = () => {
    fill(list, items().map(line));
    list.hidden = false;
    button.setAttribute("aria-expanded", "true");
    choices()[0]?.focus();
  };
  const close = () => {
    list.hidden = true;
    button.setAttribute("aria-expanded", "false");
  };
  const toggle = () => (list.hidden ? open() : close());

  const onkeydown = (event) => {
    if (list.hidden) return;
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      close();
      return button.focus();
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const all = choices();
    const at = all.indexOf(document.activeElement);
    all[(at + step + all.length) % all.length]?.focus();
  };
  // Not every browser gives a button the focus that is pressed; without one the menu would fold before the click.
  const onmousedown = (event) => !list.hidden && event.preventDefault();
  const onfocusout = (event) => !element.contains(event.relatedTarget) && close();
  const element = h("div.menu-box", { onkeydown, onmousedown, onfocusout }, button, list);
  return { element, button };
};
