// The cards of a chain: read them, and tell when they change.

export function chainOf(list) {
  return [...list.querySelectorAll(".card")].map((card) => {
    const member = JSON.parse(card.dataset.rest);
    for (const control of card.querySelectorAll(".control")) {
      const select = control.querySelector("select");
      const number = control.querySelector("input[type=number]");
      member[control.dataset.field] = select ? JSON.parse(select.value) : valueOf(number, control);
    }
    return member;
  });
}

function valueOf(number, control) {
  const range = control.querySelector("input[type=range]");
  const value = Number(number.value || range.value); // the field is empty while one types
  return control.dataset.whole === "yes" ? Math.round(value) : value;
}

export function wire(list, changed) {
  list.addEventListener("input", (event) => {
    const control = event.target.closest(".control");
    const [range, number] = control.querySelectorAll("input");
    if (event.target === range) number.value = range.value;
    else if (event.target === number && number.value) range.value = number.value;
    changed();
  });
  list.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const card = button.closest(".card");
    if (button.className === "neutral") {
      for (const input of button.parentElement.querySelectorAll("input")) {
        input.value = button.dataset.value;
      }
    } else if (button.className === "up") card.previousElementSibling?.before(card);
    else if (button.className === "down") card.nextElementSibling?.after(card);
    else if (button.className === "remove") {
      const next = card.nextElementSibling ?? card.previousElementSibling;
      card.remove();
      (next?.querySelector(".remove") ?? list.closest(".lane").querySelector(".add")).focus();
    }
    if (card.isConnected) button.focus();
    changed();
  });
}
