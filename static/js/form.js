// A model's form: rows that are added, moved and removed, and fields that follow one another. Files are in files.js.
// Without this script the form has spare rows.

const form = document.getElementById("input-form");

function changed() {
  form.dispatchEvent(new Event("change", { bubbles: true }));
}

// Rows

function rowsOf(list) {
  return [...list.querySelector(":scope > [data-rows-list]").querySelectorAll(":scope > [data-row]")];
}

function addRow(list) {
  const template = list.querySelector(":scope > [data-row-template]");
  const name = list.dataset.rows;
  const holder = document.createElement("div");
  holder.innerHTML = template.innerHTML.replaceAll(`${name}[#]`, `${name}[${rowsOf(list).length}]`);
  const row = holder.firstElementChild;
  list.querySelector(":scope > [data-rows-list]").append(row);
  prepare(row);
  settle(list);
  return row;
}

const NAMED = ["name", "id", "for", "aria-describedby", "data-rows"];

// The place of a row is part of the name of everything in it, and of what it is called aloud.
function number(list) {
  const name = list.dataset.rows;
  const place = new RegExp(`^((?:[a-z]-)?)${name.replace(/[.[\]]/g, "\\$&")}\\[\\d+\\]`);
  for (const [index, row] of rowsOf(list).entries()) {
    const inside = [...row.querySelectorAll("*")];
    for (const template of row.querySelectorAll("template")) inside.push(...template.content.querySelectorAll("*"));
    for (const element of inside) {
      for (const attribute of NAMED) {
        const value = element.getAttribute(attribute);
        if (value) element.setAttribute(attribute, value.replaceAll(/\S+/g, (word) => word.replace(place, `$1${name}[${index}]`)));
      }
      const label = element.getAttribute("aria-label");
      if (label?.startsWith(list.dataset.label)) {
        const rest = label.slice(list.dataset.label.length).replace(/^ \d+/, "");
        element.setAttribute("aria-label", `${list.dataset.label} ${index + 1}${rest}`);
      }
    }
    row.setAttribute("aria-label", `${list.dataset.label} ${index + 1} of ${rowsOf(list).length}`);
  }
}

// Buttons that only work with scripts appear; a full list cannot grow, and the first row cannot move up.
function settle(list) {
  const rows = rowsOf(list);
  const most = Number(list.dataset.most || Infinity);
  list.querySelector(":scope > [data-add-row]").hidden = rows.length >= most;
  for (const [index, row] of rows.entries()) {
    row.setAttribute("role", "group");
    const buttons = row.querySelector(":scope > [data-row-buttons]");
    buttons.hidden = false;
    for (const button of buttons.querySelectorAll("[data-move]")) {
      button.hidden = rows.length < 2;
      button.disabled = button.dataset.move === "up" ? index === 0 : index === rows.length - 1;
    }
  }
  number(list);
}

function prepare(root) {
  for (const list of root.querySelectorAll("[data-rows]")) settle(list);
}

function move(button) {
  const list = button.closest("[data-rows]");
  const row = button.closest("[data-row]");
  // Not the next sibling: between the rows stands what is meant for browsers without scripts.
  const rows = rowsOf(list);
  const index = rows.indexOf(row);
  if (button.dataset.move === "up") rows[index - 1].before(row);
  else rows[index + 1].after(row);
  settle(list);
  const other = row.querySelector(`[data-move=${button.dataset.move === "up" ? "down" : "up"}]`);
  (button.disabled ? other : button).focus();
  document.getElementById("form-status").textContent = `Moved: ${row.getAttribute("aria-label")}`;
  changed();
}

form.addEventListener("click", (event) => {
  const add = event.target.closest("[data-add-row]");
  if (add) {
    const row = addRow(add.closest("[data-rows]"));
    // A click by files.js, which fills the row, is not trusted and moves no focus.
    if (event.isTrusted) row.querySelector("input:not([type=hidden]), textarea, select")?.focus();
  }
  const remove = event.target.closest("[data-remove-row]");
  if (remove) {
    const list = remove.closest("[data-rows]");
    remove.closest("[data-row]").remove();
    settle(list);
    list.querySelector(":scope > [data-add-row]").focus();
    changed();
  }
  const mover = event.target.closest("[data-move]");
  if (mover) move(mover);
});

// A result and the generation that it is of

form.addEventListener("change", (event) => {
  if (event.target.matches?.("select[data-results]")) {
    const source = event.target.selectedOptions[0]?.dataset.source;
    for (const select of form.querySelectorAll("select[data-sources]")) {
      if (source && [...select.options].some((option) => option.value === source)) select.value = source;
    }
  }
  if (event.target.matches?.("select[data-sources]") && event.target.value) {
    for (const select of form.querySelectorAll("select[data-results]")) {
      const fitting = [...select.options].filter((option) => option.dataset.source === event.target.value);
      if (fitting.length && !fitting.includes(select.selectedOptions[0])) select.value = fitting[0].value;
    }
  }
});

prepare(form);
document.querySelector(".alert[role=alert], .is-invalid")?.scrollIntoView({ block: "center" });
