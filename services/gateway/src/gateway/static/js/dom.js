// Building the page from data. Data become text, never markup.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null && child !== ""));
  return node;
}

export function icon(name, className = "") {
  const svg = document.createElementNS(SVG, "svg");
  if (className) svg.setAttribute("class", className);
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `/static/icons.svg#${name}`);
  svg.append(use);
  return svg;
}

export function bar(x, height, width, top) {
  const rect = document.createElementNS(SVG, "rect");
  for (const [name, value] of Object.entries({ x, width, height, y: top - height, rx: 1 })) {
    rect.setAttribute(name, value);
  }
  return rect;
}

export function setText(id, text) {
  const node = byId(id);
  if (node.textContent !== text) node.textContent = text;
}

export const badge = (text, tone) => el("span", { class: "badge", "data-tone": tone }, text);

export function announce(text) {
  setText("announcer", text);
}
