// The sentence for people above the tools.

const STAYS = 12; // s

export class Notice {
  constructor(element) {
    this.element = element;
    element.addEventListener("click", () => this.tell(""));
  }

  // Empty takes it away; `kind` is "problem" or "done".
  tell(text, kind = "problem") {
    Object.assign(this.element, { textContent: text, hidden: text === "" });
    this.element.dataset.kind = kind;
    clearTimeout(this.ends);
    this.ends = setTimeout(() => (this.element.hidden = true), STAYS * 1000);
  }
}
