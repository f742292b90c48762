"use strict";
// Elements of the page; text is set as text, never as HTML.

window.mdstream = window.mdstream || {};

mdstream.element = (tag, className, text) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};

// Makes what is in a node what is wanted, and touches nothing else: what changes is laid out and painted anew.
// wanted: texts, and {tag, className, style, items} with such in them.
mdstream.patch = (node, wanted) => {
  wanted.forEach((item, i) => {
    const isText = typeof item === "string";
    const name = isText ? "#text" : item.tag.toUpperCase();
    let at = node.childNodes[i];
    if (!at || at.nodeName !== name) {
      const made = isText ? document.createTextNode("") : document.createElement(item.tag);
      if (at) at.replaceWith(made);
      else node.append(made);
      at = made;
    }
    if (isText) {
      if (at.data !== item) at.data = item;
      return;
    }
    const { className = "", style = {}, items } = item;
    if (at.className !== className) at.className = className;
    for (const [property, value] of Object.entries({ ...at.styled, ...style })) {
      if (!(property in style)) at.style[property] = "";
      else if (at.styled?.[property] !== value) at.style[property] = value;
    }
    at.styled = style;
    mdstream.patch(at, items);
  });
  while (node.childNodes.length > wanted.length) node.lastChild.remove();
};

// What `patch` takes: an element with a text, or with other such elements.
mdstream.wanted = (tag, className, content, style) => ({ tag, className, style, items: [content].flat() });

// Dash's options have a field within each, which readers of screens do not reach: here the option itself is what is
// focused and chosen, and the field is hidden.
mdstream.chosenByKey = (list, name) => {
  list.setAttribute("aria-label", name);
  for (const option of list.querySelectorAll("[role=option]")) {
    option.tabIndex = 0;
    option.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      option.click();
    });
  }
};
