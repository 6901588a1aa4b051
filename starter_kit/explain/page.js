// Shows the errors that fit what is chosen. Without it, all are shown.
const form = document.querySelector("#filter");
const cards = [...document.querySelectorAll("#errors .card")];
const told = document.querySelector("#told");
function choose() {
  const wanted = [...new FormData(form)].filter(([, value]) => value);
  let count = 0;
  for (const card of cards) {
    card.hidden = !wanted.every(([name, value]) => card.dataset[name] === value);
    count += !card.hidden;
  }
  told.textContent = `${count} of ${cards.length} shown.`;
}
form.hidden = false;
form.addEventListener("change", choose);
choose();
