"use strict";
// Elements of the page; text is set as text, never as HTML.

window.mdstream = window.mdstream || {};

mdstream.element = (tag, className, text) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};
