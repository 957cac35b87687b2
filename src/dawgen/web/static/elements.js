/** What every page's scripts need: elements by id, and new ones whose texts go in as text. */
export const at = (id) => document.getElementById(id);

/** An element with properties; texts go in as text, never as HTML. */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}
