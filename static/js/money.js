// Pages of credits: the reader's own time zone offered for statements, filters that apply at once, printing.

const offer = document.querySelector("form[data-zone]");
const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (offer && here && here !== offer.dataset.zone && !("zoneChosen" in offer.dataset)) {
  offer.elements.time_zone.value = here;
  offer.querySelector("[data-zone-name]").textContent = here;
  offer.hidden = false;
}

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) window.print();
});
