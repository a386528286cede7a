// The field in which people name elements, and those that they named.

import { linesOf, loadElements, parseElements } from "./lines.js";

export class ElementSearch {
  constructor(form, field, list, settings, tell) {
    Object.assign(this, { field, list, settings, tell });
    this.elements = null;
    form.addEventListener("submit", (event) => this.submit(event));
    field.addEventListener("keydown", (event) => event.key === "Escape" && field.blur());
    settings.onChange(["elements"], () => this.show());
    loadElements().then(
      (elements) => this.loaded(elements),
      (error) => tell(error.message),
    );
  }

  loaded(elements) {
    this.elements = elements;
    this.settings.set({ elements: this.settings.get("elements").filter((symbol) => symbol in elements) });
    this.show();
  }

  submit(event) {
    event.preventDefault();
    if (this.elements === null) return;
    try {
      const named = parseElements(this.elements, this.field.value);
      this.settings.set({ elements: [...new Set([...this.settings.get("elements"), ...named])] });
      this.field.value = "";
      this.tell("");
    } catch (error) {
      this.tell(error.message);
    }
  }

  // Lines of all elements that were named.
  lines() {
    if (this.elements === null) return [];
    return this.settings.get("elements").flatMap((symbol) => linesOf(this.elements, symbol));
  }

  show() {
    this.list.replaceChildren(...this.settings.get("elements").map((symbol) => this.chip(symbol)));
  }

  chip(symbol) {
    const made = document.createElement("button");
    made.type = "button";
    made.className = "chip";
    made.textContent = `${symbol} \u00d7`;
    made.title = `hide the lines of ${symbol}`;
    made.addEventListener("click", () => this.settings.set({ elements: this.settings.get("elements").filter((other) => other !== symbol) }));
    return made;
  }
}
