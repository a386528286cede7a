// The windows of one channel as numbers: the way to set them without a pointer.

const ENDS = ["low", "high"];

export class WindowForm {
  // `write(window, low, high, isForAll)` when both are whole numbers.
  constructor(form, title, note, write) {
    Object.assign(this, { form, title, note, write });
    this.rows = [...form.querySelectorAll(".window-row")].map((row, window) => this.makeRow(row, window));
    form.addEventListener("submit", (event) => event.preventDefault());
  }

  makeRow(row, window) {
    const fields = ENDS.map((end) => makeField(`window ${window}, ${end} bin`));
    const set = makeButton("set", "submit", `Set window ${window} of this channel`);
    const setAll = makeButton("all", "button", `Set window ${window} of all channels`);
    row.append(`w${window}`, fields[0], "to", fields[1], set, setAll);
    set.addEventListener("click", () => this.commit(window, fields, false));
    setAll.addEventListener("click", () => this.commit(window, fields, true));
    return { fields, buttons: [set, setAll] };
  }

  // `windows` of the chosen channel, null where they are not known. What is being typed stays.
  show(channel, windows, control) {
    this.title.textContent = `channel ${channel}`;
    this.note.textContent = control === null ? "Read only: the view was started without --control." : "";
    const isOther = channel !== this.channel;
    this.channel = channel;
    this.rows.forEach(({ fields, buttons }, window) => {
      for (const button of buttons) button.hidden = control === null;
      fields.forEach((field, end) => {
        field.readOnly = control === null;
        if (isOther) delete field.dataset.typed;
        if (!field.dataset.typed) field.value = windows?.[window]?.[end] ?? "";
      });
    });
  }

  commit(window, fields, isForAll) {
    const [low, high] = fields.map((field) => Number(field.value));
    const isWhole = fields.every((field) => /^\d+$/.test(field.value.trim()));
    this.note.textContent = isWhole ? "" : `Window ${window}: both ends are bins, whole numbers`;
    if (!isWhole) return;
    for (const field of fields) delete field.dataset.typed;
    this.write(window, low, high, isForAll);
  }
}

function makeButton(text, type, title) {
  const button = document.createElement("button");
  Object.assign(button, { type, title, textContent: text, className: text });
  return button;
}

function makeField(label) {
  const field = document.createElement("input");
  field.inputMode = "numeric";
  field.size = 5;
  field.setAttribute("aria-label", label);
  field.addEventListener("input", () => (field.dataset.typed = "yes"));
  return field;
}
