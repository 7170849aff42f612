/**
 * Events: what each tells stands in the list; one that nobody tells is marked.
 *
 * @type {import("../generic.js").Page}
 */
import { h } from "../dom.js";
import { badge } from "../table.js";

/** @param {any} event */
const topicCell = (event) =>
  h("span.with-badges", null, event.topic, !event.is_published && badge("its slice is not here"));

export default {
  columns: ["topic", "description", "listeners", "slice"],
  first: ["topic", "description", "slice", "is_published", "listeners"],
  cells: { topic: topicCell },
};
