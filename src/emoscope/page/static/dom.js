// Makes elements without HTML strings, and announces changes to screen readers.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes and children. `false`, null and undefined omit an attribute; a function is a listener. */
export function element(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

export const byId = (id) => document.getElementById(id);

let timer;
let announced = "";

/** Announce a sentence in the page's only live region, once no newer one has followed for some milliseconds. */
export function announce(sentence, delay = 900) {
  clearTimeout(timer);
  timer = setTimeout(() => {
    if (sentence !== announced) byId("live").textContent = announced = sentence;
  }, delay);
}

/** Set the text of an alert region, which screen readers announce; an empty text hides it. */
export function showAlert(region, sentence, ...extra) {
  if (region.textContent !== sentence || extra.length) region.replaceChildren(sentence, ...extra);
  region.hidden = !sentence;
}

/** A button for the action of a failure, in a list after a space, or nothing; once it is done, the work starts again. */
export function actionButton(action, again) {
  if (!action) return [];
  const click = async () => (await action.run()) && again();
  return [" ", element("button", { type: "button", class: "link", click }, action.name)];
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
