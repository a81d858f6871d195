// Elements without HTML strings, and what is said to screen readers.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes and children; `false`, null and undefined leave an attribute out, functions listen. */
export function element(tag, attributes = {}, ...children) {
  return dress(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return dress(document.createElementNS(SVG, tag), attributes, children);
}

function dress(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

export const byId = (id) => document.getElementById(id);

let waiting;
let said = "";

/** Say a sentence in the page's one live region, once nothing newer has come for a moment. */
export function announce(sentence, after = 900) {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    if (sentence !== said) byId("live").textContent = said = sentence;
  }, after);
}

/** Text of a region that is announced when it changes; empty hides it. */
export function tell(region, sentence, ...extra) {
  if (region.textContent !== sentence || extra.length) region.replaceChildren(sentence, ...extra);
  region.hidden = !sentence;
}

export const sleep = (milliseconds, signal) =>
  new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
